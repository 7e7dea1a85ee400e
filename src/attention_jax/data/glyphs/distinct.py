"""The letters that look like no other."""

import dataclasses
import hashlib
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np

from attention_jax.data.glyphs import letters, shapes
from attention_jax.data.glyphs.letters import SPLITS, Letter

ALIKE = 0.95
"""Letters whose `shapes.looks` have at least this product count as one."""


@dataclasses.dataclass(frozen=True)
class GlyphsConfig:
    """How much of it.

    Attributes:
      limit: letters of each script at most, before any are left out as doubles; 0 for all.
    """

    limit: int = 0

    @property
    def name(self) -> str:
        """Letters made by another version of this code, of matplotlib (which brings the fonts) or
        of Unicode's names are not taken for these.
        """
        versions = (self, matplotlib.__version__, unicodedata.unidata_version)
        digest = hashlib.sha256(repr(versions).encode())
        for module in (letters.__file__, shapes.__file__, __file__):
            digest.update(Path(str(module)).read_bytes())
        return f"{self.limit or 'all'}-{digest.hexdigest()[:16]}"


class Drawn(NamedTuple):
    """A letter that was kept."""

    letter: Letter
    fields: list[np.ndarray]
    """Its shape in each of its fonts."""
    turns: np.ndarray
    """Which quarter turns are classes, bool [4]."""


def generate(config: GlyphsConfig) -> dict[str, list[Drawn]]:
    """The letters of every split that look like no other.

    Test letters come first, then validation's, then training's, which give way: a letter whose
    outline was met before, or one very much like it, is left out. Then, in training, each quarter
    turn that looks like nothing met before is a class as well, and counts as met.
    """
    seen = _Seen()
    return {split: list(_distinct(split, config, seen)) for split in reversed(SPLITS)}


class _Seen:
    """What was met so far: outlines, and looks."""

    def __init__(self):
        self.outlines: set[str] = set()
        self._looks = np.zeros((64, (shapes.SIDE // 2) ** 2), np.float32)
        self._count = 0

    def new(self, field: np.ndarray) -> bool:
        """Whether this looks like nothing met before; from now on it is met."""
        look = shapes.looks(field[None])[0]
        if (self._looks[: self._count] @ look).max(initial=0) >= ALIKE:
            return False
        if self._count == len(self._looks):
            self._looks = np.concatenate([self._looks, np.zeros_like(self._looks)])
        self._looks[self._count] = look
        self._count += 1
        return True


def _distinct(split: str, config: GlyphsConfig, seen: _Seen) -> Iterator[Drawn]:
    upright = []
    for letter in letters.letters(split, config.limit):
        paths = [shapes.outline(letter.character, font) for font in letter.fonts]
        own = shapes.fingerprint(paths[0])
        if own in seen.outlines:
            continue
        seen.outlines.add(own)
        fields = [shapes.field(path) for path in paths]
        if seen.new(fields[0]):
            upright.append((letter, fields))
    # Turned letters come after all upright ones, or they would take the place of some.
    for letter, fields in upright:
        turned = [split == "train" and seen.new(np.rot90(fields[0], turn)) for turn in (1, 2, 3)]
        yield Drawn(letter, fields, np.array([True, *turned]))
