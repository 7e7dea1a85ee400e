"""Data sets that TFDS prepares once, and their columns or arrays, kept beside its records.

TFDS decodes an example in about 100 µs, so a split is written to one file when it is first wanted,
and read from there the next time.
"""

import contextlib
import io
import json
import logging
import os
import tempfile
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np

from attention_jax.errors import UserError

Columns = Mapping[str, list[str]]
"""A split: name -> texts; row i of each belongs to example i."""

Made = TypeVar("Made")


def prepare(make: Callable[[], Any], **options: Any) -> Any:
    """Prepares a data set as array records unless it is there, and returns its builder.

    TFDS writes into a folder of another name and renames it at the end: what is interrupted leaves
    no data set behind, and two processes that prepare the same do not harm each other.

    Args:
      make: the TFDS builder; called again where another process was faster.
      **options: of `tfds.download.DownloadConfig`.
    """
    # Slow to import, and not needed once the columns are written.
    import tensorflow_datasets as tfds

    with quiet():
        builder = make()
        try:
            builder.download_and_prepare(
                file_format="array_record",
                download_config=tfds.download.DownloadConfig(try_download_gcs=False, **options),
            )
        except OSError:
            builder = make()
            if not builder.info.splits:
                raise
    return builder


def rows(builder: Any, split: str) -> Iterator[dict[str, str]]:
    """The examples of a prepared split, each name -> text."""
    source = builder.as_data_source(split)
    for index in range(len(source)):
        yield {name: text.decode() for name, text in source[index].items()}


def columns(
    files: Mapping[str, Path], split: str, make: Callable[[], Mapping[str, Columns]]
) -> dict[str, list[str]]:
    """The columns of a split, from its file.

    Args:
      files: split -> where its columns are kept, below one folder.
      split: one of them.
      make: prepares the data and gives the columns of every split of `files`; called when this
        one's file is not there.

    Raises:
      UserError: for a folder that cannot be written, or a file that is damaged.
    """

    def write(made: Columns, stream: IO[bytes]) -> None:
        stream.write(json.dumps(made, ensure_ascii=False).encode())

    return _kept(files, split, make, write, json.load)


def arrays(
    kind: Callable[..., Made],
    files: Mapping[str, Path],
    split: str,
    make: Callable[[], Mapping[str, Made]],
) -> Made:
    """The arrays of a split, from its file.

    Args:
      kind: a NamedTuple of arrays.
      files: as of `columns`.
      split: one of them.
      make: as of `columns`; gives the arrays of every split.

    Raises:
      UserError: as `columns`.
    """

    def write(made: Made, stream: IO[bytes]) -> None:
        np.savez(stream, **made._asdict())  # type: ignore[attr-defined]

    def read(stream: IO[bytes]) -> Made:
        with np.load(stream, allow_pickle=False) as kept:
            return kind(**kept)

    return _kept(files, split, make, write, read)


def only(folder: Path, found: Collection[str], wanted: str) -> str:
    """The one version that was prepared, where the raw files are not there to say which is meant.

    Args:
      folder: where they lie.
      found: their names.
      wanted: what to say where there is none.

    Raises:
      UserError: for none, or several.
    """
    if not found:
        raise UserError(wanted)
    if len(found) > 1:
        raise UserError(
            f"{folder} holds {', '.join(sorted(found))}: say with --manual_dir from which files, "
            "or delete those that are not meant"
        )
    return next(iter(found))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps TFDS from talking and drawing bars: standard output is for results."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)


def _kept(
    files: Mapping[str, Path],
    split: str,
    make: Callable[[], Mapping[str, Any]],
    write: Callable[[Any, IO[bytes]], None],
    read: Callable[[IO[bytes]], Any],
) -> Any:
    """What `files[split]` holds; where it is not there, `make` gives what all of them shall."""
    file = files[split]
    try:
        if not file.exists():
            # A folder that cannot be written should say so before the work is done.
            file.parent.mkdir(parents=True, exist_ok=True)
            for each, made in make().items():
                _write_whole(files[each], made, write)
    except OSError as error:
        folder = file.parent.parent
        raise UserError(f"cannot prepare data in {folder}: {error}; give another folder") from error
    try:
        # Opened here, since NumPy leaves a damaged file open.
        with file.open("rb") as stream:
            return read(stream)
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{file} is damaged: delete it, and it is made again") from error


def _write_whole(file: Path, made: Any, write: Callable[[Any, IO[bytes]], None]) -> None:
    """All or not at all."""
    handle, part = tempfile.mkstemp(dir=file.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            write(made, stream)
        os.replace(part, file)
    except BaseException:
        os.unlink(part)
        raise
