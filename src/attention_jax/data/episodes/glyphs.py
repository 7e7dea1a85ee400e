"""The letters of `data.glyphs` as classes: embedded, and drawn anew by another hand each time."""

import hashlib
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from attention_jax.data.episodes.pool import turned
from attention_jax.data.glyphs import GlyphsConfig, Shapes, distort, load
from attention_jax.data.memory_sequences import dice


class GlyphPool:
    """A class for each letter of a split, and for each quarter turn that is one of its own.

    `glyphs.Shapes.turns` says which are: of training letters those that look like no other class,
    elsewhere none. A drawing takes one of the letter's fonts, each alike often.

    Args:
      shapes: of a split.
    """

    drawings: np.ndarray | None = None
    words = 1 + distort.WORDS

    def __init__(self, shapes: Shapes):
        self._letters, self._turns = np.nonzero(shapes.turns)
        self._fields = shapes.fields
        letters = np.unique(shapes.owners, return_index=True, return_counts=True)
        _, self._starts, self._fonts = letters
        called = [_called(character) for character in shapes.characters]
        self.names: Sequence[str] = [
            turned(called[letter], int(turn))
            for letter, turn in zip(self._letters, self._turns, strict=True)
        ]
        scripts = [script.capitalize() for script in shapes.scripts]
        self.groups: Sequence[str] = [scripts[letter] for letter in self._letters]

    def draw(self, classes: np.ndarray, numbers: np.ndarray, words: np.ndarray) -> np.ndarray:
        """See `Pool.draw`: as many as are asked for, whatever their numbers."""
        del numbers
        letters = self._letters[classes]
        fonts = (dice.uniform(words[:, 0]) * self._fonts[letters]).astype(np.int64)
        fields = self._fields[self._starts[letters] + fonts]
        return distort.draw(fields, self._turns[classes], words[:, 1:])[..., None]


class GlyphPools:
    """Scripts of training, validation and test, `glyphs.SPLITS`.

    Args:
      config: how many letters.
      data_dir: where they are prepared.
    """

    side = distort.SIZE
    channels = 1
    dark_ink = True

    def __init__(self, config: GlyphsConfig, data_dir: Path):
        self._config, self._data_dir = config, data_dir

    def pool(self, split: str) -> GlyphPool:
        """Prepared on first use. Raises UserError for a folder that cannot be written."""
        return GlyphPool(load(self._config, split, self._data_dir))

    def hash(self) -> str:
        """Of the letters, and of the hand that draws them."""
        digest = hashlib.sha256(self._config.name.encode())
        digest.update(Path(str(distort.__file__)).read_bytes())
        return digest.hexdigest()[:16]


def _called(character: str) -> str:
    """As Unicode calls it: "Tifinagh yal" for TIFINAGH LETTER YAL."""
    return unicodedata.name(character).replace(" LETTER ", " ").capitalize()
