"""scikit-learn's handwritten digits (UCI's optical recognition set) in three disjoint parts."""

import functools
from typing import NamedTuple

import numpy as np
from scipy import ndimage

SIDE = 16
"""Width and height of a digit, twice that of the data set's."""
SPLITS = ("train", "validation", "test")
_EVERY = 10
_HELD_OUT = {8: "validation", 9: "test"}  # Of every ten of a numeral, one each.


class Instances(NamedTuple):
    """The digits of a split, those of a numeral together.

    Attributes:
      images: uint8 [instances, SIDE, SIDE]; 255 is ink.
      starts: first instance of each numeral and the end of the last, int64 [11].
    """

    images: np.ndarray
    starts: np.ndarray

    def chosen(self, numerals: np.ndarray, chances: np.ndarray) -> np.ndarray:
        """One instance of each numeral, by a number in [0, 1): [..., SIDE, SIDE]."""
        first, end = self.starts[numerals], self.starts[numerals + 1]
        return self.images[first + (chances * (end - first)).astype(np.int64)]


@functools.lru_cache
def instances(split: str) -> Instances:
    """The digits of a split: of every ten of a numeral eight are for training.

    They are of 8 x 8 pixels and 17 shades. Cubic interpolation between the pixels' areas doubles
    the size; what it puts below white or above ink is cut off.
    """
    # Slow to import, and needed by no one else.
    from sklearn.datasets import load_digits

    every = load_digits()
    kept: list[np.ndarray] = []
    starts = [0]
    for numeral in range(10):
        own = np.flatnonzero(every.target == numeral)
        parts = [_HELD_OUT.get(place % _EVERY, "train") for place in range(len(own))]
        kept.append(own[[part == split for part in parts]])
        starts.append(starts[-1] + len(kept[-1]))
    small = every.images[np.concatenate(kept)]
    large = ndimage.zoom(small, (1, 2, 2), order=3, mode="nearest", grid_mode=True)
    shades = np.round(255 / 16 * np.clip(large, 0, 16)).astype(np.uint8)
    return Instances(shades, np.array(starts))
