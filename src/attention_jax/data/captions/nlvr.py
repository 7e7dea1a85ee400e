"""NLVR (Suhr 2017): scenes of three boxes with coloured shapes, and human sentences about them.

The user brings it, as lil-lab/nlvr has it or packed:

    nlvr/dev/dev.json      nlvr/dev/images/*/dev-*.png      or
    nlvr/dev.json[.gz]     nlvr/dev_images.zip              and test alike

Of the examples only those are taken whose sentence is true of its scene; sentences about one scene
are the captions of one image. Every scene comes six times, its boxes in each order (permutation k
of the file's name is the k-th of `itertools.permutations`); what is true of one is true of all.

    train       dev less what validation takes, in all six orders
    validation  a tenth of dev's sentences, found by a hash of each, in the first order
    test        test, in the first order

A scene that in any order stands in two of them gives way in the earlier one; sentences recur from
dev to test, as people say the same of different scenes.
"""

import functools
import gzip
import io
import itertools
import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from attention_jax.data.captions.naming import Thing
from attention_jax.data.captions.pictures import Shape, read_image
from attention_jax.data.captions.stored import SPLITS, Entry
from attention_jax.data.captions.told import plain
from attention_jax.data.episodes.images import fingerprint
from attention_jax.data.manual import Pair, hold_out
from attention_jax.data.parallel import read_bytes
from attention_jax.errors import UserError

HEIGHT, WIDTH = 100, 400
"""Of an image, in pixels."""
_ORDERS = tuple(itertools.permutations(range(3)))
_STEP = 150  # From one box's left side to the next one's; a box is 100 wide.
_COLOURS = {"Black": "black", "Yellow": "yellow", "#0099ff": "blue"}
_PARTS = ("dev", "test")
_HELD_OUT = 10  # Per cent of dev's sentences.
ORIGIN = "lil-lab/nlvr on GitHub"


class _Scene(NamedTuple):
    """A scene of the raw files and what is true of it."""

    name: str
    """Of its images, without the order: "dev-1373-0"."""
    boxes: list[list[dict[str, Any]]]
    sentences: list[str]

    @property
    def look(self) -> str:
        """The same whatever the order of the boxes."""
        return json.dumps(sorted(json.dumps(box, sort_keys=True) for box in self.boxes))


class Nlvr:
    """The raw files, a `stored.Source`.

    Args:
      manual_dir: where they lie, in nlvr/ or straight in it.

    Raises:
      UserError: for files that are missing.
    """

    name = "nlvr"

    def __init__(self, manual_dir: Path):
        folder = manual_dir.expanduser()
        self._folder = folder / "nlvr" if (folder / "nlvr").is_dir() else folder
        self._json = {part: self._find_json(part) for part in _PARTS}
        self._archives = {part: self._folder / f"{part}_images.zip" for part in _PARTS}
        for part, archive in self._archives.items():
            if not archive.is_file() and not (self._folder / part / "images").is_dir():
                raise UserError(
                    f"{self._folder} has neither {archive.name} nor {part}/images: put NLVR there, "
                    f"from {ORIGIN}"
                )

    def version(self) -> str:
        """Of the files, by their sizes and times."""
        archives = [path for path in self._archives.values() if path.is_file()]
        return fingerprint(self._folder, [*self._json.values(), *archives])

    @functools.cached_property
    def _entries(self) -> dict[str, list[Entry]]:
        dev, test = (self._scenes(part) for part in _PARTS)
        by_sentence = [Pair(scene.sentences[0], str(n)) for n, scene in enumerate(dev)]
        parted = hold_out(by_sentence, {"validation": _HELD_OUT})
        made = {split: [dev[int(pair.target)] for pair in parted[split]] for split in SPLITS[:2]}
        made["test"] = test
        seen: set[str] = set()
        for split in reversed(SPLITS):
            kept = [scene for scene in made[split] if scene.look not in seen]
            seen |= {scene.look for scene in kept}
            made[split] = kept
        return {
            split: [
                entry
                for scene in scenes
                for entry in _images(scene, range(6) if split == "train" else range(1))
            ]
            for split, scenes in made.items()
        }

    def entries(self, split: str) -> list[Entry]:
        """The images of a split. Raises UserError for files that cannot be used."""
        return self._entries[split]

    def pictures(self, names: Iterable[str], shape: Shape) -> Iterator[np.ndarray]:
        """The images of these names; see `pictures.read_image`.

        Raises:
          UserError: for one that is missing, cannot be read or is not of 400 x 100 pixels.
        """
        places = {p.name: p for part in _PARTS for p in self._folder.glob(f"{part}/images/*/*.png")}
        archives: dict[str, zipfile.ZipFile] = {}
        try:
            for name in names:
                part = name.partition("-")[0]
                if not self._archives[part].is_file():
                    yield _read(places.get(name), name, shape)
                    continue
                if part not in archives:
                    archives[part] = _archive(self._archives[part])
                yield _read(_packed(archives[part], name), name, shape)
        finally:
            for archive in archives.values():
                archive.close()

    def _find_json(self, part: str) -> Path:
        names = (f"{part}.json.gz", f"{part}.json", f"{part}/{part}.json")
        found = [self._folder / name for name in names if (self._folder / name).is_file()]
        if not found:
            raise UserError(
                f"{self._folder} has no {part}.json[.gz] of NLVR: put it there, from {ORIGIN}"
            )
        return found[0]

    def _scenes(self, part: str) -> list[_Scene]:
        path = self._json[part]
        content = read_bytes(path)
        scenes: dict[str, _Scene] = {}
        try:
            text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
            for row in map(json.loads, text.splitlines()):
                sentence = plain(row["sentence"])
                if str(row["label"]).lower() != "true" or not sentence:
                    continue
                key = json.dumps(row["structured_rep"], sort_keys=True)
                name = f"{part}-{row['identifier']}"
                scene = scenes.setdefault(key, _Scene(name, row["structured_rep"], []))
                if sentence not in scene.sentences:
                    scene.sentences.append(sentence)
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path} is not NLVR's: bring it from {ORIGIN}") from error
        return list(scenes.values())


def _images(scene: _Scene, orders: Iterable[int]) -> Iterator[Entry]:
    for order in orders:
        things = tuple(
            _thing(raw, slot) for slot, box in enumerate(_ORDERS[order]) for raw in scene.boxes[box]
        )
        yield Entry(f"{scene.name}-{order}.png", tuple(scene.sentences), things)


def _thing(raw: dict[str, Any], slot: int) -> Thing:
    left, top, size = _STEP * slot + raw["x_loc"], raw["y_loc"], raw["size"]
    box = (top / HEIGHT, left / WIDTH, min((top + size) / HEIGHT, 1), (left + size) / WIDTH)
    return Thing(box, _COLOURS[raw["color"]], raw["type"])


def _archive(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise UserError(f"{path} cannot be read: bring it from {ORIGIN}") from error


def _packed(archive: zipfile.ZipFile, name: str) -> IO[bytes] | None:
    if name not in archive.NameToInfo:
        return None
    try:
        return io.BytesIO(archive.read(name))
    except (OSError, zlib.error, zipfile.BadZipFile) as error:
        raise UserError(f"{archive.filename} is damaged at {name}: bring it anew") from error


def _read(file: Path | IO[bytes] | None, name: str, shape: Shape) -> np.ndarray:
    if file is None:
        raise UserError(f"NLVR's image {name} is missing: bring all of them, from {ORIGIN}")
    return read_image(file, name, shape, original=(HEIGHT, WIDTH))
