"""Images with captions that the user brings, prepared on first use at the size asked for."""

import functools
import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from attention_jax.data import prepared
from attention_jax.data.captions.naming import Thing
from attention_jax.data.captions.pictures import Shape
from attention_jax.errors import UserError

_log = logging.getLogger(__name__)

SPLITS = ("train", "validation", "test")
_MADE_BY = ("told.py", "pictures.py", "nlvr.py", "folder.py")


class Entry(NamedTuple):
    """An image by its name, and what is known of it."""

    name: str
    captions: tuple[str, ...]
    """Plain ones (`told.plain`), one or more."""
    things: tuple[Thing, ...] = ()
    """Its objects, where they are known."""


class Source(Protocol):
    """The raw files of a data set."""

    name: str

    def version(self) -> str:
        """Other when the files are."""
        ...

    def entries(self, split: str) -> list[Entry]:
        """The images of a split. Raises UserError for files that cannot be used."""
        ...

    def pictures(self, names: Iterable[str], shape: Shape) -> Iterator[np.ndarray]:
        """The images of these names, uint8 [height, width, channels]. Raises UserError likewise."""
        ...


class Columns(NamedTuple):
    """A split as it is kept: images uint8 [images, height, width, channels], and a text each."""

    images: np.ndarray
    names: np.ndarray
    captions: np.ndarray
    things: np.ndarray

    def entries(self) -> list[Entry]:
        """What is known of each image."""
        rows = zip(self.names, self.captions, self.things, strict=True)
        return [
            Entry(
                str(name),
                tuple(json.loads(str(captions))),
                tuple(Thing(tuple(box), *rest) for box, *rest in json.loads(str(things))),
            )
            for name, captions, things in rows
        ]


class Stored:
    """A data set: from the user's files or, without them, as it was prepared before.

    Args:
      name: of the data set.
      read: finds the files in `manual_dir`.
      shape: of the images.
      data_dir: where they are prepared.
      manual_dir: where the files lie; None to take what was prepared.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[Path], Source],
        shape: Shape,
        data_dir: Path,
        manual_dir: Path | None,
    ):
        self._name, self._read, self._shape = name, read, shape
        self._data_dir, self._manual_dir = data_dir.expanduser(), manual_dir
        self._arrays = self._data_dir / f"captions_{name}" / "arrays"

    @functools.cached_property
    def source(self) -> Source:
        """The user's files. Raises UserError where there are none."""
        if self._manual_dir is None:
            raise UserError(self._wanted)
        return self._read(self._manual_dir)

    @property
    def _wanted(self) -> str:
        size = " x ".join(map(str, self._shape))
        return (
            f"{self._name} is not prepared yet for images of {size}: give the folder of its files, "
            "--manual_dir=DIR"
        )

    @functools.cached_property
    def version(self) -> str:
        """Of the files and the code that reads them, behind the size of the images."""
        size = "x".join(map(str, self._shape))
        if self._manual_dir is not None:
            code = "".join(Path(__file__).with_name(name).read_text() for name in _MADE_BY)
            made_of = hashlib.sha256((self.source.version() + code).encode())
            return f"{size}-{made_of.hexdigest()[:16]}"
        found = [path.name for path in self._arrays.glob(f"{size}-*-{SPLITS[0]}.npz")]
        name = prepared.only(self._arrays, found, self._wanted)
        return name.removesuffix(f"-{SPLITS[0]}.npz")

    def entries(self, split: str) -> list[Entry]:
        """What the user's files say of a split. Raises UserError where they cannot be used."""
        found = self.source.entries(split)
        if not found:
            raise UserError(f"{self._manual_dir} has no images for {split}: bring more of them")
        return found

    def split(self, split: str) -> Columns:
        """The images of a split and what is known of them.

        Raises:
          UserError: for files that are missing or cannot be used, for more than one version where
            none is given, a folder that cannot be written, or a file that is damaged.
        """
        files = {each: self._arrays / f"{self.version}-{each}.npz" for each in SPLITS}
        return prepared.arrays(Columns, files, split, self._prepare)

    def _prepare(self) -> dict[str, Columns]:
        """With TFDS, and read back: decoding all again at each start would take longer than reading
        one file of arrays.
        """
        # Imports TFDS: slow, and not needed once the files are written.
        from attention_jax.data.captions.builder import BUILDERS, CaptionedConfig

        for split in SPLITS:
            self.entries(split)
        _log.info("preparing %s", self._name)
        make, folder = BUILDERS[self._name], os.fspath(self._data_dir)
        config = CaptionedConfig(self.version, self.source, self._shape)
        builder = prepared.prepare(lambda: make(config=config, data_dir=folder))
        return {split: _columns(builder.as_data_source(split)) for split in SPLITS}


def _columns(rows: Iterable[dict]) -> Columns:
    listed = list(rows)
    texts = (np.array([row[name].decode() for row in listed]) for name in Columns._fields[1:])
    return Columns(np.stack([row["images"] for row in listed]), *texts)
