"""What `FewShot.predict` gave, on the host: counted, as JSON, drawn, and as attention maps."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from attention_jax.tasks.protocol import AttentionMap, by_number
from attention_jax.typing import Batch
from attention_jax.viz import few_shot as viz

MARGIN = "half of the 95 % interval over episodes, 1.96 standard errors"
MASS = "share of the last attention block's weight on the support of the right class"

_DRAWN = 6
_READ = 2


def accuracies(outputs: Sequence[Batch]) -> dict[str, float]:
    """`accuracy/5way_1shot` and `accuracy_margin/5way_1shot`, for each number of shots."""
    rows = by_number(outputs).values()
    right = np.array([(row["said"] == row["targets"]).mean() for row in rows])
    shots = np.array([row["shots"] for row in rows])
    (ways,) = {len(row["classes"]) for row in rows}
    return by_shots(ways, shots, right)


def by_shots(ways: int, shots: np.ndarray, right: np.ndarray) -> dict[str, float]:
    """The mean accuracy of the episodes of each number of shots, and half of its 95 % interval.

    The interval is over episodes, 1.96 standard errors, as is usual: queries of one episode are not
    independent of one another. A single episode has none.

    Args:
      ways: of all episodes.
      shots: of each, [episodes].
      right: the share of its queries that were recognised, [episodes].
    """
    metrics = {}
    for number in np.unique(shots):
        of_these, kind = right[shots == number], f"{ways}way_{number}shot"
        metrics[f"accuracy/{kind}"] = float(of_these.mean())
        if len(of_these) > 1:
            error = of_these.std(ddof=1) / np.sqrt(len(of_these))
            metrics[f"accuracy_margin/{kind}"] = float(1.96 * error)
    return metrics


def masses(outputs: Sequence[Batch]) -> dict[str, float]:
    """`attention_mass` of the last attention block, and of several that of each; {} without any."""
    if "attention_mass" not in outputs[0]:
        return {}
    each = np.concatenate([output["attention_mass"] for output in outputs]).mean((0, 1))
    metrics = {"attention_mass": float(each[-1])}
    if len(each) > 1:
        metrics |= {f"attention_mass/block_{n}": float(m) for n, m in enumerate(each, start=1)}
    return metrics


def records(outputs: Sequence[Batch], names: Sequence[str]) -> list[dict[str, Any]]:
    """Of each episode its classes, and the class that each query was given, in their order."""
    rows, described = by_number(outputs), []
    for n in sorted(rows):
        row = rows[n]
        called = [names[number] for number in row["classes"]]
        record: dict[str, Any] = {
            "input": {"classes": called, "shots": int(row["shots"])},
            "prediction": [called[label] for label in row["said"]],
        }
        if "targets" in row:
            record["reference"] = [called[label] for label in row["targets"]]
            record["accuracy"] = float((row["said"] == row["targets"]).mean())
        if "attention_mass" in row:
            record["attention_mass"] = round(float(row["attention_mass"][:, -1].mean()), 4)
        described.append(record)
    return described


def pictures(split: str, outputs: Sequence[Batch], metrics: dict[str, float]) -> dict[str, Figure]:
    """`episodes`, `reading_0` and `reading_1`, `shots`; those for which there is something to draw.

    Args:
      split: its name, for the curve.
      outputs: of the split.
      metrics: of the split, `accuracy/5way_1shot` and the like among them.
    """
    rows, figures = by_number(outputs), {}
    drawn = [_episode(rows[n]) for n in _spread(rows, _DRAWN) if "support" in rows[n]]
    if drawn:
        figures["episodes"] = viz.page(drawn)
    read = [_episode(rows[n]) for n in _spread(rows, _READ) if "weights" in rows[n]]
    for place, episode in enumerate(read):
        figures[f"reading_{place}"] = viz.reading(episode)
    curve = {}
    for name, value in metrics.items():
        if found := re.fullmatch(r"accuracy/(\d+)way_(\d+)shot", name):
            ways, shots = map(int, found.groups())
            margin = metrics.get(f"accuracy_margin/{ways}way_{shots}shot", 0.0)
            curve[shots] = (value, margin)
    if len(curve) > 1:
        figures["shots"] = viz.accuracy_by_shot({f"{split}, {ways} ways": curve}, chance=1 / ways)
    return figures


def maps(outputs: Sequence[Batch], names: Sequence[str]) -> list[AttentionMap]:
    """A map an attention block: queries down, the support and the query itself across.

    Both stand class by class, so that a model that reads the right class shows blocks on the
    diagonal; nothing of their order in the sequence is to be seen.
    """
    rows = by_number(outputs)
    places = {n: place for place, n in enumerate(sorted(rows))}
    chosen = [n for n in _spread(rows, _DRAWN) if "weights" in rows[n]]
    return [one for n in chosen for one in _maps(rows[n], places[n], names)]


def _maps(row: Batch, example: int, names: Sequence[str]) -> list[AttentionMap]:
    answers = row.get("targets", row["said"])
    told, asked = (np.argsort(labels, kind="stable") for labels in (row["labels"], answers))
    called = [names[number] for number in row["classes"]]
    labels, answers = row["labels"][told], answers[asked]
    pairs = np.argwhere(answers[:, None] == labels)
    blocks = row["weights"].astype(np.float32).swapaxes(0, 1)
    return [
        AttentionMap(
            example,
            _title(row),
            f"attention block {number} of {len(blocks)}",
            [called[label] for label in row["said"][asked]],
            [*(called[label] for label in labels), "itself"],
            weights[asked][:, [*told, len(told)]],
            ("said", "support"),
            gold=[(int(query), int(key)) for query, key in pairs] if "targets" in row else None,
        )
        for number, weights in enumerate(blocks, start=1)
    ]


def _episode(row: Batch) -> viz.Episode:
    weights = row.get("weights")
    return viz.Episode(
        row["support"],
        row["labels"],
        row["queries"],
        row["said"],
        row.get("targets"),
        None if weights is None else weights.astype(np.float32).swapaxes(0, 1),
        _title(row),
    )


def _title(row: Batch) -> str:
    shots = int(row["shots"])
    title = f"{len(row['classes'])} ways, {shots} shot{'s' * (shots > 1)}"
    if "targets" not in row:
        return title
    right = int((row["said"] == row["targets"]).sum())
    return f"{title}: {right} of {len(row['said'])} right"


def _spread(rows: dict[int, Batch], count: int) -> list[int]:
    """A few, from the first to the last: those of fewer shots come first."""
    ordered = sorted(rows)
    places = np.linspace(0, len(ordered) - 1, min(count, len(ordered))).round()
    return [ordered[int(place)] for place in places]
