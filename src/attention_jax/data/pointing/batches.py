"""Sets of points as batches, by position."""

from collections.abc import Iterator

import jax
import ml_collections
import numpy as np

from attention_jax.data.batches import Plan
from attention_jax.data.memory_sequences import dice
from attention_jax.data.pointing import sets, tours
from attention_jax.data.pointing.problem import Problem
from attention_jax.data.pointing.sets import Sets
from attention_jax.typing import Batch

_VARIATIONS = 1  # A stream of its own; those of the draws are hashes of their splits' names.
_OUTPUTS = 8  # Lengths of answers are padded to multiples of it, so that few programs are compiled.


class PointBatches:
    """The batches of a plan by position; this process's rows of each.

    points: float32 [batch, inputs, coordinates], the bucket's size for `inputs`, then zeros.
    points_mask: bool [batch, inputs], True where there is a point.
    targets: int32 [batch, outputs], positions, then 0: the end, and padding.
    targets_mask: bool [batch, outputs], True up to the end; False where a row fills up a batch.
    frame: float32 [batch, 1 + coordinates], a side of the unit square in the units of who gave the
      points, and its lower left corner.
    index: int32 [batch], the set's number, -1 where there is none. mask: bool [batch].

    Sets without answers have no targets. A row that fills up a batch repeats one of its sets.

    Args:
      problem: whose answers these are.
      made: all sets.
      plan: made from their sizes.
      frames: of each set; the unit square itself by default.
      vary: a seed by which each tour is varied anew each time (`tours.varied`); None leaves all as
        they are.
    """

    def __init__(
        self,
        problem: Problem,
        made: Sets,
        plan: Plan,
        frames: np.ndarray | None = None,
        vary: int | None = None,
    ):
        self._problem, self._made, self._plan, self._vary = problem, made, plan, vary
        unit = _unit_square(len(made.sizes), problem.coordinates)
        self._frames = unit if frames is None else frames
        self._starts = np.cumsum(made.sizes) - made.sizes
        self._answer_starts = np.cumsum(made.lengths) - made.lengths
        self._rows = plan.batch_size // jax.process_count()
        self._first = jax.process_index() * self._rows

    def __len__(self) -> int:
        """Batches in an epoch; a training plan goes on beyond."""
        return len(self._plan)

    def __iter__(self) -> Iterator[Batch]:
        return (self[position] for position in range(len(self)))

    def __getitem__(self, position: int) -> dict[str, np.ndarray]:
        inputs, numbers = self._plan[position]
        mine = numbers[self._first : self._first + self._rows]
        mask = np.arange(self._rows) < len(mine)
        rows = np.full(self._rows, numbers[0])
        rows[mask] = mine
        places, real = _ragged(self._starts[rows], self._made.sizes[rows], inputs)
        points = np.where(real[..., None], self._made.points[places], np.float32(0))
        batch = {
            "points": points,
            "points_mask": real,
            "frame": self._frames[rows],
            "index": np.where(mask, rows, -1).astype(np.int32),
            "mask": mask,
        }
        if self._made.lengths.any():
            batch |= self._targets(rows, mask, self._outputs(inputs, numbers))
        return batch if self._vary is None else self._varied(batch, position, self._vary)

    def _targets(self, rows: np.ndarray, mask: np.ndarray, outputs: int) -> dict[str, np.ndarray]:
        lengths = self._made.lengths[rows]
        places, real = _ragged(self._answer_starts[rows], lengths, outputs)
        positions = np.where(real, self._made.answers[places], 0).astype(np.int32)
        counted = (np.arange(outputs) <= lengths[:, None]) & mask[:, None]
        return {"targets": positions, "targets_mask": counted}

    def _outputs(self, inputs: int, numbers: np.ndarray) -> int:
        """Positions of the longest answer in a batch, all processes' rows, with the end."""
        longest = int(self._made.lengths[numbers].max()) + 1
        return min(-(-longest // _OUTPUTS) * _OUTPUTS, self._problem.longest(inputs))

    def _varied(
        self, batch: dict[str, np.ndarray], position: int, seed: int
    ) -> dict[str, np.ndarray]:
        most = int(self._made.sizes.max())
        first = position * self._plan.batch_size + self._first
        words = dice.random_words(seed, _VARIATIONS, first, self._rows, 1 + most)
        for row, size in enumerate(batch["points_mask"].sum(-1)):
            points, tour = batch["points"][row, :size], batch["targets"][row, :size] - 1
            batch["points"][row, :size], tour = tours.varied(points, tour, words[row, : 1 + size])
            batch["targets"][row, :size] = tour + 1
        return batch


class Unanswered:
    """Endless batches of sets whose answers nobody knows, drawn on the spot; no targets.

    Their draws are no split's: they follow from the run's own seed.

    Args:
      problem: kind and sizes.
      config: the experiment's; reads `seed` and `batch_size`.
    """

    def __init__(self, problem: Problem, config: ml_collections.ConfigDict):
        self._problem, self._seed, self._batch_size = problem, config.seed, config.batch_size
        self._rows = config.batch_size // jax.process_count()
        self._first = jax.process_index() * self._rows

    def __getitem__(self, position: int) -> dict[str, np.ndarray]:
        first = position * self._batch_size + self._first
        points, sizes = sets.draw(self._problem, self._seed, "unanswered", first, self._rows)
        return {
            "points": points,
            "points_mask": np.arange(points.shape[1]) < sizes[:, None],
            "frame": _unit_square(self._rows, points.shape[2]),
            "index": (first + np.arange(self._rows)).astype(np.int32),
            "mask": np.ones(self._rows, bool),
        }


def _ragged(starts: np.ndarray, sizes: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Places [rows, length] of rows in a flat array, and which are real; others are place 0."""
    steps = np.arange(length)
    real = steps < sizes[:, None]
    return np.where(real, starts[:, None] + steps, 0), real


def _unit_square(rows: int, coordinates: int) -> np.ndarray:
    return np.repeat(np.eye(1, 1 + coordinates, dtype=np.float32), rows, axis=0)


def example_batch(coordinates: int, inputs: int = 3) -> Batch:
    """Two sets of the right kinds of arrays, for shapes."""
    corners = np.linspace(0, 1, 2 * inputs * coordinates, dtype=np.float32)
    targets = np.array([[*range(1, inputs + 1), 0]] * 2, np.int32)
    return {
        "points": corners.reshape(2, inputs, coordinates),
        "points_mask": np.ones((2, inputs), bool),
        "targets": targets,
        "targets_mask": np.ones(targets.shape, bool),
        "frame": _unit_square(2, coordinates),
        "index": np.arange(2, dtype=np.int32),
        "mask": np.ones(2, bool),
    }
