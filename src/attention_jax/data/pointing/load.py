"""The sets of a split with their answers, prepared on first use."""

import dataclasses
import hashlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from attention_jax.data import prepared
from attention_jax.data.memory_sequences import dice
from attention_jax.data.pointing import (
    held_karp,
    hulls,
    sets,
    solver,
    sorting,
    tours,
    triangulations,
)
from attention_jax.data.pointing.problem import Problem
from attention_jax.data.pointing.sets import BLOCK, Sets

_log = logging.getLogger(__name__)

_MADE_BY = (dice, sets, hulls, triangulations, tours, held_karp, solver, sorting)


@dataclasses.dataclass(frozen=True)
class Drawn:
    """A split of random sets. Each is a data set of its own: who tests needs no training sets.

    Attributes:
      problem: sizes of the sets, and their answers.
      size: how many.
      seed: of the draws.
      split: its name, of the draws too.
    """

    problem: Problem
    size: int
    seed: int
    split: str

    @property
    def name(self) -> str:
        """Sets made by another version of the generator or the solver are not taken for these."""
        made_of = repr(self) + generator_hash(self.problem)
        digest = hashlib.sha256(made_of.encode()).hexdigest()[:16]
        return f"{self.problem.name}-{self.split}-{digest}"

    def blocks(self) -> Iterator[Sets]:
        """All of them, a block after another."""
        for first in range(0, self.size, BLOCK):
            count = min(BLOCK, self.size - first)
            yield sets.answered(self.problem, self.seed, self.split, first, count)


def generator_hash(problem: Problem) -> str:
    """Of the code that draws and answers, and of tours of the solver's version."""
    asks_solver = isinstance(problem, tours.Tours) and problem.max_points > held_karp.MOST
    digest = hashlib.sha256(solver.version().encode() if asks_solver else b"")
    for module in _MADE_BY:
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()


def load(drawn: Drawn, data_dir: str | os.PathLike[str]) -> Sets:
    """The sets; they are prepared under `data_dir` if they are not there yet.

    Raises:
      UserError: for sets that need a solver which is not installed, a folder that cannot be
        written, or a file that is damaged.
    """
    folder = Path(data_dir).expanduser()
    file = folder / "point_sets" / "arrays" / f"{drawn.name}.npz"

    def make() -> dict[str, Sets]:
        _log.info("preparing %s sets of %s", f"{drawn.size:,}", drawn.problem)
        return {drawn.split: _prepare(drawn, folder)}

    return prepared.arrays(Sets, {drawn.split: file}, drawn.split, make)


def _prepare(drawn: Drawn, folder: Path) -> Sets:
    """Prepared with TFDS, and read back: decoding all again at each start would take longer than
    reading one file of arrays.
    """
    # Imports TFDS: slow, and not needed once the file is written.
    from attention_jax.data.pointing.builder import PointSets, PointSetsConfig

    # What has no answer should say so here, where the sentence reaches the user.
    sets.answered(drawn.problem.of_size(drawn.problem.max_points), drawn.seed, drawn.split, 0, 1)
    config = PointSetsConfig(drawn)
    builder = prepared.prepare(lambda: PointSets(config=config, data_dir=os.fspath(folder)))
    source = builder.as_data_source(drawn.split)
    return Sets.join([Sets(**source[n]) for n in range(len(source))])
