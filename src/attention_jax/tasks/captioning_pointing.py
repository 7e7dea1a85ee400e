"""Does attention look at what a word names? Plain functions of maps and boxes, on the host.

A map is [grid_h, grid_w]: the weights of equal cells that cover the image, row 0 at the top. A box
is y0, x0, y1, x1 as shares of the image's height and width (`data.captions.told`). The true boxes
belong to the words of the reference: so maps are those under which the model reads it, or those of
what it said where that equals the reference.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from attention_jax.typing import Bool, Float


def pointed(
    weights: Float[np.ndarray, "grid_h grid_w"], boxes: Float[np.ndarray, "boxes 4"]
) -> bool:
    """The pointing game of one word: whether the map's largest weight lies in one of its boxes.

    It lies at the centre of its cell; of equal weights the first counts, row after row.

    Zhang 2016, "Top-down Neural Attention by Excitation Backprop", without its tolerance.
    """
    rows, columns = weights.shape
    row, column = divmod(int(weights.argmax()), columns)
    y, x = (row + 0.5) / rows, (column + 0.5) / columns
    y0, x0, y1, x1 = boxes.T
    return bool(np.any((y0 <= y) & (y < y1) & (x0 <= x) & (x < x1)))


def mass_inside(
    weights: Float[np.ndarray, "grid_h grid_w"], boxes: Float[np.ndarray, "boxes 4"]
) -> float:
    """The share of a map's weight that lies in a word's boxes, in 0..1.

    The weight of a cell is spread evenly over it: one of which a quarter is covered counts a
    quarter. What two boxes cover counts once. A map of zeros has 0. That of a map of ones is the
    chance: the share of the image that the boxes cover.
    """
    total = float(weights.sum())
    return float((weights * covered(boxes, *weights.shape)).sum()) / total if total else 0.0


def covered(
    boxes: Float[np.ndarray, "boxes 4"], rows: int, columns: int
) -> Float[np.ndarray, "rows columns"]:
    """The share of each cell of a grid that the boxes cover together, in 0..1."""
    inside = np.clip(np.asarray(boxes, np.float64), 0, 1)
    # Between two neighbouring edges, of cells or boxes, nothing changes.
    y, height, row = _strips(inside[:, [0, 2]], rows)
    x, width, column = _strips(inside[:, [1, 3]], columns)
    y0, x0, y1, x1 = inside.T[..., None]
    within_y, within_x = (y0 < y) & (y < y1), (x0 < x) & (x < x1)
    both = (within_y[:, :, None] & within_x[:, None, :]).any(0)
    shares = np.zeros((rows, columns))
    np.add.at(shares, (row[:, None], column), both * height[:, None] * width * rows * columns)
    return shares


def _strips(edges: np.ndarray, cells: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Middle, width and cell of each strip between two neighbouring edges."""
    every = np.unique(np.concatenate([edges.ravel(), np.arange(cells + 1) / cells]))
    middle = (every[1:] + every[:-1]) / 2
    return middle, np.diff(every), np.minimum((middle * cells).astype(int), cells - 1)


def map_diversity(maps: Float[np.ndarray, "words grid_h grid_w"]) -> float:
    """How different the maps of a caption's words are: their mean total variation distance.

    The mean over all pairs of words of 1/2 Σ_i |p_i - q_i|, where maps sum to one: 0 where all
    words look alike, 1 where no two look at the same place.

    Raises:
      ValueError: there is one word or none, or a map of zeros.
    """
    if len(maps) < 2:
        raise ValueError(f"{len(maps)} maps cannot be compared with one another: give two or more")
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    totals = flat.sum(1, keepdims=True)
    if not totals.all():
        raise ValueError("a map of zeros is at no distance from others: leave it out")
    pairs = itertools.combinations(flat / totals, 2)
    return float(np.mean([np.abs(one - other).sum() / 2 for one, other in pairs]))


def corpus_pointing(
    maps: Sequence[Float[np.ndarray, "words grid_h grid_w"]],
    boxes: Sequence[Float[np.ndarray, "words boxes 4"]],
    boxed: Sequence[Bool[np.ndarray, "words boxes"]],
) -> dict[str, float]:
    """The three measures over a split; what cannot be said of it is left out.

    Args:
      maps: of each caption's words.
      boxes: of what each word names, as batches have them.
      boxed: which of them there are.

    Returns:
      `pointing`, `attention_mass` and `pointing/chance` (of an even map: the mean share of the
      image that is covered) in 0..1, over all words that name something; `map_diversity` in 0..1,
      over all captions of two words or more.
    """
    hits: list[float] = []
    mass: list[float] = []
    chance: list[float] = []
    for of_caption, theirs, real in zip(maps, boxes, boxed, strict=True):
        for weights, own, there in zip(of_caption, theirs, real, strict=True):
            if there.any():
                hits.append(pointed(weights, own[there]))
                mass.append(mass_inside(weights, own[there]))
                chance.append(mass_inside(np.ones_like(weights), own[there]))
    distances = [map_diversity(of_caption) for of_caption in maps if len(of_caption) > 1]
    measured = {
        "pointing": hits,
        "attention_mass": mass,
        "pointing/chance": chance,
        "map_diversity": distances,
    }
    return {name: float(np.mean(values)) for name, values in measured.items() if values}
