"""Scenes of digits: which, where, and the one caption that says so.

    two left of seven above eight

The numerals of a scene are different, and are named by where they stand: a walk from one to the
next begins at its upper end or, of two at one height, at the left; that of four begins at the upper
left and goes clockwise. So a scene has one right caption, a noun names one object, and whoever says
a numeral must know it by looking there. Two named after one another are side by side or one above
the other, never aslant:

- a cut across the canvas in each direction parts left from right and upper from lower; digits lie
  wholly on their side of it, so that no two boxes overlap;
- the two, three or four are neighbours on a walk round the four quarters, so that a cut parts any
  two that follow one another: in one direction their centres are `digits.SIDE` or more apart, in
  the other at most `SIDE - 2 digits.SIDE`, which is half of that;
- two digits alone need one cut only. In the other direction they lie anywhere, as near.
"""

from typing import NamedTuple

import numpy as np

from attention_jax.data.captions import digits
from attention_jax.data.captions.told import Told
from attention_jax.data.memory_sequences import dice

SIDE = 40
"""Width and height of the canvas."""
MOST = 4
"""Digits of a scene."""
NUMERALS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
VOCABULARY = (*NUMERALS, "left", "right", "of", "above")
_ROOM = SIDE - 2 * digits.SIDE  # What two digits in a row leave of the canvas.
_QUARTERS = np.array([(0, 0), (0, 1), (1, 1), (1, 0)])  # (row, column), clockwise.
_RELATIONS = {
    (0, 1): ("left", "of"),
    (0, -1): ("right", "of"),
    (1, 0): ("above",),
}
"""How the second named lies to the first, (rows, columns) further -> what is said of the first. A
walk from the upper end never goes up."""
_CHANCES = {"count": 1, "numerals": 10, "walk": 1, "cut": 2, "corner": 2 * MOST, "instance": MOST}
WORDS = sum(_CHANCES.values())
"""Random words that a scene takes."""


class Layout(NamedTuple):
    """What stands where in each scene; of a scene's digits the first `counts` are real.

    Attributes:
      counts: digits of each scene, int64 [scenes].
      numerals: in the order of naming, int64 [scenes, MOST].
      quarters: row and column of each on the walk, int64 [scenes, MOST, 2].
      corners: y and x of its upper left pixel, int64 [scenes, MOST, 2].
      chances: which instance of the numeral, float64 [scenes, MOST].
    """

    counts: np.ndarray
    numerals: np.ndarray
    quarters: np.ndarray
    corners: np.ndarray
    chances: np.ndarray


def longest(most: int) -> int:
    """Words of the longest caption of so many digits."""
    return most + 2 * (most - 1)


def layout(words: np.ndarray, fewest: int, most: int) -> Layout:
    """Scenes of `fewest` to `most` digits, all numbers alike often.

    Args:
      words: uint64 [scenes, WORDS], from `dice.random_words`: all that is random.
      fewest: digits, 2 or more.
      most: digits, `MOST` or less.
    """
    ends = np.cumsum(list(_CHANCES.values()))
    parts = dict(zip(_CHANCES, np.split(words, ends[:-1], axis=1), strict=True))
    counts = dice.integers(parts["count"][:, 0], fewest, most)
    numerals = np.argsort(parts["numerals"], axis=1, kind="stable")[:, :MOST]
    quarters = _walks(counts, dice.integers(parts["walk"][:, 0], 0, 3))
    corners = _corners(quarters, counts, parts["cut"], parts["corner"])
    return Layout(counts, numerals, quarters, corners, dice.uniform(parts["instance"]))


def _walks(counts: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The quarters [scenes, MOST, 2] from one digit to the next, of those that start clockwise in a
    given one; what lies behind the last digit is of no account.
    """
    ends = (starts + counts - 1) % 4
    # Further down comes later and, at one height, further right.
    backwards = _QUARTERS[starts] @ [2, 1] > _QUARTERS[ends] @ [2, 1]
    ring = counts == MOST
    first = np.where(ring, 0, np.where(backwards, ends, starts))
    way = np.where(backwards & ~ring, -1, 1)
    return _QUARTERS[(first[:, None] + way[:, None] * np.arange(MOST)) % 4]


def _corners(
    quarters: np.ndarray, counts: np.ndarray, cut: np.ndarray, corner: np.ndarray
) -> np.ndarray:
    """The pixels [scenes, MOST, 2] where digits in these quarters begin."""
    size, free = digits.SIDE, SIDE - digits.SIDE
    parted = (quarters[:, 0] != quarters[:, 1]) | (counts > 2)[:, None]
    cuts = dice.integers(cut, size, size + _ROOM)[:, None]
    window = dice.integers(cut, 0, free - _ROOM)[:, None]
    second = quarters == 1
    low = np.where(parted[:, None], np.where(second, cuts, 0), window)
    high = np.where(parted[:, None], np.where(second, free, cuts - size), window + _ROOM)
    chance = dice.uniform(corner).reshape(-1, MOST, 2)
    return low + (chance * (high - low + 1)).astype(np.int64)


def tell(made: Layout) -> list[Told]:
    """The caption of each scene, and the box of each numeral."""
    shares = np.concatenate([made.corners, made.corners + digits.SIDE], axis=-1) / SIDE
    columns = (made.counts, made.numerals, made.quarters, shares)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [_caption(numerals[:n], quarters, boxes) for n, numerals, quarters, boxes in rows]


def _caption(numerals: list, quarters: list, boxes: list) -> Told:
    said: list[str] = []
    named: list[tuple] = []
    for place, numeral in enumerate(numerals):
        if place:
            (row, column), (to_row, to_column) = quarters[place - 1 : place + 1]
            relation = _RELATIONS[to_row - row, to_column - column]
            said += relation
            named += [()] * len(relation)
        said.append(NUMERALS[numeral])
        named.append((tuple(boxes[place]),))
    return Told(tuple(said), tuple(named))


def draw(made: Layout, of: digits.Instances) -> np.ndarray:
    """The scenes, uint8 [scenes, SIDE, SIDE, 1]; 255 is ink."""
    canvas = np.zeros((len(made.counts), SIDE, SIDE), np.uint8)
    inks = of.chosen(made.numerals, made.chances)
    across = np.arange(digits.SIDE)
    for place in range(MOST):
        rows = np.flatnonzero(made.counts > place)
        y, x = np.moveaxis(made.corners[rows, place], -1, 0)[..., None] + across
        canvas[rows[:, None, None], y[:, :, None], x[:, None, :]] = inks[rows, place]
    return canvas[..., None]
