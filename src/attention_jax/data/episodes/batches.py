"""Episodes as batches, by position.

An episode asks of which of a few classes its queries are, and shows a few images of each class: the
support. Episode n of a stream follows from the stream's seed, its name and n alone.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence

import jax
import numpy as np

from attention_jax.data.episodes.pool import Pool
from attention_jax.data.memory_sequences import dice
from attention_jax.typing import Batch


class Episodes:
    """Episodes of one kind: so many classes, images of each, and queries.

    - Their classes are distinct, all choices alike often, and so are the labels they get.
    - The queries are spread over the classes as evenly as their number allows; which classes get
      one more is drawn.
    - No image of a class is in an episode twice, neither in the support nor as a query.
    - The support is in random order, and so are the queries.

    Args:
      pool: of classes.
      ways: classes of an episode.
      shots: images of each in its support.
      queries: of an episode.
      seed: of the draws.
      stream: the draws' name; episodes of other shots are other draws.
    """

    def __init__(self, pool: Pool, ways: int, shots: int, queries: int, seed: int, stream: str):
        self._pool, self._ways, self._shots, self._queries = pool, ways, shots, queries
        self._seed, self._stream = seed, zlib.crc32(f"{stream} {shots}".encode())
        images = ways * shots + queries
        # Words of an episode: its classes, which of them get more queries, the orders of support
        # and queries, the numbers of drawings and what each drawing takes.
        self._parts = np.cumsum(
            [ways, ways, ways * shots, queries, ways * self.each, images * pool.words]
        )

    @property
    def each(self) -> int:
        """Images of a class that an episode may take."""
        return self._shots + -(-self._queries // self._ways)

    def draw(self, first: int, count: int) -> dict[str, np.ndarray]:
        """Episodes first .. first + count - 1; see `TrainingBatches` for the arrays."""
        ways, shots = self._ways, self._shots
        words = dice.random_words(self._seed, self._stream, first, count, int(self._parts[-1]))
        *chances, rest = np.split(words, self._parts[:-1], axis=1)
        chosen, extra, shown, asked, drawings = map(dice.uniform, chances)
        classes = distinct(chosen, np.full(count, len(self._pool.names)))
        # Image n of the support is that of label n % ways and the (n // ways)-th of its class. The
        # queries count on from there, with the labels in an order of the episode's own.
        shown, asked, order = (np.argsort(chance, axis=1) for chance in (shown, asked, extra))
        labels = np.concatenate(
            [shown % ways, np.take_along_axis(order, asked % ways, axis=1)], axis=1
        )
        nth = np.concatenate([shown // ways, shots + asked // ways], axis=1)
        images = self._images(classes, labels, nth, drawings, rest)
        support = ways * shots
        return {
            "support": images[:, :support],
            "labels": labels[:, :support].astype(np.int32),
            "queries": images[:, support:],
            "targets": labels[:, support:].astype(np.int32),
            "classes": classes.astype(np.int32),
            "shots": np.full(count, shots, np.int32),
        }

    def _images(
        self,
        classes: np.ndarray,
        labels: np.ndarray,
        nth: np.ndarray,
        chance: np.ndarray,
        words: np.ndarray,
    ) -> np.ndarray:
        """The nth image of each label's class, [episodes, images, side, side, channels]."""
        owners = np.take_along_axis(classes, labels, axis=1)
        if self._pool.drawings is not None:
            limits = self._pool.drawings[classes]
            numbers = distinct(chance.reshape(*classes.shape, self.each), limits)
            nth = numbers[np.arange(len(classes))[:, None], labels, nth]
        drawn = self._pool.draw(
            owners.ravel(), nth.ravel(), words.reshape(owners.size, self._pool.words)
        )
        return drawn.reshape(*owners.shape, *drawn.shape[1:])


def distinct(chance: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Different numbers below a limit, every choice in every order alike likely.

    Args:
      chance: in [0, 1), [..., numbers].
      limits: [...], each as large as there are numbers, or larger.
    """
    numbers = np.empty(chance.shape, np.int64)
    for place in range(chance.shape[-1]):
        # The n-th of those that are left: count on past each that is taken, the smallest first.
        number = (chance[..., place] * (limits - place)).astype(np.int64)
        for taken in np.moveaxis(np.sort(numbers[..., :place], axis=-1), -1, 0):
            number += number >= taken
        numbers[..., place] = number
    return numbers


class TrainingBatches:
    """Endless batches of episodes; all of one batch have the same number of shots.

    So there are no more shapes than numbers of shots. A batch is this process's rows:

    support: uint8 [batch, ways * shots, side, side, channels]. labels: int32 [batch, ways * shots],
      0 .. ways - 1.
    queries: uint8 [batch, queries, side, side, channels]. targets: int32 [batch, queries], their
      labels.
    classes: int32 [batch, ways], which class of the pool each label stands for.
    shots: int32 [batch]. index: int32 [batch], the episode's number, -1 where there is none.
    mask: bool [batch].

    Args:
      kinds: shots -> the episodes with so many, from 1 on.
      batch_size: over all processes.
      seed: of the numbers of shots.
    """

    def __init__(self, kinds: Mapping[int, Episodes], batch_size: int, seed: int):
        self._kinds, self._batch_size, self._seed = kinds, batch_size, seed
        self._rows = batch_size // jax.process_count()
        self._first = jax.process_index() * self._rows

    def __getitem__(self, position: int) -> Batch:
        first = position * self._batch_size + self._first
        arrays = self._kinds[self._shots(position)].draw(first, self._rows)
        # The numbers of a long run outgrow the type; they only tell the rows of a run apart.
        index = ((first + np.arange(self._rows)) % 2**31).astype(np.int32)
        return {**arrays, "index": index, "mask": np.ones(self._rows, bool)}

    def _shots(self, position: int) -> int:
        words = dice.random_words(self._seed, zlib.crc32(b"shots"), position, 1, 1)
        return int(dice.integers(words[0], 1, len(self._kinds))[0])


class EvaluationBatches:
    """So many episodes of each kind, one kind after the other; batches as in `TrainingBatches`.

    Episode n of the second kind has the index `size` + n. A row that fills up a batch is an episode
    like the others, with mask False.

    Args:
      kinds: of episodes.
      size: episodes of each.
      batch_size: over all processes.
    """

    def __init__(self, kinds: Sequence[Episodes], size: int, batch_size: int):
        self._kinds, self._size, self._batch_size = kinds, size, batch_size
        self._rows = batch_size // jax.process_count()
        self._first = jax.process_index() * self._rows
        self._each = -(-size // batch_size)

    def __len__(self) -> int:
        return self._each * len(self._kinds)

    def __iter__(self) -> Iterator[Batch]:
        return (self[position] for position in range(len(self)))

    def __getitem__(self, position: int) -> Batch:
        kind, part = divmod(position, self._each)
        first = part * self._batch_size + self._first
        numbers = first + np.arange(self._rows)
        mask = numbers < self._size
        index = np.where(mask, kind * self._size + numbers, -1).astype(np.int32)
        return {**self._kinds[kind].draw(first, self._rows), "index": index, "mask": mask}

    @property
    def episodes(self) -> int:
        """Of all kinds together."""
        return self._size * len(self._kinds)

    def find(self, index: int) -> Batch | None:
        """The episode of an index by itself, without `index` and `mask`; None if there is none."""
        kind, number = divmod(index, self._size)
        return self._kinds[kind].draw(number, 1) if kind < len(self._kinds) else None


def example_batch(ways: int, shots: int, side: int, channels: int) -> Batch:
    """An episode of the right kinds of arrays, for shapes."""
    labels = np.arange(ways * shots, dtype=np.int32)[None] % ways
    return {
        "support": np.zeros((1, ways * shots, side, side, channels), np.uint8),
        "labels": labels,
        "queries": np.zeros((1, 1, side, side, channels), np.uint8),
        "targets": np.zeros((1, 1), np.int32),
        "classes": np.arange(ways, dtype=np.int32)[None],
        "shots": np.full(1, shots, np.int32),
        "index": np.zeros(1, np.int32),
        "mask": np.ones(1, bool),
    }
