"""The phrases of a split, prepared on first use."""

import contextlib
import io
import json
import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from attention_jax.data.cldr.languages import pair
from attention_jax.data.cldr.splits import SPLITS, CldrConfig, Example, generator_hash
from attention_jax.errors import UserError

_log = logging.getLogger(__name__)


class Phrases(NamedTuple):
    """A split, column by column; row i of each belongs to phrase i.

    Attributes:
      sources: plain normalised text.
      targets: the same in the target language.
      alignments: "i-j i-j ...": source word i to target word j of `words.split`, from 0.
      templates: names of the templates of each phrase, in order, with spaces between.
    """

    sources: list[str]
    targets: list[str]
    alignments: list[str]
    templates: list[str]


def load(config: CldrConfig, split: str, data_dir: str | os.PathLike[str]) -> Phrases:
    """The phrases of a split; the data set is prepared under `data_dir` if it is not there yet.

    TFDS decodes an example in about 100 µs, so the columns are kept in one file beside its records
    and read from there the next time.

    Raises:
      UserError: for a split or language that is not to be had, or a folder that cannot be written.
    """
    if split not in SPLITS:
        raise UserError(f"cldr_phrases has no split {split!r}: choose {', '.join(SPLITS)}")
    pair(config.source, config.target)
    folder = Path(data_dir).expanduser() / "cldr_phrases"
    made_by = generator_hash(config)
    files = {each: folder / "columns" / f"{made_by}-{each}.json" for each in SPLITS}
    try:
        if not files[split].exists():
            _log.info(
                "preparing cldr_phrases %s-%s, %s training phrases: about a minute for 50,000",
                *(config.source, config.target, f"{config.train:,}"),
            )
            builder = prepare(config, folder.parent)
            for each, file in files.items():
                examples = builder.made[each] if builder.made else _read(builder, each)
                _write(file, _columns(examples))
        return Phrases(**json.loads(files[split].read_text(encoding="utf-8")))
    except OSError as error:
        raise UserError(f"cannot prepare data in {folder}: {error}; give another folder") from error


def prepare(config: CldrConfig, data_dir: str | os.PathLike[str]):
    """Makes the data set with TFDS unless it is there, and returns its builder.

    TFDS writes into a folder of another name and renames it at the end: what is interrupted leaves
    no data set behind, and two processes that prepare the same do not harm each other.
    """
    # Slow to import, and not needed once the columns are written.
    import tensorflow_datasets as tfds

    from attention_jax.data.cldr.builder import CldrPhrases, builder_config

    def builder() -> CldrPhrases:
        return CldrPhrases(config=builder_config(config), data_dir=os.fspath(data_dir))

    with _quiet():
        made = builder()
        try:
            made.download_and_prepare(
                file_format="array_record",
                download_config=tfds.download.DownloadConfig(try_download_gcs=False),
            )
        except OSError:
            made = builder()
            if not made.info.splits:
                raise
    return made


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps TFDS from talking and drawing bars: standard output is for results."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)


def _read(builder, split: str) -> list[Example]:
    source = builder.as_data_source(split)
    return [
        Example(**{name: text.decode() for name, text in source[index].items()})
        for index in range(len(source))
    ]


def _columns(examples: Sequence[Example]) -> Phrases:
    return Phrases(
        [example.source for example in examples],
        [example.target for example in examples],
        [example.alignment for example in examples],
        [example.templates for example in examples],
    )


def _write(file: Path, phrases: Phrases) -> None:
    """Writes the columns all or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=file.parent, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(phrases._asdict(), stream, ensure_ascii=False)
        os.replace(part, file)
    except BaseException:
        os.unlink(part)
        raise
