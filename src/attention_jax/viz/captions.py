"""An image beside itself, word after word, with what each word of its caption looked at.

An image is uint8 [height, width, channels]. One channel is a bright figure, drawn as ink on paper;
three are drawn as they are.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from attention_jax.errors import UserError
from attention_jax.viz.style import COLOURS, FAINT, GRID, INK, drawable, new_figure, shorten

_TRUE, _LOOKED = COLOURS[:2]
_WIDEST = 9.5  # inches
_PANEL = 1.0  # the square root of a panel's area
_GAP = 0.1
_WORD = 0.2  # above each panel
_TITLE = 0.28
_DENSITY = 120  # pixels an inch of a panel
_PALE = 0.55  # of the image under a map, towards white
_EMPTY = 255  # of an image that nobody has: features in its place


class Look(NamedTuple):
    """A caption of an image, and where each of its words looked."""

    image: np.ndarray | None
    """None where the model was given features."""
    words: Sequence[str]
    maps: np.ndarray
    """[words, rows, columns]: weights of equal cells that cover the image, row 0 at the top."""
    title: str = ""
    read: Sequence[int] | None = None
    """Of hard attention: the cell that each word read, row after row."""
    boxes: Sequence[np.ndarray] | None = None
    """Of each word what it names, [boxes, 4]: y0, x0, y1, x1 as shares of height and width."""


def looks(of: Sequence[Look]) -> Figure:
    """One below the other, so that soft stands beside hard, or a caption beside another image's.

    First the image, then itself under the map of each word: the stronger the orange, the larger
    the weight; the largest of each map has its full strength. A blue frame is around what the word
    names, an orange one around the cell that hard attention read.

    Raises:
      UserError: there is nothing to draw, or maps that do not fit the words.
    """
    if not of:
        raise UserError("there is no caption to draw: give one or more")
    for look in of:
        if look.maps.ndim != 3 or len(look.maps) != len(look.words):
            raise UserError(
                f"{len(look.words)} words need a map [rows, columns] each, not maps of shape "
                f"{look.maps.shape}"
            )
    plans = [_Plan(look) for look in of]
    width = max(plan.width for plan in plans)
    height = sum(plan.height for plan in plans) + _GAP
    figure = new_figure(width, height)
    top = 0.0
    for plan in plans:
        below = 1 - (top + plan.height) / height
        axes = figure.add_axes((0, below, plan.width / width, plan.height / height))
        plan.draw(axes)
        top += plan.height
    return figure


class _Plan:
    """Where the panels of a caption stand, in inches from its upper left corner."""

    def __init__(self, look: Look):
        self._look = look
        image = look.image
        ratio = 1.0 if image is None else image.shape[1] / image.shape[0]
        if image is None:
            ratio = look.maps.shape[2] / look.maps.shape[1]
        self._wide, self._high = _PANEL * ratio**0.5, _PANEL / ratio**0.5
        panels = len(look.words) + 1
        self._across = max(1, min(panels, int((_WIDEST - _GAP) / (self._wide + _GAP))))
        lines = -(-panels // self._across)
        self._title = _TITLE if look.title else _GAP
        self.width = _GAP + self._across * (self._wide + _GAP)
        self.height = self._title + lines * (self._high + _WORD + _GAP)

    def draw(self, axes: Axes) -> None:
        look = self._look
        axes.set(xlim=(0, self.width), ylim=(self.height, 0))
        axes.set_axis_off()
        axes.text(_GAP, 0.18, drawable(look.title), fontsize=8, color=INK, parse_math=False)
        size = round(self._high * _DENSITY), round(self._wide * _DENSITY)
        image = _picture(look.image, *size)
        shape = round(self.height * _DENSITY), round(self.width * _DENSITY), 3
        canvas = np.full(shape, 255, np.uint8)
        for panel in range(len(look.words) + 1):
            left, top = self._corner(panel)
            y, x = round(top * _DENSITY), round(left * _DENSITY)
            shown = image if not panel else _under(image, look.maps[panel - 1])
            canvas[y : y + size[0], x : x + size[1]] = shown
            self._frame(axes, panel, (0, 0, 1, 1), GRID, 0.5)
        # All in one go: an axes for each would take matplotlib most of the time.
        axes.imshow(canvas, extent=(0, self.width, self.height, 0), aspect="auto")
        for number, word in enumerate(look.words):
            self._tell(axes, number, word)

    def _tell(self, axes: Axes, number: int, word: str) -> None:
        look, (left, top) = self._look, self._corner(number + 1)
        boxes = () if look.boxes is None else look.boxes[number]
        where = left + self._wide / 2, top - 0.05
        colour = INK if len(boxes) else FAINT
        style: dict[str, Any] = {"fontsize": 8, "ha": "center", "va": "bottom", "parse_math": False}
        axes.text(*where, drawable(shorten(word)), color=colour, **style)
        for box in boxes:
            self._frame(axes, number + 1, box, _TRUE, 1.3)
        if look.read is not None:
            rows, columns = look.maps.shape[1:]
            row, column = divmod(int(look.read[number]), columns)
            cell = row / rows, column / columns, (row + 1) / rows, (column + 1) / columns
            self._frame(axes, number + 1, cell, _LOOKED, 1.3)

    def _corner(self, panel: int) -> tuple[float, float]:
        """Left and top of a panel."""
        line, column = divmod(panel, self._across)
        left = _GAP + column * (self._wide + _GAP)
        return left, self._title + _WORD + line * (self._high + _WORD + _GAP)

    def _frame(self, axes: Axes, panel: int, box: Sequence[float], colour: str, width: float):
        """Around a box, as shares of a panel."""
        (left, top), (y0, x0, y1, x1) = self._corner(panel), box
        corner = left + x0 * self._wide, top + y0 * self._high
        size = (x1 - x0) * self._wide, (y1 - y0) * self._high
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=colour, linewidth=width))


def _picture(image: np.ndarray | None, height: int, width: int) -> np.ndarray:
    """The image in so many pixels, uint8 [height, width, 3]."""
    if image is None:
        return np.full((height, width, 3), _EMPTY, np.uint8)
    shown = 255 - image if image.shape[-1] == 1 else image
    return np.broadcast_to(_spread(shown, height, width), (height, width, 3))


def _under(image: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The image, paler, under the colour of its map."""
    pale = 255 - _PALE * (255 - image.astype(np.float32))
    most = float(weights.max())
    strength = _spread(weights[..., None] / (most or 1.0), *image.shape[:2]).astype(np.float32)
    colour = 255 * np.array(to_rgb(_LOOKED), np.float32)
    # Multiplied, so that ink stays ink.
    tinted = pale * (1 - strength + strength * colour / 255)
    return tinted.round().astype(np.uint8)


def _spread(cells: np.ndarray, height: int, width: int) -> np.ndarray:
    """[rows, columns, ...] over so many pixels, each of its cell's value."""
    rows, columns = cells.shape[:2]
    y, x = np.arange(height) * rows // height, np.arange(width) * columns // width
    return cells[y[:, None], x]
