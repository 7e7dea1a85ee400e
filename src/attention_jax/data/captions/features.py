"""Features of images by path, in place of the images: what an encoder gave, computed elsewhere.

A .npz file (`numpy.savez(path, **{"1.jpg": array, ...})`) has an entry of each image, by the name
that the captions give it: [height, width, features], a map, or [positions, features]. All are of
one shape. They are read as they are needed, so that a file may be larger than memory; compressed
ones (`savez_compressed`) do as well, more slowly.
"""

import weakref
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from attention_jax.errors import UserError


class Features:
    """The file.

    Args:
      path: of it.
      names: entries that will be asked for.

    Raises:
      UserError: for a file that cannot be read, an entry that is missing, one that is no map of
        numbers, or two of different shapes.
    """

    def __init__(self, path: Path, names: Iterable[str]):
        self._path = path.expanduser()
        try:
            stream = self._path.open("rb")
        except OSError as error:
            raise UserError(
                f"{self._path} cannot be read: give another path of features"
            ) from error
        # NumPy would leave a damaged file open, and keeps a good one as long as it is asked.
        weakref.finalize(self, stream.close)
        try:
            self._file = np.load(stream, allow_pickle=False)
            self._members = set(self._file.files)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
            raise UserError(f"{self._path} is no .npz file: make it with numpy.savez") from error
        shapes = {name: self._shape(name) for name in dict.fromkeys(names)}
        first, shape = next(iter(shapes.items()))
        for name, other in shapes.items():
            if other != shape:
                raise UserError(
                    f"features of {name} in {self._path} have shape {other} and those of {first} "
                    f"{shape}: make all alike"
                )
        self.grid: tuple[int, int] | None = shape[:2] if len(shape) == 3 else None
        """Rows and columns of the map; None where positions have no place."""
        self.shape: tuple[int, int] = (int(np.prod(shape[:-1])), shape[-1])
        """Positions and features."""

    def rows(self, names: Sequence[str]) -> np.ndarray:
        """float32 [names, positions, features]."""
        read = [self._file[name].reshape(self.shape) for name in names]
        return np.stack(read).astype(np.float32)

    def require(self, name: str) -> None:
        """Raises UserError for features that are not there, or of another shape than the others."""
        shape = self._shape(name)
        if (int(np.prod(shape[:-1])), shape[-1]) != self.shape:
            raise UserError(
                f"features of {name} in {self._path} have shape {shape} and the model takes "
                f"{self.shape} (positions, features): make all alike"
            )

    def _shape(self, name: str) -> tuple[int, ...]:
        """Of an entry, by its header alone."""
        if name not in self._members:
            raise UserError(
                f"{self._path} has no features of {name}: add them, or delete its captions"
            )
        member = f"{name}.npy" if f"{name}.npy" in self._file.zip.NameToInfo else name
        try:
            with self._file.zip.open(member) as stream:
                version = np.lib.format.read_magic(stream)
                header = getattr(np.lib.format, f"read_array_header_{version[0]}_0")
                shape, _, kind = header(stream)
        except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile) as error:
            raise UserError(f"{self._path} is damaged at {name}: make it anew") from error
        if len(shape) not in (2, 3) or not all(shape) or kind.kind not in "fiu":
            raise UserError(
                f"features of {name} in {self._path} have shape {shape} and type {kind}: give "
                "numbers [height, width, features] or [positions, features]"
            )
        return shape
