"""What episodes are drawn from: the classes of a split, and a data set of three splits."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

SPLITS = ("train", "validation", "test")
"""Of every data set; no class is in two."""


class Pool(Protocol):
    """The classes of a split.

    Attributes:
      names: of the classes, as a caption says them: "Tifinagh yal", "Greek/character03 turned 90".
      groups: the script or alphabet of each class; "" where there is no such thing.
      drawings: images of each class, int [classes]; None where as many are drawn as are asked for.
      words: random words that an image takes; 0 where the images are there.
    """

    names: Sequence[str]
    groups: Sequence[str]
    drawings: np.ndarray | None
    words: int

    def draw(self, classes: np.ndarray, numbers: np.ndarray, words: np.ndarray) -> np.ndarray:
        """Images uint8 [images, side, side, channels]; of characters the ink is 255 and all else 0.

        Args:
          classes: of each image, [images].
          numbers: which of its class's drawings it is, [images]; means nothing where there are as
            many as are asked for.
          words: all that is random, uint64 [images, words]; see `memory_sequences.dice`.
        """
        ...


class Pools(Protocol):
    """A data set. Nothing is read before a pool is asked for: who predicts from a trained workdir
    need not have the data.

    Attributes:
      side: width and height of an image.
      channels: 1 or 3.
      dark_ink: whether a user's own images are ink on lighter paper, to be turned into ink of 255.
    """

    side: int
    channels: int
    dark_ink: bool

    def pool(self, split: str) -> Pool:
        """The classes of one of `SPLITS`; the same object again and again.

        Raises:
          UserError: for data that is missing or cannot be used.
        """
        ...

    def hash(self) -> str:
        """Changes when the images do, or how they are drawn."""
        ...


def turned(name: str, quarters: int) -> str:
    """The name of a class that is another one, so many quarters turned to the left."""
    return f"{name} turned {90 * quarters}" if quarters else name
