"""Sounds as an experiment's data: crops to train on, whole ones to measure, a user's to go on."""

import hashlib
import json
import math
import zlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import jax
import ml_collections
import numpy as np

from attention_jax.data.memory_sequences import dice
from attention_jax.data.sounds.recordings import Recordings
from attention_jax.data.sounds.tones import Tones
from attention_jax.data.sounds.wav import read_wav
from attention_jax.errors import UserError
from attention_jax.typing import Batch

_TRAINING = 0  # Its stream; a split's is a hash of its name.
_NAMES = ("tones", "recordings")


class SoundData:
    """Melodies that are made when they are asked for, or recordings.

    Training reads crops of `config.data.crop` samples, drawn by `config.seed`. Measured are whole
    melodies, which follow from `config.data.seed` alone, or recordings cut into pieces of
    `config.data.seconds`, each of which the model meets without what came before.

    Args:
      config: the experiment's; reads `seed`, `batch_size`, `data`, `tones` and `decode`.
      manual_dir: of recordings.

    Raises:
      UserError: for data that there is not, sizes that cannot be, or a batch size that the
        processes do not divide.
    """

    splits: tuple[str, ...] = ("validation", "test")

    def __init__(self, config: ml_collections.ConfigDict, manual_dir: Path | None = None):
        _check(config)
        self._config, self._manual_dir = config, manual_dir
        self._recordings: dict[str, Recordings] = {}

    @property
    def rate(self) -> int:
        """Samples a second."""
        return self._config.data.rate

    @property
    def scale(self) -> np.ndarray:
        """The notes that there are, in Hz; of recordings nobody knows them, and there are none."""
        return self._tones.scale if self._tones else np.zeros(0)

    def train(self) -> "Crops":
        """Endless batches of crops."""
        return Crops(self._tones or self._recorded("train"), self._config)

    def split(self, name: str) -> "Pieces":
        """One pass over an evaluation split."""
        if name not in self.splits:
            raise UserError(f"there is no split {name!r}: choose {', '.join(self.splits)}")
        data = self._config.data
        if self._tones is None:
            samples = round(data.seconds * data.rate)
            return Pieces(*self._recorded(name).pieces(samples), self._config)
        stream, size = 1 + zlib.crc32(name.encode()), data[f"{name}_size"]
        words = self._tones.words(self._tones.samples)
        made = self._tones.whole(dice.random_words(data.seed, stream, 0, size, words))
        return Pieces(made, np.full(size, made.shape[1], np.int32), self._config)

    def inputs(self, lines: Sequence[str]) -> list[Batch]:
        """What is to be gone on from, one a line: a .wav file, or a number of seconds to be drawn
        from nothing. A file is continued for `config.decode.seconds`.

        Raises:
          UserError: for a file that cannot be used, or a sound longer than
            `config.decode.max_seconds`.
        """
        asked = [self._asked(line) for line in lines]
        prompt = np.array([len(given) for given, _ in asked], np.int32)
        length = np.array([len(given) + drawn for given, drawn in asked], np.int32)
        samples = np.zeros((len(asked), length.max()), np.float32)
        for row, (given, _) in enumerate(asked):
            samples[row, : len(given)] = given
        rows = min(self._config.batch_size, len(asked))
        return [
            _batch(samples, length, prompt, first, rows) for first in range(0, len(asked), rows)
        ]

    def keep(self) -> None:
        """Nothing: melodies are made again, and recordings are the user's."""

    def report(self) -> str:
        """What is trained on."""
        data = self._config.data
        what = "melodies" if self._tones else f"{len(self._recorded('train').sounds)} recordings"
        return f"  {data.name}: crops of {data.crop} samples of {what}, {data.rate} a second"

    def hash(self) -> str:
        """Of the code, of all that melodies are made of, and of recordings' samples."""
        digest = hashlib.sha256()
        for path in sorted(Path(__file__).parent.glob("*.py")):
            digest.update(path.read_bytes())
        made_of = {"tones": self._tones, **self._config.data}
        digest.update(json.dumps(made_of, default=repr, sort_keys=True).encode())
        if self._tones is None:
            for split in ("train", *self.splits):
                digest.update(self._recorded(split).hash().encode())
        return digest.hexdigest()[:16]

    @cached_property
    def _tones(self) -> Tones | None:
        data = self._config.data
        if data.name != "tones":
            return None
        return Tones(data.rate, data.seconds, **self._config.tones)

    def _recorded(self, split: str) -> Recordings:
        """Read when they are asked for: who predicts need not have them."""
        if self._manual_dir is None:
            raise UserError(
                "recordings are read from DIR/train, DIR/validation and DIR/test: give "
                "--manual_dir=DIR"
            )
        if split not in self._recordings:
            self._recordings[split] = Recordings(self._manual_dir, split, self.rate)
        return self._recordings[split]

    def _asked(self, line: str) -> tuple[np.ndarray, int]:
        """What is given, and how many samples are to be drawn behind it."""
        decode = self._config.decode
        try:
            seconds, given = float(line), np.zeros(0, np.float32)
        except ValueError:
            if not Path(line).is_file():
                raise UserError(
                    f"there is no file {line}: give a .wav file to go on from, or a number of "
                    "seconds to be drawn from nothing"
                ) from None
            seconds, given = decode.seconds, read_wav(Path(line), self.rate)
        whole = seconds + len(given) / self.rate
        if not (math.isfinite(whole) and round(seconds * self.rate) > 0):
            raise UserError(f"{line!r} is no length of a sound: give a number of seconds above 0")
        if whole > decode.max_seconds:
            raise UserError(
                f"{line} would become {whole:g} seconds and the limit is {decode.max_seconds:g}: "
                "shorten it, or raise --config.decode.max_seconds"
            )
        return given, round(seconds * self.rate)


class Crops:
    """Endless batches by position: `samples` float32 [batch, crop], `length` int32 [batch] (how
    many of them are real), `index` (the crop's number) and `mask`. A batch is this process's rows.
    """

    def __init__(self, source: Tones | Recordings, config: ml_collections.ConfigDict):
        self._source, self._seed = source, config.seed
        self._samples, self._batch_size = config.data.crop, config.batch_size
        self._rows = config.batch_size // jax.process_count()
        self._first = jax.process_index() * self._rows

    def __getitem__(self, position: int) -> Batch:
        first = position * self._batch_size + self._first
        count = self._source.words(self._samples)
        words = dice.random_words(self._seed, _TRAINING, first, self._rows, count)
        samples, length = self._source.crop(words, self._samples)
        index = (first + np.arange(self._rows)).astype(np.int32)
        return {
            "samples": samples,
            "length": length,
            "index": index,
            "mask": np.ones(self._rows, bool),
        }


class Pieces:
    """One pass over sounds, batch by batch: as `Crops`, and `prompt` int32 [batch].

    The first `config.decode.sounds` of them are to be continued after so many samples, those of
    `config.decode.prompt` seconds; -1 stands for those that are not.
    """

    def __init__(self, samples: np.ndarray, length: np.ndarray, config: ml_collections.ConfigDict):
        self._samples, self._length, self._batch_size = samples, length, config.batch_size
        given = np.minimum(round(config.decode.prompt * config.data.rate), length)
        continued = (np.arange(len(length)) < config.decode.sounds) & (given < length)
        self._prompt = np.where(continued, given, -1).astype(np.int32)

    def __len__(self) -> int:
        return -(-len(self._length) // self._batch_size)

    def __iter__(self) -> Iterator[Batch]:
        rows = self._batch_size // jax.process_count()
        for position in range(len(self)):
            first = position * self._batch_size + jax.process_index() * rows
            yield _batch(self._samples, self._length, self._prompt, first, rows)


def _batch(
    samples: np.ndarray, length: np.ndarray, prompt: np.ndarray, first: int, rows: int
) -> Batch:
    """So many sounds from one on; where there are no more, the last again."""
    numbers = first + np.arange(rows)
    mask, chosen = numbers < len(length), np.minimum(numbers, len(length) - 1)
    return {
        "samples": samples[chosen],
        "length": length[chosen],
        "prompt": np.where(mask, prompt[chosen], -1).astype(np.int32),
        "index": np.where(mask, numbers, -1).astype(np.int32),
        "mask": mask,
    }


def _check(config: ml_collections.ConfigDict) -> None:
    data, decode = config.data, config.decode
    if data.name not in _NAMES:
        raise UserError(f"config.data.name is {data.name!r}: choose {' or '.join(_NAMES)}")
    least = {"rate": 1, "crop": 2, "validation_size": 1, "test_size": 1}
    for name, smallest in least.items():
        if data[name] < smallest:
            raise UserError(f"config.data.{name} is {data[name]}: make it {smallest} or more")
    if round(data.seconds * data.rate) < data.crop:
        raise UserError(
            f"config.data.seconds is {data.seconds:g}, which at {data.rate} samples a second is "
            f"less than a crop of {data.crop} samples: lengthen it or lower config.data.crop"
        )
    if decode.seconds <= 0 or decode.prompt < 0:
        raise UserError(
            f"config.decode.seconds is {decode.seconds:g} and prompt {decode.prompt:g}: draw for "
            "longer than 0 seconds, after 0 or more"
        )
    if config.batch_size < 1 or config.batch_size % jax.process_count():
        raise UserError(
            f"a batch size of {config.batch_size} does not divide among {jax.process_count()} "
            f"processes: use a multiple of {jax.process_count()}"
        )
