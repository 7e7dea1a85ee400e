"""A problem's splits: training, evaluation, a user's own sets, TSPLIB's."""

import functools
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import jax
import ml_collections
import numpy as np

from attention_jax.data.batches import Plan
from attention_jax.data.parallel import read_lines
from attention_jax.data.pointing import tours, tsplib, written
from attention_jax.data.pointing.batches import PointBatches, Unanswered
from attention_jax.data.pointing.load import Drawn, generator_hash, load
from attention_jax.data.pointing.problem import Problem
from attention_jax.data.pointing.sets import Sets
from attention_jax.errors import UserError

INPUT = "input"
"""The split of what a user gives: nobody knows its answers."""

TSPLIB = "tsplib"
"""The split of the `.tsp` files in --manual_dir."""


class PointingData:
    """A problem's sets: prepared once, or drawn when they are asked for.

    Args:
      problem: of training, validation and test.
      config: the experiment's; reads `seed`, `batch_size`, `data` and `decode.max_points`.
      data_dir: of prepared data.
      manual_dir: of TSPLIB's files.

    Raises:
      UserError: for buckets, sizes or batches that cannot be.
    """

    def __init__(
        self,
        problem: Problem,
        config: ml_collections.ConfigDict,
        data_dir: Path,
        manual_dir: Path | None = None,
    ):
        self.problem = problem
        self._config, self._data_dir, self._manual_dir = config, data_dir, manual_dir
        self._names: dict[str, list[str]] = {}
        self.splits: tuple[str, ...] = ("validation", "test")
        if problem.name == tours.Tours.name and manual_dir is not None:
            self.splits += (TSPLIB,)
        self._check()

    def _check(self) -> None:
        data, processes = self._config.data, jax.process_count()
        for name in ("train_size", "validation_size", "test_size"):
            if data[name] < 1:
                raise UserError(f"config.data.{name} is {data[name]}: make 1 or more")
        largest = max(data.buckets, default=0)
        if largest < self.problem.max_points:
            raise UserError(
                f"the last of config.data.buckets is {largest} and sets have up to "
                f"{self.problem.max_points} points: end with so many or more"
            )
        if self._config.batch_size < 1 or self._config.batch_size % processes:
            raise UserError(
                f"a batch size of {self._config.batch_size} does not divide among {processes} "
                f"processes: use a multiple of {processes}"
            )
        if data.vary and self.problem.name != tours.Tours.name:
            raise UserError("config.data.vary is for tours alone: leave it False")

    def train(self) -> PointBatches | Unanswered:
        """Endless batches; without `config.data.answers` of sets whose answers nobody knows."""
        if not self._config.data.answers:
            return Unanswered(self.problem, self._config)
        return self._batches(*self._training, vary=self._config.data.vary)

    def split(self, name: str) -> PointBatches:
        """One pass over an evaluation split; "test_30" has sets of 30 points and no others."""
        data, problem = self._config.data, self.problem
        if name == TSPLIB and name in self.splits:
            return self._tsplib()
        size = data.validation_size if name == "validation" else data.test_size
        points = name.removeprefix("test_")
        if name != points and points.isdecimal():
            problem = problem.of_size(int(points))
        elif name not in self.splits:
            known = ", ".join(self.splits)
            raise UserError(
                f"there is no split {name!r}: choose {known}, or test_30 for sets of 30 points"
            )
        made = self._drawn(name, problem, size)
        return self._batches(made, self._evaluation_plan(made))

    def inputs(self, lines: Sequence[str]) -> PointBatches:
        """A user's own sets, as the split "input"; see `written.read`.

        Raises:
          UserError: for lines that are no sets of points with an answer.
        """
        given = written.read(lines, self.problem, self._config.decode.max_points)
        made = Sets.pack(given.points)
        return self._batches(made, self._evaluation_plan(made), given.frames)

    def names(self, split: str) -> Sequence[str]:
        """What the sets of a split are called, once its batches were asked for; mostly nothing."""
        return self._names.get(split, ())

    def keep(self) -> None:
        """Nothing: the sets are drawn again."""

    def report(self) -> str:
        """How many sets there are, and the buckets' filling."""
        if not self._config.data.answers:
            return f"  {self.problem}: sets drawn when they are needed, without answers"
        made, plan = self._training
        lines = [f"  {self.problem}: {len(made.sizes):,} sets for training"]
        for row in plan.histogram():
            lines.append(
                f"  up to {row.length:>4} points: {row.examples:>9,} sets, {row.batches:>6,} "
                f"batches, {row.padding:4.0%} padding"
            )
        return "\n".join(lines)

    def hash(self) -> str:
        """Of the generator, and of all that the splits are made of."""
        made_of = {"problem": self.problem, **self._config.data}
        told = generator_hash(self.problem) + json.dumps(made_of, default=repr, sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    def _drawn(self, split: str, problem: Problem, size: int) -> Sets:
        return load(Drawn(problem, size, self._config.data.seed, split), self._data_dir)

    def _tsplib(self) -> PointBatches:
        """Every file, with the tour that lies beside it or else the one that is found."""
        assert self._manual_dir is not None
        paths = sorted(self._manual_dir.expanduser().glob("*.tsp"))
        if not paths:
            raise UserError(f"there is no file *.tsp in {self._manual_dir}: give another folder")
        limit = self._config.decode.max_points
        points, answers = [], []
        for path in paths:
            cities = tsplib.parse(read_lines(path), path.name)
            points.append(written.checked(cities.points, path.name, self.problem, limit))
            known = path.with_suffix(".opt.tour")
            if known.exists():
                answers.append(tours.told(points[-1], tsplib.read_tour(known, cities)))
            else:
                answers += self.problem.solve(points[-1:])
        self._names[TSPLIB] = [path.stem for path in paths]
        given = written.scaled(points)
        made = Sets.pack(given.points, answers)
        return self._batches(made, self._evaluation_plan(made), given.frames)

    @functools.cached_property
    def _training(self) -> tuple[Sets, Plan]:
        config = self._config
        made = self._drawn("train", self.problem, config.data.train_size)
        shape = config.data.buckets, config.batch_size
        return made, Plan.training(made.sizes[:, None], *shape, config.seed)

    def _evaluation_plan(self, made: Sets) -> Plan:
        config, longest = self._config, int(made.sizes.max())
        rows = config.batch_size
        if jax.process_count() == 1:
            rows = min(rows, len(made.sizes))
        return Plan.evaluation(made.sizes[:, None], config.data.buckets, rows, longest)

    def _batches(
        self, made: Sets, plan: Plan, frames: np.ndarray | None = None, vary: bool = False
    ) -> PointBatches:
        return PointBatches(self.problem, made, plan, frames, self._config.seed if vary else None)
