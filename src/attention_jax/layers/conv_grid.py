"""How captioning models see an image: convolutions that leave a grid of annotations."""

from typing import Any

import jax.numpy as jnp
from flax import linen as nn

from attention_jax.errors import UserError
from attention_jax.ops.materialize import materialized
from attention_jax.ops.pooling import halve
from attention_jax.typing import Array, Float

Stages = tuple[tuple[int, ...], ...]
"""The filters of each convolution, stage by stage: VGG's would be ((64, 64), (128, 128), ...)."""


def grid(height: int, width: int, stages: Stages) -> tuple[int, int]:
    """Rows and columns of the annotations of an image: between two stages both sides are halved.

    Raises:
      UserError: for an image whose sides cannot be halved so often; its cells would not cover it.
    """
    cell = 2 ** (len(stages) - 1)
    if height % cell or width % cell:
        raise UserError(
            f"images are {height} x {width} pixels, but {len(stages)} stages make cells of {cell} "
            f"x {cell}: resize the images to multiples of {cell}, or choose fewer stages"
        )
    return height // cell, width // cell


class ConvGrid(nn.Module):
    """Stages of 3 x 3 convolutions with ReLU, and between two stages 2 x 2 max pooling.

    Each cell of the grid that is left becomes one annotation. With `coordinates` it ends with where
    the cell's centre lies, y and x in -1..1: a small network sees little further than its cell, and
    a caption says what is left of what.

    Source: the form is that of VGG up to its fifth stage, whose annotations Xu 2015, §3.1.1, uses
    (14 x 14 of 512 numbers). Departures: fewer and smaller stages, trained with the rest instead of
    on ImageNet before; the coordinates.

    Attributes:
      stages: filters of each convolution, stage by stage; a stage without any only pools.
      coordinates: append y and x.
      dtype: of the products.

    Raises UserError for images whose sides cannot be halved so often.
    """

    stages: Stages = ((32,), (64,), (128,))
    coordinates: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, images: Float[Array, "batch height width channels"]
    ) -> Float[Array, "batch keys features"]:
        """One annotation a cell, row after row from the top."""
        height, width = images.shape[1:3]
        rows, columns = grid(height, width, self.stages)
        x = images.astype(self.dtype)
        for number, stage in enumerate(self.stages):
            if number:
                x = materialized(halve(x))
            for filters in stage:
                # Nothing normalises: ReLU halves the variance, and the initialiser makes up for it.
                kernel = nn.initializers.he_normal()
                x = nn.relu(nn.Conv(filters, (3, 3), dtype=self.dtype, kernel_init=kernel)(x))
        annotations = x.reshape(len(x), rows * columns, -1)
        if not self.coordinates:
            return annotations
        where = jnp.broadcast_to(_centres(rows, columns), (len(x), rows * columns, 2))
        return jnp.concatenate([annotations, where.astype(self.dtype)], axis=-1)


def _centres(rows: int, columns: int) -> Array:
    """The y and x of each cell's centre in -1..1, row after row."""
    y, x = ((2 * jnp.arange(cells) + 1) / cells - 1 for cells in (rows, columns))
    return jnp.stack(jnp.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)
