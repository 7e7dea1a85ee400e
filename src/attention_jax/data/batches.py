"""Planned batches: which examples stand in which batch is decided, not collected.

The token lengths of all examples are known once a data set is prepared. From them, a seed and the
number of the epoch, every host derives the same list of batches and reads only its own rows of
each. So all hosts meet the same shape at the same step, a run can start at any position without
replaying what came before, and nothing depends on how far ahead somebody has read.
"""

import itertools
import operator
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from attention_jax.errors import UserError

EPOCHS_KEPT = 2  # Threads that read ahead stand on both sides of an epoch's end.


@dataclass(frozen=True)
class Ragged:
    """Integer sequences of unequal length in two flat arrays.

    Attributes:
      tokens: int32 [total], the sequences one after another.
      offsets: int64 [examples + 1]; sequence n is `tokens[offsets[n]:offsets[n + 1]]`.
    """

    tokens: np.ndarray
    offsets: np.ndarray

    @classmethod
    def pack(cls, sequences: Iterable[Sequence[int]]) -> "Ragged":
        """Packs sequences (lists or arrays of integers) in their order."""
        arrays = [np.asarray(sequence, np.int32) for sequence in sequences]
        offsets = np.zeros(len(arrays) + 1, np.int64)
        np.cumsum([len(array) for array in arrays], out=offsets[1:])
        return cls(np.concatenate([np.zeros(0, np.int32), *arrays]), offsets)

    @property
    def lengths(self) -> np.ndarray:
        """Length of each sequence, int64 [examples]."""
        return np.diff(self.offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, number: int) -> np.ndarray:
        if not 0 <= number < len(self):
            raise IndexError(f"sequence {number} of {len(self)}")
        return self.tokens[self.offsets[number] : self.offsets[number + 1]]

    def padded(self, rows: np.ndarray, length: int, pad: int) -> np.ndarray:
        """The sequences `rows` [batch], each followed by `pad`: int32 [batch, length]."""
        starts, ends = self.offsets[rows, None], self.offsets[rows + 1, None]
        places = starts + np.arange(length)
        inside = places < ends
        padded = np.full(places.shape, pad, np.int32)
        padded[inside] = self.tokens[places[inside]]
        return padded


class Planned(NamedTuple):
    """One batch of the plan."""

    length: int
    """The bucket: every stream of the batch is padded to this length."""
    indices: np.ndarray
    """Numbers of the examples, int64 [at most batch_size]."""


class BucketCount(NamedTuple):
    """A row of the histogram reported at the start of a run."""

    length: int
    examples: int
    batches: int
    padding: float
    """Share of the bucket's positions (short batches included) that hold no token."""


def bucket_lengths(lengths: np.ndarray, boundaries: Sequence[int]) -> np.ndarray:
    """The smallest boundary that holds all streams of an example.

    Args:
      lengths: token lengths, int [examples, streams].
      boundaries: bucket lengths, ascending.

    Returns:
      int64 [examples]; 0 where an example is longer than the last boundary.
    """
    numbers = np.searchsorted(np.asarray(boundaries), lengths.max(axis=1), side="left")
    return np.append(np.asarray(boundaries, np.int64), 0)[numbers]


class Plan:
    """The list of batches of every epoch, the same on every host.

    An epoch always has the same number of batches, since each bucket's last, short batch is kept:
    a position (number of batches consumed since the start of the run) is therefore an epoch and a
    number in it, by division. Made by `Plan.training` or `Plan.evaluation`.
    """

    def __init__(
        self, lengths: np.ndarray, boundaries: Sequence[int], batch_size: int, seed: int | None
    ):
        """Plans endless shuffled epochs, or without a seed one, in order."""
        self.batch_size = batch_size
        self._seed = seed
        self._lengths = lengths
        buckets = bucket_lengths(lengths, boundaries)
        self._members = {
            length: members
            for length in boundaries
            if len(members := np.flatnonzero(buckets == length))
        }
        self.over_long = np.flatnonzero(buckets == 0)
        """Numbers of the examples that no bucket holds: they are in no batch."""
        self._sizes = [-(-len(members) // batch_size) for members in self._members.values()]
        self._epochs: dict[int, list[Planned]] = {}
        self._lock = threading.Lock()

    @classmethod
    def training(
        cls, lengths: np.ndarray, boundaries: Sequence[int], batch_size: int, seed: int
    ) -> "Plan":
        """Endless epochs, shuffled within and across buckets by (seed, epoch).

        Examples longer than the last boundary are left out and listed in `over_long`.

        Args:
          lengths: token lengths, int [examples, streams].
          boundaries: bucket lengths in tokens, ascending.
          batch_size: rows of a batch over all hosts.
          seed: any integer.

        Raises:
          UserError: boundaries or batch size make no sense, or no example fits a bucket.
        """
        lengths = _checked(lengths, boundaries, batch_size)
        plan = cls(lengths, boundaries, batch_size, seed)
        if not len(plan):
            raise UserError(
                f"none of the {len(lengths)} examples fits the longest bucket of "
                f"{boundaries[-1]} tokens: raise the bucket boundaries"
            )
        return plan

    @classmethod
    def evaluation(
        cls, lengths: np.ndarray, boundaries: Sequence[int], batch_size: int, longest: int
    ) -> "Plan":
        """One pass over the examples, bucket after bucket, in order.

        For examples longer than the last boundary, buckets of twice, four times ... its length are
        added, so that the number of shapes grows with the logarithm of the longest. But one line
        of 10,000 words would take the memory and the time of a whole corpus: what is longer than
        `longest` and than the last boundary is left out and listed in `over_long`.

        Args:
          lengths: token lengths, int [examples, streams].
          boundaries: bucket lengths in tokens, ascending.
          batch_size: rows of a batch over all hosts.
          longest: tokens of a stream at most.

        Raises:
          UserError: boundaries or batch size make no sense, or every example is too long.
        """
        lengths = _checked(lengths, boundaries, batch_size)
        lengthened = list(boundaries)
        most = min(max(longest, boundaries[-1]), lengths.max(initial=0))
        while lengthened[-1] < most:
            lengthened.append(min(2 * lengthened[-1], longest))
        plan = cls(lengths, lengthened, batch_size, None)
        if len(lengths) and not len(plan):
            raise UserError(
                f"none of the {len(lengths)} examples has at most {lengthened[-1]} tokens: cut "
                "them, or raise --config.decode.max_source"
            )
        return plan

    def __len__(self) -> int:
        """Batches in an epoch."""
        return sum(self._sizes)

    def locate(self, position: int) -> tuple[int, int]:
        """(epoch, number of the batch in it) of a position in the run."""
        return divmod(position, len(self))

    def __getitem__(self, position: int) -> Planned:
        position = operator.index(position)
        if position < 0 or (self._seed is None and position >= len(self)):
            raise IndexError(f"batch {position} of {len(self)}")
        epoch, number = self.locate(position)
        return self.epoch(epoch)[number]

    def epoch(self, epoch: int) -> list[Planned]:
        """All batches of an epoch in their order."""
        with self._lock:
            if epoch not in self._epochs:
                self._epochs[epoch] = self._plan(epoch)
                while len(self._epochs) > EPOCHS_KEPT:
                    # The oldest made, not the lowest: a thread may have stepped back.
                    del self._epochs[next(iter(self._epochs))]
            return self._epochs[epoch]

    def _plan(self, epoch: int) -> list[Planned]:
        if self._seed is None:
            return [
                Planned(length, members[start : start + self.batch_size])
                for length, members in self._members.items()
                for start in range(0, len(members), self.batch_size)
            ]
        rng = np.random.default_rng([self._seed % 2**32, epoch])
        batches = []
        for length, members in self._members.items():
            members = rng.permutation(members)
            for start in range(0, len(members), self.batch_size):
                batches.append(Planned(length, members[start : start + self.batch_size]))
        return [batches[number] for number in rng.permutation(len(batches))]

    def histogram(self) -> list[BucketCount]:
        """Examples, batches and padding of every bucket that holds an example."""
        counts = []
        for (length, members), batches in zip(self._members.items(), self._sizes, strict=True):
            positions = batches * self.batch_size * length * self._lengths.shape[1]
            padding = 1 - float(self._lengths[members].sum()) / positions
            counts.append(BucketCount(length, len(members), batches, padding))
        return counts


def _checked(lengths: np.ndarray, boundaries: Sequence[int], batch_size: int) -> np.ndarray:
    if batch_size < 1:
        raise UserError(f"a batch size of {batch_size} is impossible: use 1 or more")
    ascending = all(low < high for low, high in itertools.pairwise(boundaries))
    if not len(boundaries) or boundaries[0] < 1 or not ascending:
        raise UserError(
            f"bucket boundaries {tuple(boundaries)} must be positive, ascending lengths in tokens, "
            "such as (16, 32, 48)"
        )
    lengths = np.asarray(lengths)
    if lengths.ndim != 2:
        raise ValueError(f"lengths have shape {lengths.shape}, not [examples, streams]")
    return lengths


class PlannedBatches:
    """The batches of a plan as padded arrays, by position; one host's rows of each.

    Every batch has `batch_size / process_count` rows: each stream int32 [batch, length] padded with
    `pad`, `index` int32 [batch] (the example's number, -1 where there is none) and `mask` bool
    [batch] (False where the row only fills up a short batch; its streams are all `pad`).
    """

    def __init__(
        self,
        plan: Plan,
        streams: Mapping[str, Ragged],
        *,
        process_index: int = 0,
        process_count: int = 1,
        pad: int = 0,
    ):
        """Reads `streams` (name -> sequences) as `plan` says.

        Args:
          plan: made from the lengths of these very streams (`lengths_of`).
          streams: all of the same number of examples.
          process_index: which host this is.
          process_count: number of hosts; host n takes the n-th of equal, contiguous slices.
          pad: token that fills up a sequence.

        Raises:
          UserError: the batch size does not divide among the hosts.
        """
        if plan.batch_size % process_count:
            raise UserError(
                f"a batch size of {plan.batch_size} does not divide among {process_count} "
                f"processes: use a multiple of {process_count}"
            )
        self.plan = plan
        self._streams = dict(streams)
        self._rows = plan.batch_size // process_count
        self._first = process_index * self._rows
        self._pad = pad

    def __len__(self) -> int:
        """Batches in an epoch; a training plan goes on beyond."""
        return len(self.plan)

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        """The batches of the first epoch; of an evaluation plan, all there are."""
        return (self[position] for position in range(len(self)))

    def __getitem__(self, position: int) -> dict[str, np.ndarray]:
        length, indices = self.plan[position]
        indices = indices[self._first : self._first + self._rows]
        count = len(indices)
        batch: dict[str, np.ndarray] = {}
        for name, ragged in self._streams.items():
            batch[name] = np.full((self._rows, length), self._pad, np.int32)
            batch[name][:count] = ragged.padded(indices, length, self._pad)
        batch["index"] = np.full(self._rows, -1, np.int32)
        batch["index"][:count] = indices
        batch["mask"] = np.arange(self._rows) < count
        return batch


def lengths_of(streams: Mapping[str, Ragged]) -> np.ndarray:
    """Token lengths [examples, streams] of streams of the same number of examples."""
    return np.stack([ragged.lengths for ragged in streams.values()], axis=1)
