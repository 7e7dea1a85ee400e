"""Captioned images as an experiment's data: training, evaluation splits, a user's own."""

import functools
import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import jax
import ml_collections
import numpy as np

from attention_jax.data.captions import pictures
from attention_jax.data.captions.brought import SOURCES, Brought, CaptionBatches
from attention_jax.data.captions.drawn import DigitScenes, SceneBatches
from attention_jax.data.tokenizers import BOS, EOS, WordTokenizer
from attention_jax.errors import UserError
from attention_jax.typing import Batch

INPUT = "input"
"""The split of what a user gives: it has no captions."""

_DRAWN = "digit_scenes"
_VOCABULARY = "captions"  # Its file in the workdir's tokenizers/.


class Collection(Protocol):
    """Images with captions, whatever they come from.

    Its methods are those of `CaptionData`; `tokenizer` makes the vocabulary, `image` finds one of
    test by its number, `given` a user's by its name where they are not read from files.
    """

    splits: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an image (height, width, channels) or of its features (positions, features)."""
        ...

    @property
    def grid(self) -> tuple[int, int] | None:
        """Rows and columns that the positions of features are of, where they are of any."""
        ...

    def tokenizer(self) -> WordTokenizer: ...
    def train(self, tokenizer: WordTokenizer) -> SceneBatches | CaptionBatches: ...
    def split(self, name: str, tokenizer: WordTokenizer) -> SceneBatches | CaptionBatches: ...
    def references(self, name: str) -> Sequence[tuple[str, ...]]: ...
    def names(self, name: str) -> Sequence[str]: ...
    def image(self, number: int) -> np.ndarray | None: ...
    def given(self, name: str) -> np.ndarray | None: ...
    def report(self) -> str: ...
    def hash(self) -> str: ...


def default_data(name: str = _DRAWN) -> ml_collections.ConfigDict:
    """What `config.data` holds, see `data.captions`, with what suits a collection of this name."""
    data = ml_collections.ConfigDict(
        {
            "name": name,
            "seed": 0,
            "buckets": (24,),
            "height": 64,
            "width": 64,
            "channels": 3,
            "features": "",
            "vocabulary": 0,
            "min_count": 1,
            "min_digits": 2,
            "max_digits": 2,
            "validation_size": 500,
            "test_size": 1000,
        }
    )
    if name == "nlvr":
        # Half of the original's: its smallest objects are of five pixels then.
        data.update(height=50, width=200)
    elif name == "folder":
        data.update(buckets=(12, 16, 24), vocabulary=10_000, min_count=5)
    return data


class CaptionData:
    """A collection of captioned images, its vocabulary and its batches (`data.captions.told`).

    Args:
      config: the experiment's; reads `seed`, `batch_size` and `data`, see `data.captions`.
      data_dir: prepared images.
      manual_dir: raw ones.
      workdir: keeps the vocabulary; None keeps none.

    Raises:
      UserError: for a name, sizes or batches that cannot be, or files that cannot be used.
    """

    def __init__(
        self,
        config: ml_collections.ConfigDict,
        data_dir: Path,
        manual_dir: Path | None = None,
        workdir: Path | None = None,
    ):
        self._config, processes = config, jax.process_count()
        if config.batch_size < 1 or config.batch_size % processes:
            raise UserError(
                f"a batch size of {config.batch_size} does not divide among {processes} "
                f"processes: use a multiple of {processes}"
            )
        self._collection = _collection(config, data_dir, manual_dir)
        self._folder = None if workdir is None else workdir / "tokenizers"
        self._given: list[str] = []
        self.splits = self._collection.splits
        self.grid = self._collection.grid
        """Rows and columns that the positions of features are of; None of images, whose grid is the
        encoder's, and of features whose positions have no place."""

    @functools.cached_property
    def tokenizer(self) -> WordTokenizer:
        """One token a word; of the workdir, once it was kept."""
        if self._folder is not None and (self._folder / f"{_VOCABULARY}.json").exists():
            return WordTokenizer.load(self._folder, _VOCABULARY)
        return self._collection.tokenizer()

    def train(self) -> SceneBatches | CaptionBatches:
        """Endless batches of pairs of image and caption."""
        return self._collection.train(self.tokenizer)

    def split(self, name: str) -> SceneBatches | CaptionBatches:
        """One pass over an evaluation split, an image a row.

        Raises:
          UserError: for a split that there is not.
        """
        return self._collection.split(name, self.tokenizer)

    def references(self, split: str) -> Sequence[tuple[str, ...]]:
        """All captions of each image of an evaluation split, plain texts, by `index`.

        A caption's words are its tokens: `targets[:, t]` is word t of `references[index][0]`.
        Of the split "input" there are none.
        """
        return () if split == INPUT else self._collection.references(split)

    def names(self, split: str) -> Sequence[str]:
        """What the images of a split are called, by `index`; none where they have no names."""
        return self._given if split == INPUT else self._collection.names(split)

    def inputs(self, lines: Sequence[str]) -> list[Batch]:
        """A user's own images, as the split "input".

        A line is an image file, which is resized (`pictures.read_image`); of a model that takes
        features it is a name in their file. Or it is the number of an image of "test".

        Raises:
          UserError: for a file that cannot be read, is too small, or features that are not there.
        """
        images = [self._read(line) for line in lines]
        self._given = list(lines)
        rows = min(self._config.batch_size, len(images))
        return [self._as_batch(images[n : n + rows], n, rows) for n in range(0, len(images), rows)]

    def example(self) -> Batch:
        """Two rows of the right kinds of arrays, for shapes."""
        tokens = np.array([[BOS, EOS, EOS]] * 2, np.int32)
        boxes = np.zeros((*tokens[:, 1:].shape, 1, 4), np.float32)
        return {
            self._name: np.zeros((2, *self._collection.shape), self._kind),
            "inputs": tokens[:, :-1],
            "targets": tokens[:, 1:],
            "targets_mask": np.ones(boxes.shape[:2], bool),
            "boxes": boxes,
            "boxed": np.zeros(boxes.shape[:-1], bool),
            "index": np.arange(2, dtype=np.int32),
            "mask": np.ones(2, bool),
        }

    def keep(self) -> None:
        """Writes the vocabulary to the workdir, once."""
        if self._folder is not None and not (self._folder / f"{_VOCABULARY}.json").exists():
            self.tokenizer.save(self._folder, _VOCABULARY)

    def report(self) -> str:
        """What there is, and the size of the vocabulary."""
        return f"{self._collection.report()}\n  a vocabulary of {self.tokenizer.size:,} words"

    def hash(self) -> str:
        """Of what was brought, the code that reads and draws, and what the splits are made of."""
        digest = hashlib.sha256(self._collection.hash().encode())
        for path in sorted(Path(__file__).parent.glob("*.py")):
            digest.update(path.read_bytes())
        digest.update(json.dumps(dict(self._config.data), sort_keys=True).encode())
        return digest.hexdigest()[:16]

    @property
    def _name(self) -> str:
        return "features" if len(self._collection.shape) == 2 else "images"

    @property
    def _kind(self) -> type:
        return np.float32 if self._name == "features" else np.uint8

    def _read(self, line: str) -> np.ndarray:
        if line.isdecimal() and not Path(line).is_file():
            image = self._collection.image(int(line))
            if image is None:
                raise UserError(f"there is no image {line} of test: give a file or a lower number")
            return image
        features = self._collection.given(line)
        if features is not None:
            return features
        height, width, channels = self._collection.shape
        return pictures.read_image(Path(line).expanduser(), line, (height, width, channels))

    def _as_batch(self, images: Iterable[np.ndarray], first: int, rows: int) -> Batch:
        stacked = np.stack(list(images))
        mask = np.arange(rows) < len(stacked)
        # A row that fills up the batch repeats the last.
        return {
            self._name: stacked[np.minimum(np.arange(rows), len(stacked) - 1)],
            "index": np.where(mask, first + np.arange(rows), -1).astype(np.int32),
            "mask": mask,
        }


def _collection(
    config: ml_collections.ConfigDict, data_dir: Path, manual_dir: Path | None
) -> Collection:
    if config.data.name == _DRAWN:
        return DigitScenes(config)
    if config.data.name in SOURCES:
        return Brought(config, data_dir, manual_dir)
    known = ", ".join((_DRAWN, *SOURCES))
    raise UserError(f"config.data.name is {config.data.name!r}: choose {known}")
