"""A letter's shape: its outline, and the field of distances to it, from which it is drawn."""

import hashlib

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path as Outline
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D
from scipy import ndimage

from attention_jax.data.glyphs.letters import file

SIDE = 48
"""Width and height of a field."""
EXTENT = 32
"""The longer side of a letter in a field: the rest is room to turn in."""
PER_UNIT = 16
"""Steps of a field's numbers in one of its pixels; 128 is the outline itself, more is inside."""
_FINER = 4  # Times as fine is the bitmap that distances are measured in.


def outline(character: str, font: str) -> Outline:
    """The letter about (0, 0), its longer side of length 1."""
    path = TextPath((0, 0), character, size=100, prop=FontProperties(fname=str(file(font))))
    low, high = path.get_extents().get_points()
    vertices = (np.asarray(path.vertices) - (low + high) / 2) / max(high - low)
    return Outline(vertices, path.codes)


def fingerprint(path: Outline) -> str:
    """The same for outlines that differ by rounding only."""
    rounded = np.round(np.asarray(path.vertices) * 1000).astype(np.int32)
    return hashlib.sha256(rounded.tobytes() + np.asarray(path.codes).tobytes()).hexdigest()


def field(path: Outline) -> np.ndarray:
    """Distance to the outline in every pixel, uint8 [SIDE, SIDE]; see `PER_UNIT`."""
    inside = _bitmap(path)
    away = ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
    # From pixels' centres to the edge between them.
    away = (away - np.sign(away) / 2).reshape(SIDE, _FINER, SIDE, _FINER).mean((1, 3)) / _FINER
    return np.clip(np.round(128 + PER_UNIT * away), 0, 255).astype(np.uint8)


def looks(fields: np.ndarray) -> np.ndarray:
    """A unit vector for each field [letters, SIDE, SIDE]; alike letters have a product near one.

    It is the letter slightly blurred, at half the size.
    """
    ink = np.clip((fields.astype(np.float32) - 128) / (2 * PER_UNIT) + 0.5, 0, 1)
    small = ink.reshape(-1, SIDE // 2, 2, SIDE // 2, 2).mean((2, 4)).reshape(len(fields), -1)
    return small / np.maximum(np.linalg.norm(small, axis=-1, keepdims=True), 1e-6)


def _bitmap(path: Outline) -> np.ndarray:
    """Where the ink is; row 0 is the top."""
    size = SIDE * _FINER
    renderer = RendererAgg(size, size, 72)
    context = renderer.new_gc()
    context.set_linewidth(0)
    context.set_snap(False)
    place = Affine2D().scale(EXTENT * _FINER).translate(size / 2, size / 2)
    renderer.draw_path(context, path, place, (0.0, 0.0, 0.0))
    return np.asarray(renderer.buffer_rgba())[..., 3] > 127
