"""One's own images: `manual_dir/{train,validation,test}/CLASS/*.png` (or .jpg)."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from attention_jax.data.episodes.images import ImagePool, fingerprint, image_files, read_image
from attention_jax.data.episodes.load import Brought, OneClass
from attention_jax.data.episodes.pool import SPLITS
from attention_jax.errors import UserError


class ImageFolders:
    """The files.

    Args:
      folder: of the three splits.
      side: to which images are resized.
      channels: 1 for grey, 3 for colour.

    Raises:
      UserError: for a split without classes, a class in two of them or with less than two images.
    """

    data_set = "folders"
    splits: tuple[str, ...] = SPLITS

    def __init__(self, folder: Path, side: int, channels: int):
        self.side, self.channels = side, channels
        root = folder.expanduser()
        self._files = {split: _classes(root / split) for split in SPLITS}
        owner: dict[str, str] = {}
        for split, classes in self._files.items():
            for name in classes:
                if name in owner:
                    raise UserError(
                        f"{root} has a class {name} in {owner[name]} and in {split}: classes of "
                        "one split must be new to the others, so delete or rename one"
                    )
                owner[name] = split
        every = [path for own in self._files.values() for files in own.values() for path in files]
        self.name = f"{version(side, channels)}{fingerprint(root, every)}"

    def read(self, split: str) -> Iterator[OneClass]:
        """The classes of a split by name. Raises UserError for an image that cannot be used."""
        for name, files in self._files[split].items():
            images = [read_image(path, self.side, self.channels) for path in files]
            yield OneClass(name, "", np.stack(images))


class FolderPools:
    """Splits as they lie in the folders; nothing is turned, and nothing inverted.

    Args:
      side: width and height to which images are resized.
      channels: 1 for grey, 3 for colour.
      data_dir: where they are prepared.
      manual_dir: where they lie; None to take those that were prepared before.

    Raises:
      UserError: for sizes that no image can have.
    """

    dark_ink = False

    def __init__(self, side: int, channels: int, data_dir: Path, manual_dir: Path | None):
        if side < 1:
            raise UserError(f"config.data.side is {side}: give the width of an image in pixels")
        if channels not in (1, 3):
            raise UserError(f"config.data.channels is {channels}: choose 1 (grey) or 3 (colour)")
        self.side, self.channels = side, channels
        wanted = (
            f"no folders of images of {side} x {side} x {channels} are prepared yet: put images "
            "into DIR/{train,validation,test}/CLASS and give --manual_dir=DIR"
        )
        self._brought = Brought(
            "folders",
            version(side, channels),
            wanted,
            lambda folder: ImageFolders(folder, side, channels),
            data_dir,
            manual_dir,
        )

    def pool(self, split: str) -> ImagePool:
        """See `Pools.pool`."""
        return ImagePool(self._brought.images(split))

    def hash(self) -> str:
        """Of the images of all splits."""
        return self._brought.hash(SPLITS)


def version(side: int, channels: int) -> str:
    """How the name of a prepared version with such images begins."""
    return f"{side}x{channels}-"


def _classes(folder: Path) -> dict[str, list[Path]]:
    """The classes of a split, and their files."""
    if not folder.is_dir():
        raise UserError(
            f"there is no folder {folder}: images lie in DIR/{{{','.join(SPLITS)}}}/CLASS, "
            "and DIR is given as --manual_dir"
        )
    found = {path.name: image_files(path) for path in sorted(folder.iterdir()) if path.is_dir()}
    if not found:
        raise UserError(f"{folder} has no folders: make one for each class, with its images")
    for name, files in found.items():
        if len(files) < 2:
            raise UserError(
                f"{folder / name} has {len(files)} .png or .jpg and a class needs 2: one to be "
                "shown, one to be asked about"
            )
    return found
