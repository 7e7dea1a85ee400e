"""Scenes of digits as a collection: drawn when they are asked for."""

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import jax
import ml_collections
import numpy as np

from attention_jax.data.captions import digits, scenes, told
from attention_jax.data.memory_sequences import dice
from attention_jax.data.tokenizers import EOS, WordTokenizer
from attention_jax.errors import UserError
from attention_jax.typing import Batch

_TRAINING = 0  # Its stream; a split's is a hash of its name.


class DigitScenes:
    """A `splits.Collection`; see `scenes` and `digits`.

    The seed of training is `config.seed`, that of the evaluation splits `config.data.seed`, and
    each has digits of its own: every run is measured on the same scenes, and has seen none of their
    digits. The split "test_3" has scenes of three digits.

    Args:
      config: the experiment's; reads `seed`, `batch_size` and `data`, see `data.captions`.

    Raises:
      UserError: for numbers of digits or scenes that cannot be.
    """

    splits: tuple[str, ...] = digits.SPLITS[1:]
    shape: tuple[int, ...] = (scenes.SIDE, scenes.SIDE, 1)
    grid = None

    def __init__(self, config: ml_collections.ConfigDict):
        self._config, data = config, config.data
        if not 2 <= data.min_digits <= data.max_digits <= scenes.MOST:
            raise UserError(
                f"config.data.min_digits is {data.min_digits} and max_digits is "
                f"{data.max_digits}: a scene has 2 to {scenes.MOST} digits"
            )
        for name in ("validation_size", "test_size"):
            if data[name] < 1:
                raise UserError(f"config.data.{name} is {data[name]}: make it 1 or more")

    def tokenizer(self) -> WordTokenizer:
        """Of all words that a caption can have."""
        return WordTokenizer(scenes.VOCABULARY)

    def train(self, tokenizer: WordTokenizer) -> "SceneBatches":
        """Endless batches."""
        data = self._config.data
        drawn = _Drawn("train", self._config.seed, _TRAINING, data.min_digits, data.max_digits)
        return SceneBatches(drawn, tokenizer, self._config.batch_size)

    def split(self, name: str, tokenizer: WordTokenizer) -> "SceneBatches":
        """One pass. Raises UserError for a split that there is not."""
        drawn, size = self._of_split(name)
        return SceneBatches(drawn, tokenizer, self._config.batch_size, size)

    def references(self, name: str) -> list[tuple[str, ...]]:
        """The one caption of each scene. Raises UserError for a split that there is not."""
        drawn, size = self._of_split(name)
        return [(" ".join(caption.words),) for caption in scenes.tell(drawn.layout(0, size))]

    def names(self, name: str) -> Sequence[str]:
        """None: scenes have only numbers."""
        del name
        return ()

    def image(self, number: int) -> np.ndarray | None:
        """A scene of test; None where there is none of this number."""
        drawn, size = self._of_split("test")
        return drawn.images(drawn.layout(number, 1))[0] if number < size else None

    def given(self, name: str) -> np.ndarray | None:
        """None: a user brings image files."""
        del name
        return None

    def report(self) -> str:
        """How many digits and scenes there are."""
        data = self._config.data
        counts = ", ".join(
            f"{split} {len(digits.instances(split).images):,}" for split in digits.SPLITS
        )
        sizes = " to ".join(map(str, sorted({data.min_digits, data.max_digits})))
        return f"  scenes of {sizes} digits, drawn of instances: {counts}"

    def hash(self) -> str:
        """Of nothing that is brought."""
        return hashlib.sha256(Path(dice.__file__).read_bytes()).hexdigest()

    def _of_split(self, name: str) -> tuple["_Drawn", int]:
        data = self._config.data
        fewest, most = data.min_digits, data.max_digits
        base, _, number = name.partition("_")
        if base == "test" and number in map(str, range(2, scenes.MOST + 1)):
            fewest = most = int(number)
        elif name not in self.splits:
            raise UserError(
                f"there is no split {name!r}: choose {', '.join(self.splits)}, or test_3 for "
                f"scenes of 3 digits (2 to {scenes.MOST})"
            )
        size = data.validation_size if base == "validation" else data.test_size
        stream = 1 + zlib.crc32(name.encode())
        return _Drawn(base, data.seed, stream, fewest, most), size


class _Drawn:
    """Scenes by number: what stands in one follows from seed, stream and number alone."""

    def __init__(self, split: str, seed: int, stream: int, fewest: int, most: int):
        self.most = most
        self._split, self._seed, self._stream, self._fewest = split, seed, stream, fewest

    def layout(self, first: int, count: int) -> scenes.Layout:
        words = dice.random_words(self._seed, self._stream, first, count, scenes.WORDS)
        return scenes.layout(words, self._fewest, self.most)

    def images(self, made: scenes.Layout) -> np.ndarray:
        return scenes.draw(made, digits.instances(self._split))


class SceneBatches:
    """Batches by position, as `told` says; this process's rows. All have one shape."""

    def __init__(
        self, drawn: _Drawn, tokenizer: WordTokenizer, batch_size: int, size: int | None = None
    ):
        """`size` scenes; None without end."""
        self._drawn, self._tokenizer, self._size = drawn, tokenizer, size
        self._batch_size = batch_size
        self._rows = batch_size // jax.process_count()
        self._first = jax.process_index() * self._rows
        self._time = scenes.longest(drawn.most) + len([EOS])

    def __len__(self) -> int:
        """Batches of a split."""
        assert self._size is not None
        return -(-self._size // self._batch_size)

    def __iter__(self) -> Iterator[Batch]:
        return (self[position] for position in range(len(self)))

    def __getitem__(self, position: int) -> dict[str, np.ndarray]:
        first = position * self._batch_size + self._first
        made = self._drawn.layout(first, self._rows)
        numbers = first + np.arange(self._rows)
        mask = numbers < (np.inf if self._size is None else self._size)
        captions = told.arrays(scenes.tell(made), self._tokenizer, self._time, 1, mask)
        return {
            "images": self._drawn.images(made),
            **captions,
            "index": np.where(mask, numbers, -1).astype(np.int32),
            "mask": mask,
        }
