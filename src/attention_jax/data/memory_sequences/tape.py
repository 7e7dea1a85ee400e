"""What a sequence is to a machine with a memory: a tape of vectors, delimiters and questions."""

from typing import Any, NamedTuple, Protocol

import numpy as np

from attention_jax.errors import UserError


class Tape(NamedTuple):
    """A batch of sequences, padded behind their last answer."""

    inputs: np.ndarray
    """float32 [batch, time, channels]; a delimiter or a number has a channel of its own."""
    targets: np.ndarray
    """float32 [batch, time, outputs], 0 or 1; 0 where nothing is asked."""
    scored: np.ndarray
    """bool [batch, time]: the steps whose output counts."""
    source_step: np.ndarray
    """int32 [batch, time]: where the vector to be said was seen; -1 where none was."""
    length: np.ndarray
    """int32 [batch]: what results are told apart by: vectors, items or bits."""


class Sequences(Protocol):
    """A task's sequences, of the sizes that its fields say."""

    @property
    def channels(self) -> int:
        """Numbers of an input."""
        ...

    @property
    def outputs(self) -> int:
        """Bits said at a step."""
        ...

    @property
    def words(self) -> int:
        """Random words that a sequence takes."""
        ...

    @property
    def longest(self) -> int:
        """Of `Tape.length`."""
        ...

    @property
    def digits(self) -> int:
        """Decimals worth telling of a predicted bit's probability; 0: the bit itself will do."""
        ...

    def draw(self, words: np.ndarray, level: float = 1.0) -> Tape:
        """A batch from uint64 [batch, words]; a level below 1 leaves out the longest ones."""
        ...

    def longer(self) -> dict[str, "Sequences"]:
        """Splits beyond the trained sizes, by name."""
        ...

    def of_length(self, length: int) -> "Sequences":
        """The same task, every sequence of one length."""
        ...

    def read(self, value: Any, name: str, limit: int) -> Tape:
        """A batch of the one sequence that a user wrote as JSON.

        Raises:
          UserError: it is no sequence of this task, or takes more than `limit` steps.
        """
        ...


def put_vectors(inputs: np.ndarray, vectors: np.ndarray, lengths: np.ndarray) -> None:
    """Writes the first `lengths` of the vectors to the inputs' first steps."""
    _, longest, bits = vectors.shape
    real = np.arange(longest) < lengths[:, None]
    inputs[:, :longest, :bits] = vectors * real[..., None]


def answered(inputs: np.ndarray, source: np.ndarray, bits: int, length: np.ndarray) -> Tape:
    """The tape on which each step that has a source step is to say what was seen there."""
    scored = source >= 0
    rows = np.arange(len(inputs))[:, None]
    seen = inputs[rows, np.maximum(source, 0), :bits] * scored[..., None]
    return Tape(inputs, seen, scored, source.astype(np.int32), length.astype(np.int32))


def check_range(what: str, low: int, high: int, least: int = 1) -> None:
    """Raises UserError unless least <= low <= high."""
    if not least <= low <= high:
        raise UserError(
            f"config.sequences.min_{what} is {low} and max_{what} is {high}: choose a range that "
            f"begins at {least} or above"
        )
