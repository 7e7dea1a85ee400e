"""Data sets that TFDS prepares once, and their columns, kept beside its records.

TFDS decodes an example in about 100 µs, so a split's texts are written to one file when they are
first wanted, and read from there the next time.
"""

import contextlib
import io
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from attention_jax.errors import UserError

Columns = Mapping[str, list[str]]
"""A split: name -> texts; row i of each belongs to example i."""


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
    file = files[split]
    try:
        if not file.exists():
            for each, made in make().items():
                _write(files[each], made)
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        folder = file.parent.parent
        raise UserError(f"cannot prepare data in {folder}: {error}; give another folder") from error
    except ValueError as error:
        raise UserError(f"{file} is damaged: delete it, and it is made again") from error


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


def _write(file: Path, made: Columns) -> None:
    """Writes the columns all or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=file.parent, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(made, stream, ensure_ascii=False)
        os.replace(part, file)
    except BaseException:
        os.unlink(part)
        raise
