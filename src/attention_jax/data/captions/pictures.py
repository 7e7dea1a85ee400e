"""Image files of any size as arrays of one."""

from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps

from attention_jax.data.episodes.images import open_image
from attention_jax.errors import UserError

Shape = tuple[int, int, int]
"""Height, width and channels."""


def read_image(
    file: Path | IO[bytes], name: str, shape: Shape, original: tuple[int, int] | None = None
) -> np.ndarray:
    """An image as a model sees it, uint8 [height, width, channels].

    It is turned as its camera says, what is transparent is white. Of another ratio of height to
    width, it keeps its middle; it is resized by Lanczos's filter. 1 channel is grey, 3 are colours.

    Args:
      file: a PNG, a JPEG or another that Pillow reads.
      name: of the file, for an error.
      shape: wanted.
      original: height and width that the file must have; None for any from `shape` on.

    Raises:
      UserError: for a file that cannot be read, or an image of a size that will not do.
    """
    height, width, channels = shape
    image = open_image(file, channels, name)
    if original is not None and original != (image.height, image.width):
        raise UserError(
            f"{name} has {image.width} x {image.height} pixels (width x height), not "
            f"{original[1]} x {original[0]}: bring the original"
        )
    if image.width < width or image.height < height:
        raise UserError(
            f"{name} has {image.width} x {image.height} pixels (width x height) and images of "
            f"{width} x {height} are asked for: give a larger one"
        )
    fitted = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
    return np.asarray(fitted).reshape(shape)
