"""Generated sequences as an experiment's data: training, evaluation splits, a user's own."""

import hashlib
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import jax
import ml_collections
import numpy as np

from attention_jax.data.memory_sequences import dice
from attention_jax.data.memory_sequences.tape import Sequences, Tape
from attention_jax.errors import UserError
from attention_jax.typing import Batch

_TRAINING = 0  # Its stream; a split's is a hash of its name.


class MemoryData:
    """A task's sequences, made when they are asked for.

    The seed of training is `config.seed`, that of the evaluation splits `config.data.seed`: every
    run is measured on the same sequences, which no training sees, whatever the seeds.

    Args:
      sequences: of training, validation and test.
      config: the experiment's; reads `seed`, `batch_size`, `data` and `decode.max_steps`.

    Raises:
      UserError: for a batch size that the processes do not divide, or for sizes below 1.
    """

    def __init__(self, sequences: Sequences, config: ml_collections.ConfigDict):
        self.sequences = sequences
        self._config = config
        self._splits = {"validation": sequences, "test": sequences, **sequences.longer()}
        self.splits = tuple(self._splits)
        for name in ("validation_size", "test_size"):
            if config.data[name] < 1:
                raise UserError(f"config.data.{name} is {config.data[name]}: make 1 or more")
        if config.batch_size < 1 or config.batch_size % jax.process_count():
            raise UserError(
                f"a batch size of {config.batch_size} does not divide among {jax.process_count()} "
                f"processes: use a multiple of {jax.process_count()}"
            )

    def train(self) -> "Generated":
        """Endless batches; with `config.data.curriculum`, of ever longer sequences.

        The longest sequence grows evenly over so many batches: by the batch's position and nothing
        else, so that a resumed run meets the same ones.
        """
        config = self._config
        return Generated(
            self.sequences, config, config.seed, _TRAINING, curriculum=config.data.curriculum
        )

    def split(self, name: str) -> "Generated":
        """One pass over an evaluation split; "test_30" has sequences of length 30 and no other."""
        sequences = self._splits.get(name)
        length = name.removeprefix("test_")
        if sequences is None and name != length and length.isdecimal() and int(length):
            sequences = self.sequences.of_length(int(length))
        if sequences is None:
            known = ", ".join(self.splits)
            raise UserError(
                f"there is no split {name!r}: choose {known}, or test_30 for the length 30"
            )
        data = self._config.data
        size = data.validation_size if name == "validation" else data.test_size
        stream = 1 + zlib.crc32(name.encode())
        return Generated(sequences, self._config, data.seed, stream, size)

    def inputs(self, lines: Sequence[str]) -> list[Batch]:
        """Sequences that a user wrote as JSON, one a line, as the split "input".

        Raises:
          UserError: for a line that is no JSON, no sequence of this task, or too long.
        """
        limit = self._config.decode.max_steps
        tapes = [
            self.sequences.read(_parsed(line, f"input {number}"), f"input {number}", limit)
            for number, line in enumerate(lines, start=1)
        ]
        rows = min(self._config.batch_size, len(tapes))
        time = max(tape.inputs.shape[1] for tape in tapes)
        padded = [_padded(tape, time) for tape in tapes]
        return [
            _batch(Tape(*map(np.concatenate, zip(*padded[n : n + rows], strict=True))), n, rows)
            for n in range(0, len(padded), rows)
        ]

    def keep(self) -> None:
        """Nothing: the sequences are made again."""

    def report(self) -> str:
        """Sizes of the sequences."""
        batch = self.train()[0]
        _, time, channels = batch["inputs"].shape
        grows = self._config.data.curriculum
        return f"  {self.sequences}: {time} steps of {channels} channels" + (
            f"; the longest from batch {grows} on" if grows else ""
        )

    def hash(self) -> str:
        """Of the generator's code, and of all that the splits are made of."""
        digest = hashlib.sha256()
        for path in sorted(Path(__file__).parent.glob("*.py")):
            digest.update(path.read_bytes())
        made_of = {"sequences": self.sequences, **self._config.data}
        digest.update(json.dumps(made_of, default=repr, sort_keys=True).encode())
        return digest.hexdigest()[:16]


class Generated:
    """Batches by position: `inputs`, `targets`, `scored`, `source_step` and `length` of a `Tape`,
    `index` (the sequence's number, -1 where there is none) and `mask`.

    A batch is this process's rows. All batches have one shape.
    """

    def __init__(
        self,
        sequences: Sequences,
        config: ml_collections.ConfigDict,
        seed: int,
        stream: int,
        size: int | None = None,
        curriculum: int = 0,
    ):
        """`size` sequences, None without end; the longest ones come from batch `curriculum` on."""
        self._sequences, self._seed, self._stream, self._size = sequences, seed, stream, size
        self._batch_size, self._curriculum = config.batch_size, curriculum
        self._rows = config.batch_size // jax.process_count()
        self._first = jax.process_index() * self._rows

    def __len__(self) -> int:
        """Batches of a split."""
        assert self._size is not None
        return -(-self._size // self._batch_size)

    def __iter__(self) -> Iterator[Batch]:
        return (self[position] for position in range(len(self)))

    def __getitem__(self, position: int) -> Batch:
        first = position * self._batch_size + self._first
        words = dice.random_words(
            self._seed, self._stream, first, self._rows, self._sequences.words
        )
        level = min(1.0, (position + 1) / self._curriculum) if self._curriculum else 1.0
        tape = self._sequences.draw(words, level)
        left = self._rows if self._size is None else min(self._size - first, self._rows)
        return _batch(tape, first, self._rows, left)


def _batch(tape: Tape, first: int, rows: int, left: int | None = None) -> dict[str, np.ndarray]:
    """A batch of a tape's rows, `left` of which are real; a tape of fewer rows is filled up."""
    count = len(tape.inputs)
    mask = np.arange(rows) < (count if left is None else left)
    index = np.where(mask, first + np.arange(rows), -1).astype(np.int32)
    arrays = tape._asdict()
    if count < rows:
        last = np.minimum(np.arange(rows), count - 1)
        arrays = {name: array[last] for name, array in arrays.items()}
    return {**arrays, "index": index, "mask": mask}


def _padded(tape: Tape, time: int) -> Tape:
    """A single sequence with so many steps."""

    def longer(array: np.ndarray, fill: float) -> np.ndarray:
        missing = [(0, 0), (0, time - array.shape[1])] + [(0, 0)] * (array.ndim - 2)
        return np.pad(array, missing, constant_values=fill)

    return Tape(
        longer(tape.inputs, 0),
        longer(tape.targets, 0),
        longer(tape.scored, False),
        longer(tape.source_step, -1),
        tape.length,
    )


def _parsed(line: str, name: str):
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{name} is no JSON ({error.msg} at character {error.pos + 1}): give one a line"
        ) from None
