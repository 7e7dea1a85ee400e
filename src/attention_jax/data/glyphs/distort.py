"""A letter as another hand would write it: turned, stretched, bent, thinner or thicker.

All of it is sampling the letter's field of distances elsewhere: no image is filtered.
"""

import numpy as np

from attention_jax.data.glyphs.shapes import PER_UNIT, SIDE
from attention_jax.data.memory_sequences import dice

SIZE = 28
"""Width and height of a drawing."""
ROTATION = 0.25
"""Radians at most, either way."""
SHEAR = 0.25
"""Of a letter's height at most, either way."""
STRETCH = 0.2
"""Logarithm of the scale at most, in either direction by itself."""
MOVE = 0.08
"""Of half the drawing's width at most."""
BEND = 0.07
"""Standard deviation of the elastic moves, in the same unit."""
STROKE = (-0.35, 0.9)
"""How much an edge moves inwards or outwards, in pixels of the field."""
_COARSE = 4  # Elastic moves are given on a grid of so many points a side, and smooth between.
WORDS = 7 + 2 * 2 * _COARSE**2
"""Random words that a drawing takes."""
_AT_ONCE = 64  # So many are drawn together: what they need stays in the processor's cache.


def draw(fields: np.ndarray, turns: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Drawings of the letters, uint8 [drawings, SIZE, SIZE]; 255 is ink.

    Args:
      fields: of `shapes.field`, [drawings, SIDE, SIDE].
      turns: quarter turns to the left, [drawings].
      words: uint64 [drawings, WORDS], from `dice.random_words`: all that is random.
    """
    drawn = np.empty((len(fields), SIZE, SIZE), np.uint8)
    for first in range(0, len(fields), _AT_ONCE):
        part = slice(first, first + _AT_ONCE)
        drawn[part] = _drawn(fields[part], turns[part], dice.uniform(words[part]))
    return drawn


def _drawn(fields: np.ndarray, turns: np.ndarray, chance: np.ndarray) -> np.ndarray:
    away = (_sampled(fields, _places(chance, turns)) - 128) / PER_UNIT
    wider = STROKE[0] + (STROKE[1] - STROKE[0]) * chance[:, 6]
    away += wider[:, None, None].astype(np.float32)
    # An edge is as soft as a pixel of the drawing is wide.
    return np.round(255 * np.clip(0.5 + away * (SIZE / SIDE), 0, 1))


def _places(chance: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Where in its field each pixel looks, in -1 .. 1: [(x, y down), drawings, SIZE, SIZE]."""
    either = 2 * chance[:, :6] - 1
    angle = ROTATION * either[:, 0] + np.pi / 2 * turns
    scale = np.exp(STRETCH * either[:, 2:4])
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
    slant = np.tile(np.eye(2), (len(turns), 1, 1))
    slant[:, 0, 1] = SHEAR * either[:, 1]
    across = (np.arange(SIZE) + 0.5) * 2 / SIZE - 1
    grid = np.stack(np.meshgrid(across, across), -1)
    moved = grid - MOVE * either[:, None, None, 4:6] + _bends(chance[:, 7:])
    (xx, xy), (yx, yy) = np.moveaxis(slant / scale[:, None] @ turn, 0, -1)[..., None, None]
    x, y = np.moveaxis(moved, -1, 0)
    return np.stack([xx * x + xy * y, yx * x + yy * y]).astype(np.float32)


def _bends(chance: np.ndarray) -> np.ndarray:
    """Smooth moves of every pixel, [drawings, SIZE, SIZE, 2]."""
    first, second = np.split(chance.reshape(len(chance), 2, 2, _COARSE, _COARSE), 2, axis=1)
    # Box and Muller: two uniform numbers make a normal one.
    normal = np.sqrt(-2 * np.log1p(-first[:, 0])) * np.cos(2 * np.pi * second[:, 0])
    return BEND * np.einsum("ya,ncab,xb->nyxc", _SMOOTH, normal, _SMOOTH, optimize=True)


def _smooth() -> np.ndarray:
    """Weights of the coarse points for each pixel of a line, of squares that sum to one."""
    pixels = np.linspace(-0.5, _COARSE - 0.5, SIZE)[:, None]
    weights = np.exp(-2 * (pixels - np.arange(_COARSE)) ** 2)
    return weights / np.linalg.norm(weights, axis=1, keepdims=True)


_SMOOTH = _smooth()


def _sampled(fields: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The fields there, linear between pixels; beyond the edge as at it."""
    (x, y), low = np.modf(np.clip((places + 1) * (SIDE / 2) - 0.5, 0, SIDE - 1.001))
    column, row = low.astype(np.int32)
    pixels = fields.reshape(-1)
    corner = (np.arange(len(fields), dtype=np.int32)[:, None, None] * SIDE + row) * SIDE + column
    left, right = pixels[corner].astype(np.float32), pixels[corner + 1]
    above = left + (right - left) * x
    left, right = pixels[corner + SIDE].astype(np.float32), pixels[corner + SIDE + 1]
    below = left + (right - left) * x
    return above + (below - above) * y
