"""Writing figures and sounds to files."""

import re
from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure


def save_figures(figures: Mapping[str, Figure], folder: Path, prefix: str) -> list[Path]:
    """Writes each figure to folder/PREFIX_NAME.png.

    Args:
      figures: by name; what a file name should not hold (a slash) becomes "_".
      folder: made where it does not exist.
      prefix: what the pictures are of: a split.

    Returns:
      The files, in the order of the figures.

    Raises:
      OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, figure in figures.items():
        path = folder / _file_name(prefix, name, ".png")
        # In place at once: a kill leaves the old picture or the new one.
        scratch = path.with_suffix(".tmp")
        # Without matplotlib's version in it: the same numbers give the same bytes.
        figure.savefig(scratch, format="png", metadata={"Software": None})
        scratch.replace(path)
        paths.append(path)
    return paths


def save_sounds(sounds: Mapping[str, bytes], folder: Path, prefix: str) -> None:
    """Writes each .wav file to folder/PREFIX_NAME.wav, as `save_figures` does figures.

    Raises:
      OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, sound in sounds.items():
        path = folder / _file_name(prefix, name, ".wav")
        scratch = path.with_suffix(".tmp")
        scratch.write_bytes(sound)
        scratch.replace(path)


def _file_name(prefix: str, name: str, ending: str) -> str:
    return re.sub(r"[^\w.=-]", "_", f"{prefix}_{name}") + ending
