"""Episodes as an experiment's data: training, evaluation splits, a user's own."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import jax
import ml_collections
import numpy as np

from attention_jax.data.episodes import given
from attention_jax.data.episodes.batches import Episodes, EvaluationBatches, TrainingBatches
from attention_jax.data.episodes.pool import SPLITS, Pool, Pools
from attention_jax.data.memory_sequences import dice
from attention_jax.errors import UserError
from attention_jax.typing import Batch

INPUT = "input"
"""The split of what a user gives."""


class EpisodeData:
    """A data set's episodes, drawn when they are asked for.

    Training draws a batch's number of shots and its episodes by `config.seed` and the batch's
    position. The splits "validation" and "test" hold as many episodes with 1 shot as with
    `config.data.shots`, by `config.data.seed`: every run is measured on the same ones. The split
    "test_3shot" holds those with 3 shots, "test_1shot" is the first half of "test".

    Args:
      pools: whose classes episodes are drawn from.
      config: the experiment's; reads `seed`, `batch_size` and `data`, see `data.episodes`.

    Raises:
      UserError: for numbers of which no episode can be made.
    """

    splits: tuple[str, ...] = SPLITS[1:]

    def __init__(self, pools: Pools, config: ml_collections.ConfigDict):
        self._pools, self._config = pools, config
        self._loaded: dict[str, Pool] = {}
        self._given: list[str] = []
        data, processes = config.data, jax.process_count()
        if data.ways < 2:
            raise UserError(f"config.data.ways is {data.ways}: an episode needs 2 classes or more")
        counts = ("shots", "queries", "test_queries", "validation_episodes", "test_episodes")
        for name in counts:
            if data[name] < 1:
                raise UserError(f"config.data.{name} is {data[name]}: make it 1 or more")
        if config.batch_size < 1 or config.batch_size % processes:
            raise UserError(
                f"a batch size of {config.batch_size} does not divide among {processes} "
                f"processes: use a multiple of {processes}"
            )

    def train(self) -> TrainingBatches:
        """Endless batches.

        Raises:
          UserError: for classes too few, or with too few images, in any split: before the training,
            not after it.
        """
        for split in self.splits:
            self.split(split)
        config = self._config
        kinds = {
            shots: self._episodes("train", shots, config.data.queries, config.seed)
            for shots in range(1, config.data.shots + 1)
        }
        return TrainingBatches(kinds, config.batch_size, config.seed)

    def split(self, name: str) -> EvaluationBatches:
        """One pass over an evaluation split.

        Raises:
          UserError: for a split that there is not, or with classes too few, or with too few images.
        """
        data = self._config.data
        shots = sorted({1, data.shots})
        number = name.removeprefix("test_").removesuffix("shot")
        if f"test_{number}shot" == name and number.isdecimal() and int(number):
            name, shots = "test", [int(number)]
        if name not in self.splits:
            known = ", ".join(self.splits)
            raise UserError(
                f"there is no split {name!r}: choose {known}, or test_3shot for 3 shots only"
            )
        kinds = [self._episodes(name, each, data.test_queries, data.seed) for each in shots]
        return EvaluationBatches(kinds, data[f"{name}_episodes"], self._config.batch_size)

    def inputs(self, lines: Sequence[str]) -> list[Batch]:
        """A user's own episodes, each a batch of the split "input".

        A line is a folder with `support/CLASS/*.png` (or .jpg) and `queries/*.png`: as many classes
        as the model tells apart, of each as many images, no more than `config.data.shots`. Such a
        batch has no targets; its classes are numbers of `names("input")`. Or a line is the number
        of an episode of "test", which is asked again, with its targets.

        Raises:
          UserError: for a line that is neither.
        """
        self._given = []
        return [self._read(line, index) for index, line in enumerate(lines)]

    def names(self, split: str) -> Sequence[str]:
        """What the classes of a split's batches are called."""
        if split == INPUT:
            return self._given
        return self._pool(split.partition("_")[0]).names

    def groups(self, split: str) -> Sequence[str]:
        """The script or alphabet of each class of `names(split)`, "" where there is none."""
        if split == INPUT:
            return [""] * len(self._given)
        return self._pool(split.partition("_")[0]).groups

    def keep(self) -> None:
        """Nothing: the data set is prepared beside others, episodes are drawn again."""

    def report(self) -> str:
        """How many classes there are."""
        lines = []
        for split in SPLITS:
            pool = self._pool(split)
            line = f"  {split}: {len(pool.names):,} classes"
            if groups := len({*pool.groups} - {""}):
                line += f" of {groups} alphabets"
            if pool.drawings is not None:
                few, many = pool.drawings.min(), pool.drawings.max()
                line += f", {few if few == many else f'{few} to {many}'} images of each"
            lines.append(line)
        return "\n".join(lines)

    def hash(self) -> str:
        """Of the images, the code that draws, and all that the splits are made of."""
        digest = hashlib.sha256(self._pools.hash().encode())
        for path in [*sorted(Path(__file__).parent.glob("*.py")), Path(dice.__file__)]:
            digest.update(path.read_bytes())
        digest.update(json.dumps(dict(self._config.data), sort_keys=True).encode())
        return digest.hexdigest()[:16]

    def _pool(self, split: str) -> Pool:
        if split not in self._loaded:
            self._loaded[split] = self._pools.pool(split)
        return self._loaded[split]

    def _episodes(self, split: str, shots: int, queries: int, seed: int) -> Episodes:
        pool, ways = self._pool(split), self._config.data.ways
        if ways > len(pool.names):
            raise UserError(
                f"config.data.ways is {ways} and {split} has {len(pool.names)} classes: ask for "
                "fewer"
            )
        episodes = Episodes(pool, ways, shots, queries, seed, split)
        if pool.drawings is not None and pool.drawings.min() < episodes.each:
            least = int(pool.drawings.argmin())
            raise UserError(
                f"an episode of {shots} shots and {queries} queries takes {episodes.each} images "
                f"of a class and {pool.names[least]} of {split} has {pool.drawings[least]}: lower "
                f"config.data.shots or config.data.{'' if split == 'train' else 'test_'}queries"
            )
        return episodes

    def _read(self, line: str, index: int) -> Batch:
        number = np.array([index], np.int32)
        if line.isdecimal() and not Path(line).is_dir():
            return {**self._asked_again(int(line)), "index": number, "mask": np.ones(1, bool)}
        data = self._config.data
        episode = given.read(Path(line), data.ways, data.shots, self._pools)
        # In random order, as in training.
        words = dice.random_words(data.seed, 0, index, 1, len(episode.labels))
        order = np.argsort(dice.uniform(words[0]))
        return {
            "support": episode.support[None, order],
            "labels": episode.labels[None, order],
            "queries": episode.queries[None],
            "classes": self._named(episode.names),
            "shots": np.array([len(order) // data.ways], np.int32),
            "index": number,
            "mask": np.ones(1, bool),
        }

    def _asked_again(self, number: int) -> Batch:
        batches = self.split("test")
        found = batches.find(number)
        if found is None:
            raise UserError(
                f"there is no episode {number} of test: give one below {batches.episodes}, or a "
                "folder with support and queries"
            )
        names = self._pool("test").names
        called = [names[one] for one in found["classes"][0]]
        return {**found, "classes": self._named(called)}

    def _named(self, names: Sequence[str]) -> np.ndarray:
        """Numbers of the names of an episode's classes, which are added to those of the input."""
        first = len(self._given)
        self._given += names
        return np.arange(first, len(self._given), dtype=np.int32)[None]
