"""The phrases of a split, prepared on first use."""

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from attention_jax.data import prepared
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

    Raises:
      UserError: for a split or language that is not to be had, or a folder that cannot be written.
    """
    if split not in SPLITS:
        raise UserError(f"cldr_phrases has no split {split!r}: choose {', '.join(SPLITS)}")
    pair(config.source, config.target)
    folder = Path(data_dir).expanduser() / "cldr_phrases"
    made_by = generator_hash(config)
    files = {each: folder / "columns" / f"{made_by}-{each}.json" for each in SPLITS}

    def make() -> dict[str, prepared.Columns]:
        _log.info(
            "preparing cldr_phrases %s-%s, %s training phrases: about a minute for 50,000",
            *(config.source, config.target, f"{config.train:,}"),
        )
        builder = prepare(config, folder.parent)
        made = builder.made or {split: _read(builder, split) for split in SPLITS}
        return {split: _columns(examples)._asdict() for split, examples in made.items()}

    return Phrases(**prepared.columns(files, split, make))


def prepare(config: CldrConfig, data_dir: str | os.PathLike[str]):
    """Makes the data set with TFDS unless it is there, and returns its builder."""
    # Imports TFDS: slow, and not needed once the columns are written.
    from attention_jax.data.cldr.builder import CldrPhrases, builder_config

    return prepared.prepare(
        lambda: CldrPhrases(config=builder_config(config), data_dir=os.fspath(data_dir))
    )


def _read(builder, split: str) -> list[Example]:
    return [Example(**row) for row in prepared.rows(builder, split)]


def _columns(examples: Sequence[Example]) -> Phrases:
    return Phrases(
        [example.source for example in examples],
        [example.target for example in examples],
        [example.alignment for example in examples],
        [example.templates for example in examples],
    )
