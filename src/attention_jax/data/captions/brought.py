"""Images with captions that the user brings, as a collection: stored ones, or features of them."""

import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import ml_collections
import numpy as np

from attention_jax.data.batches import Plan
from attention_jax.data.captions import told
from attention_jax.data.captions.features import Features
from attention_jax.data.captions.folder import Folder
from attention_jax.data.captions.naming import named
from attention_jax.data.captions.nlvr import Nlvr
from attention_jax.data.captions.stored import SPLITS, Entry, Source, Stored
from attention_jax.data.captions.told import Told
from attention_jax.data.episodes.images import fingerprint
from attention_jax.data.tokenizers import EOS, WordTokenizer
from attention_jax.errors import UserError
from attention_jax.typing import Batch

SOURCES: Mapping[str, Callable[[Path], Source]] = {"nlvr": Nlvr, "folder": Folder}
"""`config.data.name` -> the raw files in `manual_dir`."""


class _Held(NamedTuple):
    """A split in memory."""

    entries: list[Entry]
    images: np.ndarray | None
    """None where features stand in for them."""


class Brought:
    """A `splits.Collection` of NLVR or a folder.

    In training every image comes with each of its captions, shuffled by `config.seed`; pairs whose
    caption is longer than the last bucket are left out. In evaluation it comes once.

    Args:
      config: the experiment's; reads `seed`, `batch_size` and `data`, see `data.captions`.
      data_dir: prepared images.
      manual_dir: the raw files; None to take what was prepared. Features always need them.

    Raises:
      UserError: for sizes that cannot be, or files that cannot be used.
    """

    splits: tuple[str, ...] = SPLITS[1:]

    def __init__(self, config: ml_collections.ConfigDict, data_dir: Path, manual_dir: Path | None):
        self._config, data = config, config.data
        if min(data.height, data.width) < 1 or data.channels not in (1, 3):
            raise UserError(
                f"config.data asks for images of {data.height} x {data.width} x {data.channels}: "
                "give a height and a width in pixels, and 1 channel (grey) or 3 (colour)"
            )
        shape = (data.height, data.width, data.channels)
        self._stored = Stored(data.name, SOURCES[data.name], shape, data_dir, manual_dir)
        self._features: Features | None = None
        self.shape: tuple[int, ...] = shape
        self.grid: tuple[int, int] | None = None
        if data.features:
            names = [e.name for split in SPLITS for e in self._stored.entries(split)]
            self._features = Features(Path(data.features), names)
            self.shape, self.grid = self._features.shape, self._features.grid

    def tokenizer(self) -> WordTokenizer:
        """Of the words of training captions."""
        data = self._config.data
        texts = (caption for entry in self._held("train").entries for caption in entry.captions)
        return WordTokenizer.train(texts, data.vocabulary or None, min_count=data.min_count)

    def train(self, tokenizer: WordTokenizer) -> "CaptionBatches":
        """Endless shuffled batches."""
        pairs, plan = self._training
        return self._batches("train", pairs, plan, tokenizer)

    def split(self, name: str, tokenizer: WordTokenizer) -> "CaptionBatches":
        """One pass over the images, each with its first caption.

        Raises:
          UserError: for a split that there is not.
        """
        pairs = [(number, 0) for number in range(len(self._known(name).entries))]
        lengths = self._lengths(name, pairs)
        buckets, size = self._config.data.buckets, self._config.batch_size
        plan = Plan.evaluation(lengths, buckets, size, int(lengths.max()))
        return self._batches(name, pairs, plan, tokenizer)

    def references(self, name: str) -> list[tuple[str, ...]]:
        """The captions of each image. Raises UserError for a split that there is not."""
        return [entry.captions for entry in self._known(name).entries]

    def names(self, name: str) -> list[str]:
        """The images' files. Raises UserError for a split that there is not."""
        return [entry.name for entry in self._known(name).entries]

    def image(self, number: int) -> np.ndarray | None:
        """An image of test, or its features; None where there is none of this number."""
        entries = self._known("test").entries
        return self._rows("test", np.array([number]))[0] if number < len(entries) else None

    def given(self, name: str) -> np.ndarray | None:
        """The features of a user's image, by its name; None where image files are wanted.

        Raises:
          UserError: for features that are not in the file, or of another shape.
        """
        if self._features is None:
            return None
        self._features.require(name)
        return self._features.rows([name])[0]

    def report(self) -> str:
        """How many images and captions there are, and what was left out."""
        lines = []
        for split in SPLITS:
            captions = [
                caption for entry in self._held(split).entries for caption in entry.captions
            ]
            lines.append(
                f"  {split}: {len(self._held(split).entries):,} images, {len(captions):,} captions"
            )
        over_long = len(self._training[1].over_long)
        if over_long:
            lines.append(f"  {over_long:,} left out of training: longer than the last bucket")
        return "\n".join(lines)

    def hash(self) -> str:
        """Of images and captions; of features by their file's size and time."""
        digest = hashlib.sha256()
        for split in SPLITS:
            entries, images = self._held(split)
            digest.update(json.dumps(entries).encode())
            if images is not None:
                digest.update(np.ascontiguousarray(images).data)
        if self._features is not None:
            path = Path(self._config.data.features).expanduser()
            digest.update(fingerprint(path.parent, [path]).encode())
        return digest.hexdigest()

    @functools.cached_property
    def _training(self) -> tuple[list[tuple[int, int]], Plan]:
        pairs = [
            (number, caption)
            for number, entry in enumerate(self._held("train").entries)
            for caption in range(len(entry.captions))
        ]
        config = self._config
        lengths = self._lengths("train", pairs)
        return pairs, Plan.training(lengths, config.data.buckets, config.batch_size, config.seed)

    def _known(self, name: str) -> _Held:
        if name not in self.splits:
            raise UserError(f"there is no split {name!r}: choose {' or '.join(self.splits)}")
        return self._held(name)

    @functools.cache  # noqa: B019 (one object a run; its images live as long)
    def _held(self, split: str) -> _Held:
        if self._features is not None:
            return _Held(self._stored.entries(split), None)
        columns = self._stored.split(split)
        return _Held(columns.entries(), columns.images)

    def _lengths(self, split: str, pairs: Sequence[tuple[int, int]]) -> np.ndarray:
        """Tokens of each pair's caption with its end, [pairs, 1]."""
        entries = self._held(split).entries
        captions = (entries[number].captions[caption] for number, caption in pairs)
        return np.array([[len(caption.split(" ")) + len([EOS])] for caption in captions])

    def _batches(
        self, split: str, pairs: list[tuple[int, int]], plan: Plan, tokenizer: WordTokenizer
    ) -> "CaptionBatches":
        name = "images" if self._features is None else "features"
        rows = functools.partial(self._rows, split)
        return CaptionBatches(name, rows, self._held(split).entries, pairs, plan, tokenizer)

    def _rows(self, split: str, numbers: np.ndarray) -> np.ndarray:
        """The images of these numbers, or their features."""
        entries, images = self._held(split)
        if images is not None:
            return images[numbers]
        assert self._features is not None
        return self._features.rows([entries[number].name for number in numbers])


class CaptionBatches:
    """Batches of a plan by position, as `told` says; this process's rows.

    Args:
      name: "images" or "features".
      rows: what of this name the images of some numbers have.
      entries: all of the split.
      pairs: (image, caption), what the plan counts.
      plan: made of the captions' lengths.
      tokenizer: of the captions.
    """

    def __init__(
        self,
        name: str,
        rows: Callable[[np.ndarray], np.ndarray],
        entries: Sequence[Entry],
        pairs: Sequence[tuple[int, int]],
        plan: Plan,
        tokenizer: WordTokenizer,
    ):
        self._name, self._of, self._entries, self._pairs = name, rows, entries, pairs
        self._plan, self._tokenizer = plan, tokenizer
        self._most = max(1, *(len(entry.things) for entry in entries))
        self._rows = plan.batch_size // jax.process_count()
        self._first = jax.process_index() * self._rows

    def __len__(self) -> int:
        """Batches in an epoch; a training plan goes on beyond."""
        return len(self._plan)

    def __iter__(self) -> Iterator[Batch]:
        return (self[position] for position in range(len(self)))

    def __getitem__(self, position: int) -> dict[str, np.ndarray]:
        time, planned = self._plan[position]
        mine = planned[self._first : self._first + self._rows]
        mask = np.arange(self._rows) < len(mine)
        rows = np.full(self._rows, planned[0])
        rows[mask] = mine
        captions = [self._told(*self._pairs[row]) for row in rows]
        return {
            self._name: self._of(np.array([self._pairs[row][0] for row in rows])),
            **told.arrays(captions, self._tokenizer, time, self._most, mask),
            "index": np.where(mask, rows, -1).astype(np.int32),
            "mask": mask,
        }

    def _told(self, number: int, caption: int) -> Told:
        entry = self._entries[number]
        words = tuple(entry.captions[caption].split(" "))
        return Told(words, named(words, entry.things))
