"""The sets of a split with their answers, prepared on first use."""

import dataclasses
import hashlib
import logging
import os
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

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
from attention_jax.errors import UserError

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
    try:
        if not file.exists():
            # A folder that cannot be written should say so before the work is done.
            file.parent.mkdir(parents=True, exist_ok=True)
            _log.info("preparing %s sets of %s", f"{drawn.size:,}", drawn.problem)
            _write(file, _prepare(drawn, folder))
    except OSError as error:
        raise UserError(f"cannot prepare data in {folder}: {error}; give another folder") from error
    try:
        # Opened here, since NumPy leaves a damaged file open.
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            return Sets(**arrays)
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{file} is damaged: delete it, and it is made again") from error


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


def _write(file: Path, made: Sets) -> None:
    """All or not at all."""
    handle, part = tempfile.mkstemp(dir=file.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez(stream, **made._asdict())
        os.replace(part, file)
    except BaseException:
        os.unlink(part)
        raise
