"""Which letters there are: of many scripts, in the fonts that matplotlib ships."""

import unicodedata
from pathlib import Path
from typing import NamedTuple

import matplotlib
from matplotlib.ft2font import FT2Font

FONTS = ("DejaVuSans", "DejaVuSerif", "DejaVuSansMono", "STIXGeneral")
"""A letter is drawn as each of them has it, and looks like the first that does.

Left out: LastResort, which draws one sign for all letters of a script; Computer Modern and STIX's
other files, which have other things at letters' code points; bold and slanted ones, which is what
`distort` makes of these.
"""

SPLITS = {
    "train": (
        *("LATIN", "GREEK", "CYRILLIC", "CANADIAN SYLLABICS", "ARABIC", "LISU", "OLD ITALIC"),
        *("OGHAM", "COPTIC"),
    ),
    "validation": ("HEBREW", "NKO", "LAO"),
    "test": ("ARMENIAN", "GEORGIAN", "TIFINAGH"),
}
"""The scripts of each split, as Unicode's names of letters begin; no script is in two."""

_CASES = ("Lu", "Ll", "Lt", "Lo")


class Letter(NamedTuple):
    """A letter of a script, and the fonts that have it."""

    character: str
    script: str
    fonts: tuple[str, ...]


def letters(split: str, limit: int = 0) -> list[Letter]:
    """The letters of a split's scripts in the order of Unicode, script after script.

    Args:
      split: one of `SPLITS`.
      limit: of each script this many, evenly spread; 0 for all.
    """
    known = {font: set(FT2Font(str(file(font))).get_charmap()) for font in FONTS}
    found = []
    for script in SPLITS[split]:
        every = [
            Letter(chr(code), script, tuple(font for font in FONTS if code in known[font]))
            for code in sorted(set().union(*known.values()))
            if _is_letter(chr(code), script)
        ]
        wanted = min(limit or len(every), len(every))
        found += [every[n * len(every) // wanted] for n in range(wanted)]
    return found


def file(font: str) -> Path:
    """Where matplotlib keeps a font."""
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"


def _is_letter(character: str, script: str) -> bool:
    named = unicodedata.name(character, "").startswith(f"{script} ")
    return named and unicodedata.category(character) in _CASES
