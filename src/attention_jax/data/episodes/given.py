"""An episode that a user brings: a folder of images."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from attention_jax.data.episodes.images import image_files, read_image
from attention_jax.data.episodes.pool import Pools
from attention_jax.errors import UserError


class Given(NamedTuple):
    """An episode without answers."""

    support: np.ndarray
    """uint8 [ways * shots, side, side, channels], class after class."""
    labels: np.ndarray
    """int32 [ways * shots]."""
    queries: np.ndarray
    """uint8 [queries, side, side, channels]."""
    names: list[str]
    """Of the classes, [ways]."""


def read(folder: Path, ways: int, shots: int, pools: Pools) -> Given:
    """The episode of `folder/support/CLASS/*.png` (or .jpg) and `folder/queries/*.png`.

    Args:
      folder: where it lies.
      ways: classes that the model tells apart.
      shots: images of each that it was trained for.
      pools: sizes of the images, and whether they are ink on paper.

    Raises:
      UserError: for folders that are missing, other numbers of classes or images, or images that
        cannot be read.
    """
    folder = folder.expanduser()
    for part in ("support", "queries"):
        if not (folder / part).is_dir():
            raise UserError(
                f"{folder} has no folder {part}: give one with support/CLASS/*.png and "
                "queries/*.png, or the number of an episode of test"
            )
    classes = sorted(path for path in (folder / "support").iterdir() if path.is_dir())
    if len(classes) != ways:
        raise UserError(
            f"{folder / 'support'} has {len(classes)} folders and the model tells {ways} classes "
            f"apart: give it {ways}"
        )
    files = [image_files(path) for path in classes]
    least, most = min(map(len, files)), max(map(len, files))
    if least != most or not 1 <= most <= shots:
        raise UserError(
            f"the folders of {folder / 'support'} have {least} to {most} images: give each as "
            f"many as the others, from 1 to {shots}"
        )
    queries = image_files(folder / "queries")
    if not queries:
        raise UserError(f"{folder / 'queries'} has no .png or .jpg: put one image or more there")
    return Given(
        _stack([path for own in files for path in own], pools),
        np.repeat(np.arange(ways, dtype=np.int32), most),
        _stack(queries, pools),
        [path.name for path in classes],
    )


def _stack(paths: Sequence[Path], pools: Pools) -> np.ndarray:
    how = pools.side, pools.channels, pools.dark_ink
    return np.stack([read_image(path, *how) for path in paths])
