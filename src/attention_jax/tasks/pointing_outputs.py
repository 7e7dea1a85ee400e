"""Answers about points as people read them: metrics, records, pictures and maps."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from attention_jax.data.pointing.problem import Measured, Problem, Scored
from attention_jax.data.pointing.splits import INPUT
from attention_jax.tasks.protocol import AttentionMap, by_number
from attention_jax.typing import Batch
from attention_jax.viz import pointing as viz
from attention_jax.viz.curves import by_length, length_curve

_DRAWN = 6
_STEPS_DRAWN = 2
_SIZES_SHOWN = 10  # More different sizes are shown in tens.


class Answered(NamedTuple):
    """One set, in the units of who gave it, and what was said of it."""

    points: np.ndarray
    """float64 [points, coordinates]."""
    said: np.ndarray
    """Indices, from 0; the end left out."""
    answer: np.ndarray | None
    """Likewise; None where nobody knows."""


class Reader:
    """Reads outputs: `points`, `points_mask`, `frame`, `tokens` and `score`; `targets` where the
    answers are known, `weights` where they are kept (see `tasks.pointing`).

    Args:
      problem: judges the answers.
      names: split -> what its sets are called, where they have names.
    """

    def __init__(self, problem: Problem, names: Callable[[str], Sequence[str]]):
        self._problem, self._names = problem, names

    def score(self, split: str, outputs: list[Batch]) -> Scored:
        """The metrics of all sets; of each where they have names, else the main one by size."""
        rows = by_number(outputs)
        each = [answered(rows[n]) for n in sorted(rows)]
        measured = [self._measure(one) for one in each]
        metrics, notes = self._problem.score(measured)
        if names := self._names(split):
            of_slices = self._by_name(dict(zip(names, measured, strict=True)))
        else:
            of_slices = self._by_size(np.array([len(one.points) for one in each]), measured)
        return Scored(metrics | of_slices, notes)

    def _measure(self, one: Answered) -> Measured:
        return self._problem.measure(one.points, one.said, one.answer)

    def _by_size(self, sizes: np.ndarray, measured: Sequence[Measured]) -> dict[str, float]:
        """The main metric of the sets of each size, or of ten sizes."""
        main, _ = self._problem.main_metric
        different = np.unique(sizes)
        if len(different) < 2:
            return {}
        width = 1 if len(different) <= _SIZES_SHOWN else 10
        found = {}
        for low in np.unique(different // width * width):
            members = np.flatnonzero((sizes >= low) & (sizes < low + width))
            metrics = self._problem.score([measured[n] for n in members.tolist()]).metrics
            label = f"{low}" if width == 1 else f"{low}_{low + width}"
            if main in metrics:
                found[f"{main}/length_{label}"] = metrics[main]
        return found

    def _by_name(self, named: dict[str, Measured]) -> dict[str, float]:
        return {
            f"{metric}/{name}": value
            for name, measured in named.items()
            for metric, value in self._problem.score([measured]).metrics.items()
            if "/" not in metric
        }

    def describe(self, split: str, outputs: list[Batch]) -> list[dict[str, Any]]:
        """Of each set its points, the prediction and its log-probability; the reference, where it
        is known, and what the prediction is worth.
        """
        rows, names = by_number(outputs), self._names(split)
        records = []
        for place, n in enumerate(sorted(rows)):
            one = answered(rows[n])
            record: dict[str, Any] = {"name": names[place]} if names else {}
            record["input"] = _plain(one.points)
            record["prediction"] = self._told(one.said)
            if one.answer is not None:
                record["reference"] = self._told(one.answer)
            record["score"] = float(rows[n]["score"])
            records.append(record | self._measure(one))
        return records

    def pictures(
        self, split: str, outputs: list[Batch], metrics: dict[str, float]
    ) -> dict[str, Figure]:
        """A few answers side by side, the weights of fewer step by step, and the curve by size."""
        rows = by_number(outputs)
        chosen = self._spread(split, rows, _DRAWN)
        drawings = [self._drawing(split, rows[n]) for n in chosen]
        figures = {"answers": viz.gallery(drawings)}
        closely = self._spread(split, rows, _STEPS_DRAWN)
        for place, n in enumerate(n for n in closely if "weights" in rows[n]):
            weights, chosen_positions = _weights(rows[n])
            drawing = self._drawing(split, rows[n])
            figures[f"steps_{place}"] = viz.steps(drawing, weights, chosen_positions.tolist())
        main, _ = self._problem.main_metric
        buckets = by_length(metrics, main)
        if len(buckets) > 1:
            label = main.replace("_", " ")
            figures["length"] = length_curve({split: buckets}, metric=label, axis="points")
        return figures

    def maps(self, split: str, outputs: list[Batch]) -> list[AttentionMap]:
        """What was pointed at in each step; the truth beside it where the answer is right."""
        rows = by_number(outputs)
        places = {n: place for place, n in enumerate(sorted(rows))}
        return [
            self._map(rows[n], places[n])
            for n in self._spread(split, rows, _DRAWN)
            if "weights" in rows[n]
        ]

    def _map(self, row: Batch, place: int) -> AttentionMap:
        weights, chosen = _weights(row)
        one = answered(row)
        right = one.answer is not None and np.array_equal(one.said, one.answer)
        labels = ["end", *map(str, range(len(one.points)))]
        return AttentionMap(
            place,
            f"{len(one.points)} points",
            "pointer",
            [labels[position] for position in chosen],
            labels,
            weights,
            ("said", "point"),
            gold=[(step, int(position)) for step, position in enumerate(chosen)] if right else None,
        )

    def _drawing(self, split: str, row: Batch) -> viz.Drawing:
        one = answered(row)
        measured = self._measure(one)
        main, _ = self._problem.main_metric
        title = f"{len(one.points)} points"
        if main in measured:
            title += f", {main.replace('_', ' ')} {_short(measured[main])}"
        if "optimal" in measured:
            title += f" ({_short(measured['optimal'])})"
        answer = None if one.answer is None else self._told(one.answer)
        return viz.Drawing(one.points, self._told(one.said), answer, self._kind(), title)

    def _kind(self) -> str:
        if self._problem.triples:
            return viz.TRIANGLES
        return viz.ORDER if self._problem.coordinates == 1 else viz.RING

    def _told(self, said: np.ndarray) -> list:
        """For JSON: indices, or triples of them."""
        indices = [int(n) for n in said]
        if not self._problem.triples:
            return indices
        return [indices[n : n + 3] for n in range(0, len(indices) - 2, 3)]

    @staticmethod
    def _spread(split: str, rows: dict[int, Batch], count: int) -> list[int]:
        """A few sets from the smallest to the largest; of a user's the first, in their order."""
        if split == INPUT:
            return sorted(rows)[:count]
        by_size = sorted(rows, key=lambda n: (rows[n]["points_mask"].sum(), n))
        places = np.linspace(0, len(by_size) - 1, min(count, len(by_size))).round()
        return [by_size[int(place)] for place in places]


def answered(row: Batch) -> Answered:
    """What an output says of one set."""
    count = int(row["points_mask"].sum())
    side, *corner = row["frame"].astype(np.float64)
    points = row["points"][:count].astype(np.float64) * side + corner
    answer = _indices(row["targets"]) if "targets" in row else None
    return Answered(points, _indices(row["tokens"]), answer)


def _plain(points: np.ndarray) -> list:
    """For JSON, to the six digits that float32 can tell; numbers alone where a point is one."""
    rounded = [[float(f"{value:.6g}") for value in point] for point in points]
    return [value for (value,) in rounded] if points.shape[1] == 1 else rounded


def _indices(positions: np.ndarray) -> np.ndarray:
    """Of positions, those before the first end."""
    ends = np.flatnonzero(positions == 0)
    return positions[: ends[0] if len(ends) else None].astype(np.int64) - 1


def _weights(row: Batch) -> tuple[np.ndarray, np.ndarray]:
    """Weights [steps, 1 + points] of the steps up to the end, and the position of each."""
    count, said = int(row["points_mask"].sum()), len(_indices(row["tokens"]))
    steps = min(said + 1, len(row["tokens"]))
    return row["weights"][:steps, : count + 1].astype(np.float32), row["tokens"][:steps]


def _short(x: float) -> str:
    """Three digits, and of large numbers all before the point: powers of ten are longer."""
    return f"{x:.3g}" if abs(x) < 999.5 else f"{x:,.0f}"
