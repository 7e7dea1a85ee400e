"""Images of classes: read from files, kept as arrays, drawn by their numbers."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from attention_jax.data.episodes.pool import turned
from attention_jax.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg")
"""Of the files that are read, in any case; others in a folder are left alone."""


class Images(NamedTuple):
    """The classes of a split and their images, class after class.

    Attributes:
      images: uint8 [images, side, side, channels].
      counts: images of each class, int32 [classes].
      names: of the classes, [classes].
      groups: their alphabets, [classes].
    """

    images: np.ndarray
    counts: np.ndarray
    names: np.ndarray
    groups: np.ndarray


class ImagePool:
    """Classes of so many images each; every quarter turn of one is a class as well, if asked.

    Args:
      made: the images.
      chosen: numbers of the classes that there are; None for all.
      turns: quarter turns to the left, each a class.
    """

    words = 0

    def __init__(self, made: Images, chosen: np.ndarray | None = None, turns: Sequence[int] = (0,)):
        own = np.arange(len(made.counts)) if chosen is None else chosen
        self._images = made.images
        self._starts = np.repeat((np.cumsum(made.counts) - made.counts)[own], len(turns))
        self._turns = np.tile(turns, len(own))
        self.drawings: np.ndarray | None = np.repeat(made.counts[own], len(turns))
        self.names: Sequence[str] = [
            turned(str(made.names[one]), turn) for one in own for turn in turns
        ]
        self.groups: Sequence[str] = [str(made.groups[one]) for one in own for _ in turns]

    def draw(self, classes: np.ndarray, numbers: np.ndarray, words: np.ndarray) -> np.ndarray:
        """See `Pool.draw`: nothing is random about them."""
        del words
        images = self._images[self._starts[classes] + numbers]
        for turn in (1, 2, 3):
            here = self._turns[classes] == turn
            images[here] = np.rot90(images[here], turn, axes=(1, 2))
        return images


def image_files(folder: Path) -> list[Path]:
    """The images in a folder, by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def fingerprint(root: Path, files: Iterable[Path]) -> str:
    """Of the files' places below a folder, sizes and times: reading all could take minutes.

    And of the code that makes images of them.
    """
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in files:
        told = path.stat()
        digest.update(f"{path.relative_to(root)} {told.st_size} {told.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def open_image(file: Path | IO[bytes], channels: int, name: str = "") -> Image.Image:
    """An image turned as its camera says, what is transparent white; grey or of three colours.

    Args:
      file: any that Pillow reads.
      channels: 1 or 3.
      name: of the file, for an error, if it is no path.

    Raises:
      UserError: for a file that cannot be read.
    """
    # A broken PNG is a SyntaxError to Pillow.
    try:
        with Image.open(file) as opened:
            image = ImageOps.exif_transpose(opened)
            if image.has_transparency_data:
                image = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            return image.convert("L" if channels == 1 else "RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(
            f"{name or file} cannot be read as an image: replace it or delete it"
        ) from error


def read_image(path: Path, side: int, channels: int, dark_ink: bool = False) -> np.ndarray:
    """An image of any shape: its middle square, resized; uint8 [side, side, channels].

    Args:
      path: of a PNG or JPEG file.
      side: to which it is resized, see `resized`.
      channels: 1 for grey, 3 for colour.
      dark_ink: turn dark on light into 255 on 0.

    Raises:
      UserError: for a file that cannot be read, or an image smaller than that.
    """
    image = open_image(path, channels)
    small = min(image.size)
    if small < side:
        width, height = image.size
        raise UserError(
            f"{path} has {width} x {height} pixels and images of {side} x {side} are asked for: "
            "give a larger one"
        )
    left, top = ((long - small) // 2 for long in image.size)
    square = resized(image.crop((left, top, left + small, top + small)), side)
    return 255 - square if dark_ink else square


def resized(image: Image.Image, side: int) -> np.ndarray:
    """By Pillow's Lanczos filter, as MAML's release did with Omniglot: [side, side, channels]."""
    if image.size != (side, side):
        image = image.resize((side, side), Image.Resampling.LANCZOS)
    return np.asarray(image).reshape(side, side, -1)
