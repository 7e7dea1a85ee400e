"""One's own images: a folder with a file of captions, in one of two forms.

    captions.json   Karpathy's: {"images": [{"filename": "1.jpg", "split": "train", "sentences":
                    [{"tokens": ["a", "dog"]}, ...]}]}, as his Flickr8k, Flickr30k and COCO files;
                    "raw" does in place of "tokens", "filepath" is a folder of "filename", "val" and
                    "restval" are validation and training
    captions.tsv    a file name, a tab and a caption a line, a line for each caption; "1.jpg#2", as
                    Flickr8k.token.txt numbers them, is "1.jpg". Of the images one in ten each is
                    for validation and test, found by a hash of its name.

The images lie beside it or in images/. Any other name ending in .json, .tsv or .txt will do where
it is the only one.
"""

import functools
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from attention_jax.data.captions.pictures import Shape, read_image
from attention_jax.data.captions.stored import SPLITS, Entry
from attention_jax.data.captions.told import plain
from attention_jax.data.episodes.images import fingerprint
from attention_jax.data.manual import Pair, hold_out
from attention_jax.data.parallel import read_bytes, read_lines
from attention_jax.errors import UserError

_SUFFIXES = (".json", ".tsv", ".txt")
_THEIRS = {"train": "train", "restval": "train", "val": "validation", "test": "test"}
_HELD_OUT = {"validation": 10, "test": 10}  # Per cent of the images of a .tsv.
_NUMBER = re.compile(r"#\d+$")


class Folder:
    """The folder, a `stored.Source`.

    Args:
      manual_dir: where images and captions lie.

    Raises:
      UserError: for a folder without a file of captions, or with several that might be it.
    """

    name = "folder"

    def __init__(self, manual_dir: Path):
        self._folder = manual_dir.expanduser()
        named = [self._folder / f"captions{suffix}" for suffix in _SUFFIXES[:2]]
        found = [path for path in named if path.is_file()]
        if not found and self._folder.is_dir():
            every = sorted(self._folder.iterdir())
            found = [path for path in every if path.is_file() and path.suffix in _SUFFIXES]
        if len(found) != 1:
            told = ", ".join(path.name for path in found) or "no captions.json or captions.tsv"
            raise UserError(
                f"{self._folder} has {told}: put one file of captions beside the images"
            )
        self._file = found[0]

    def version(self) -> str:
        """Of the captions, and of the images by their sizes and times."""
        names = (entry.name for split in SPLITS for entry in self.entries(split))
        return fingerprint(self._folder, [self._file, *filter(None, map(self._find, names))])

    def entries(self, split: str) -> list[Entry]:
        """The images of a split in the file's order.

        Raises:
          UserError: for a file that cannot be used, or an empty caption.
        """
        return self._entries[split]

    @functools.cached_property
    def _entries(self) -> dict[str, list[Entry]]:
        return self._of_json() if self._file.suffix == ".json" else self._of_lines()

    def pictures(self, names: Iterable[str], shape: Shape) -> Iterator[np.ndarray]:
        """The images of these names; see `pictures.read_image`.

        Raises:
          UserError: for one that is missing, cannot be read or is too small.
        """
        for name in names:
            path = self._find(name)
            if path is None:
                raise UserError(
                    f"{self._file} has captions of {name}, which is not in {self._folder}: put it "
                    "there or delete them"
                )
            yield read_image(path, str(path), shape)

    def _find(self, name: str) -> Path | None:
        if Path(name).is_absolute():
            return None
        places = (self._folder / name, self._folder / "images" / name)
        return next((path for path in places if path.is_file()), None)

    def _of_json(self) -> dict[str, list[Entry]]:
        try:
            rows = json.loads(read_bytes(self._file))["images"]
            read = [(_THEIRS[row["split"]], _name(row), _sentences(row)) for row in rows]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f'{self._file} is not in Karpathy\'s form: give {{"images": [{{"filename": ..., '
                '"split": "train", "sentences": [{"tokens": [...]}]}]}'
            ) from error
        parted: dict[str, list[Entry]] = {split: [] for split in SPLITS}
        for split, name, sentences in read:
            captions = tuple(self._caption(sentence, f"of {name}") for sentence in sentences)
            if not captions:
                raise UserError(f"{name} has no caption in {self._file}: write one or delete it")
            parted[split].append(Entry(name, captions))
        return parted

    def _of_lines(self) -> dict[str, list[Entry]]:
        captions: dict[str, list[str]] = {}
        for number, line in enumerate(read_lines(self._file), start=1):
            if not line.strip():
                continue
            name, tab, caption = line.partition("\t")
            if not tab:
                raise UserError(
                    f"line {number} of {self._file} has no tab: write a file name, a tab and a "
                    "caption"
                )
            told = self._caption(caption, f"in line {number}")
            captions.setdefault(_NUMBER.sub("", name.strip()), []).append(told)
        names = hold_out([Pair(name, "") for name in captions], _HELD_OUT)
        return {
            split: [Entry(name, tuple(captions[name])) for name, _ in names[split]]
            for split in SPLITS
        }

    def _caption(self, text: str, where: str) -> str:
        caption = plain(text)
        if not caption:
            raise UserError(f"a caption {where} of {self._file} is empty: write one or delete it")
        return caption


def _name(row: dict[str, Any]) -> str:
    return f"{row['filepath']}/{row['filename']}" if "filepath" in row else str(row["filename"])


def _sentences(row: dict[str, Any]) -> list[str]:
    return [
        " ".join(told["tokens"]) if "tokens" in told else str(told["raw"])
        for told in row["sentences"]
    ]
