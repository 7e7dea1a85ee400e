"""Omniglot: handwritten characters of 50 alphabets, each by twenty people (Lake 2015).

The user brings it, in one of two forms:

    background.npz                                  964 characters of 30 alphabets; `ink105_packed`
                                                    and `labels`, in omniglot/ or in manual_dir
    images_background/Alphabet/character01/*.png    the original folders, of 105 x 105 pixels
    images_evaluation/Alphabet/character01/*.png    the other 20 alphabets, wanted for "paper" only

Images are resized to 28 x 28 (`images.resized`) with ink of 255 on 0, and are the same in either
form. Two splits are known:

    alphabets   of the 30 alphabets of the background set 22 for training, 3 for validation and 5
                for test (`ALPHABETS`): characters and scripts are new. In training every character
                is four classes, one a quarter turn. Validation and test are upright.
    paper       of all 1,623 characters 423 for test, as Mishra 2017 and others do; alphabets are
                shared. Of the 1,200 others 172 are for validation, since a checkpoint is to be
                chosen by something, and 1,028 in four turns each for training. Which they are
                follows from a hash of their names: the paper does not say which were its own.
"""

import functools
import hashlib
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from attention_jax.data.episodes import images
from attention_jax.data.episodes.images import ImagePool, Images
from attention_jax.data.episodes.load import Brought, OneClass, Raw
from attention_jax.errors import UserError

SIDE = 28
ORIGINAL = 105
"""Width and height of the published images."""
TURNS = {"train": (0, 1, 2, 3), "validation": (0,), "test": (0,)}
"""Quarter turns that are classes."""
ALPHABETS = {
    "test": (
        *("Korean", "Syriac_(Estrangelo)", "Malay_(Jawi_-_Arabic)", "Alphabet_of_the_Magi"),
        "Tifinagh",
    ),
    "validation": ("Arcadian", "Hebrew", "Futurama"),
}
"""Held out: the first eight by a hash of their names, but for those whose characters are another
alphabet's as well (Canadian syllabics, Georgian, Japanese; Latin, Greek and Cyrillic).
"""
CHARACTERS = {"test": 423, "validation": 172}
"""Held out for "paper"."""
ALL = {"alphabets": 30, "paper": 1623}
"""Alphabets, or characters, that there must be."""
_SETS = {"alphabets": ("background",), "paper": ("background", "evaluation")}
_ARCHIVE = "background.npz"
_FOLDER = "images_{}"


class Archive:
    """The form of one file.

    Args:
      file: `background.npz`.
    """

    data_set = "omniglot"
    splits: tuple[str, ...] = ("background",)
    side, channels = SIDE, 1

    def __init__(self, file: Path):
        self._file = file
        self.name = images.fingerprint(file.parent, [file])

    def read(self, split: str) -> Iterator[OneClass]:
        """The characters of each alphabet. Raises UserError for another kind of file."""
        assert split in self.splits
        try:
            with self._file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
                packed = arrays["ink105_packed"]
                labels = json.loads(str(arrays["labels"]))
            owners = sorted((*labels[str(number)], number) for number in range(len(packed)))
            if packed.shape[2:] != (-(-(ORIGINAL**2) // 8),):
                raise ValueError(packed.shape)
        except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
            raise UserError(
                f"{self._file} is not Omniglot with ink105_packed and labels: bring another one or "
                "the original folders"
            ) from error
        for alphabet, character, number in owners:
            bits = np.unpackbits(packed[number], axis=-1, count=ORIGINAL**2)
            yield _character(alphabet, character, list(255 * bits.reshape(-1, ORIGINAL, ORIGINAL)))


class Originals:
    """The form of folders, as published.

    Args:
      folder: of `images_background` and maybe `images_evaluation`.
    """

    data_set = "omniglot"
    side, channels = SIDE, 1

    def __init__(self, folder: Path):
        sets = ("background", "evaluation")
        self._roots = {each: folder / _FOLDER.format(each) for each in sets}
        self.splits: tuple[str, ...] = tuple(e for e, root in self._roots.items() if root.is_dir())
        every = [
            path
            for split in self.splits
            for character in sorted(self._roots[split].glob("*/*/"))
            for path in images.image_files(character)
        ]
        self.name = images.fingerprint(folder, every)

    def read(self, split: str) -> Iterator[OneClass]:
        """The characters of each alphabet.

        Raises:
          UserError: for images that cannot be read, or of another size.
        """
        for folder in sorted(self._roots[split].glob("*/*/")):
            drawn = [_ink(path) for path in images.image_files(folder)]
            if len(drawn) < 2:
                raise UserError(
                    f"{folder} has {len(drawn)} images and a character needs 2: bring all of the "
                    "original folders"
                )
            yield _character(folder.parent.name, folder.name, drawn)


class OmniglotPools:
    """Omniglot's characters, as the module's text says.

    Args:
      split: "alphabets" or "paper".
      data_dir: where they are prepared.
      manual_dir: where the raw ones lie; None to take those that were prepared before.

    Raises:
      UserError: for another split.
    """

    side, channels = SIDE, 1
    dark_ink = True

    def __init__(self, split: str, data_dir: Path, manual_dir: Path | None):
        if split not in ALL:
            raise UserError(f"config.data.split is {split!r}: choose {' or '.join(ALL)}")
        self._split = split
        needed = " and ".join(_FOLDER.format(each) for each in _SETS[split])
        wanted = (
            f"omniglot is not prepared yet: put {needed} (from brendenlake/omniglot on GitHub, "
            "unpacked) into DIR/omniglot and give --manual_dir=DIR"
        )
        self._brought = Brought("omniglot", "", wanted, _raw, data_dir, manual_dir)

    def pool(self, split: str) -> ImagePool:
        """See `Pools.pool`."""
        chosen = np.isin(self._keys, self._parts[split])
        return ImagePool(self._characters, np.flatnonzero(chosen), TURNS[split])

    def hash(self) -> str:
        """Of the images; what becomes of them is in the code."""
        return self._brought.hash(_SETS[self._split])

    @functools.cached_property
    def _characters(self) -> Images:
        sets = [self._brought.images(each) for each in _SETS[self._split]]
        return sets[0] if len(sets) == 1 else Images(*map(np.concatenate, zip(*sets, strict=True)))

    @property
    def _keys(self) -> np.ndarray:
        """Of each character what it is divided by: its alphabet, or its own name."""
        characters = self._characters
        return characters.groups if self._split == "alphabets" else characters.names

    @functools.cached_property
    def _parts(self) -> dict[str, list[str]]:
        """Split -> its alphabets or characters."""
        found = {*map(str, self._keys)}
        if len(found) != ALL[self._split]:
            unit = "alphabets" if self._split == "alphabets" else "characters"
            needed = " and ".join(_FOLDER.format(each) for each in _SETS[self._split])
            raise UserError(
                f"there are {len(found)} {unit} of Omniglot and config.data.split={self._split} "
                f"divides {ALL[self._split]}: bring all of {needed}"
            )
        parts = {split: list(names) for split, names in ALPHABETS.items()}
        if self._split == "paper":
            order = sorted(found, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
            tested = CHARACTERS["test"]
            parts = {
                "test": order[:tested],
                "validation": order[tested:][: CHARACTERS["validation"]],
            }
        return {**parts, "train": sorted(found.difference(*parts.values()))}


def _raw(manual_dir: Path) -> Raw:
    """Whichever form lies there; the original folders, if both do."""
    folder = manual_dir.expanduser()
    if (folder / "omniglot").is_dir():
        folder /= "omniglot"
    if (folder / _FOLDER.format("background")).is_dir():
        return Originals(folder)
    if (folder / _ARCHIVE).is_file():
        return Archive(folder / _ARCHIVE)
    raise UserError(
        f"{folder} has neither {_FOLDER.format('background')} nor {_ARCHIVE}: put Omniglot there "
        "(from brendenlake/omniglot on GitHub, unpacked)"
    )


def _ink(path: Path) -> np.ndarray:
    """Ink of 255 on 0, uint8 [ORIGINAL, ORIGINAL]; in the file it is dark."""
    image = images.open_image(path, channels=1)
    if image.size != (ORIGINAL, ORIGINAL):
        width, height = image.size
        raise UserError(
            f"{path} has {width} x {height} pixels and Omniglot's images {ORIGINAL} x {ORIGINAL}: "
            "bring the original ones, or use config.data.name=folders"
        )
    return 255 - np.asarray(image)


def _character(alphabet: str, character: str, drawn: list[np.ndarray]) -> OneClass:
    made = np.stack([images.resized(Image.fromarray(ink), SIDE) for ink in drawn])
    return OneClass(f"{alphabet}/{character}", alphabet, made)
