"""Images that the user brings, prepared on first use."""

import functools
import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from attention_jax.data import prepared
from attention_jax.data.episodes.images import Images
from attention_jax.errors import UserError

_log = logging.getLogger(__name__)


class OneClass(NamedTuple):
    """A class as it was read."""

    name: str
    group: str
    images: np.ndarray
    """uint8 [images, side, side, channels]."""


class Raw(Protocol):
    """What the user brings.

    Attributes:
      data_set: a name of `builder.BUILDERS`.
      name: of this version of it, other when the files are.
      splits: that it has.
      side: width and height of an image.
      channels: 1 or 3.
    """

    data_set: str
    name: str
    splits: tuple[str, ...]
    side: int
    channels: int

    def read(self, split: str) -> Iterator[OneClass]:
        """The classes of a split. Raises UserError for files that cannot be used."""
        ...


class Brought:
    """A data set of images: from the user's files or, without them, as it was prepared before.

    Args:
      data_set: a name of `builder.BUILDERS`.
      beginning: of the names of the versions that will do.
      wanted: what to say where there is none.
      read: finds the files in `manual_dir`.
      data_dir: where it is prepared.
      manual_dir: where the files lie; None to take what was prepared.
    """

    def __init__(
        self,
        data_set: str,
        beginning: str,
        wanted: str,
        read: Callable[[Path], Raw],
        data_dir: Path,
        manual_dir: Path | None,
    ):
        self._beginning, self._wanted, self._read = beginning, wanted, read
        self._data_dir, self._manual_dir = data_dir.expanduser(), manual_dir
        self._arrays = self._data_dir / data_set / "arrays"
        self._loaded: dict[str, Images] = {}

    def images(self, split: str) -> Images:
        """Of a split of the data set; prepared if that was not done yet.

        Raises:
          UserError: for files that are missing or cannot be used, for more than one version where
            none is given, a folder that cannot be written, or a file that is damaged.
        """
        if split not in self._loaded:
            known = self._prepared(split) if self._manual_dir is None else self._of_raw(split)
            self._loaded[split] = prepared.arrays(Images, known, split, self._prepare)
        return self._loaded[split]

    def hash(self, splits: Iterable[str]) -> str:
        """Of all images of some splits, and their names."""
        digest = hashlib.sha256()
        for split in splits:
            for array in self.images(split):
                digest.update(np.ascontiguousarray(array).ravel().view(np.uint8).data)
        return digest.hexdigest()[:16]

    @functools.cached_property
    def _raw(self) -> Raw:
        assert self._manual_dir is not None
        return self._read(self._manual_dir)

    def _of_raw(self, split: str) -> dict[str, Path]:
        """Split -> its file."""
        if split not in self._raw.splits:
            raise UserError(self._wanted)
        return {each: self._arrays / f"{self._raw.name}-{each}.npz" for each in self._raw.splits}

    def _prepared(self, split: str) -> dict[str, Path]:
        """The split -> the one file there is."""
        found = [path.name for path in self._arrays.glob(f"{self._beginning}*-{split}.npz")]
        return {split: self._arrays / prepared.only(self._arrays, found, self._wanted)}

    def _prepare(self) -> dict[str, Images]:
        """With TFDS, and read back: decoding all again at each start would take longer than reading
        one file of arrays.
        """
        # Imports TFDS: slow, and not needed once the files are written.
        from attention_jax.data.episodes.builder import BUILDERS, RawConfig

        raw = self._raw
        _log.info("preparing %s", raw.data_set)
        make, folder = BUILDERS[raw.data_set], os.fspath(self._data_dir)
        builder = prepared.prepare(lambda: make(config=RawConfig(raw), data_dir=folder))
        return {split: _columns(builder.as_data_source(split)) for split in raw.splits}


def _columns(rows: Iterable[dict]) -> Images:
    """TFDS's examples, one a class."""
    listed = list(rows)
    return Images(
        np.concatenate([row["images"] for row in listed]),
        np.array([len(row["images"]) for row in listed], np.int32),
        np.array([row["name"].decode() for row in listed]),
        np.array([row["group"].decode() for row in listed]),
    )
