"""The letters of a split, prepared on first use."""

import logging
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from attention_jax.data import prepared
from attention_jax.data.glyphs.distinct import GlyphsConfig
from attention_jax.data.glyphs.letters import SPLITS
from attention_jax.errors import UserError

_log = logging.getLogger(__name__)


class Shapes(NamedTuple):
    """A split: shapes of letters, each in one font or more.

    Attributes:
      fields: of `shapes.field`, uint8 [shapes, SIDE, SIDE].
      owners: the number of each shape's letter, int32 [shapes], in ascending order.
      characters: the letters, [letters].
      scripts: of the letters, [letters].
      turns: whether a letter, so many quarter turns to the left, is a class of its own: it looks
        like no other that is; bool [letters, 4]. Unturned all are.
    """

    fields: np.ndarray
    owners: np.ndarray
    characters: np.ndarray
    scripts: np.ndarray
    turns: np.ndarray


def load(config: GlyphsConfig, split: str, data_dir: str | os.PathLike[str]) -> Shapes:
    """The letters of a split; the data set is prepared under `data_dir` if it is not there yet.

    Raises:
      UserError: for a split that there is not, a folder that cannot be written, or a file that is
        damaged.
    """
    if split not in SPLITS:
        raise UserError(f"glyphs has no split {split!r}: choose {', '.join(SPLITS)}")
    folder = Path(data_dir).expanduser()
    arrays = folder / "glyphs" / "arrays"
    files = {each: arrays / f"{config.name}-{each}.npz" for each in SPLITS}

    def make() -> dict[str, Shapes]:
        _log.info("preparing glyphs")
        return _prepare(config, folder)

    return prepared.arrays(Shapes, files, split, make)


def _prepare(config: GlyphsConfig, folder: Path) -> dict[str, Shapes]:
    """Prepared with TFDS, and read back: decoding all again at each start would take longer than
    reading one file of arrays.
    """
    # Imports TFDS: slow, and not needed once the file is written.
    from attention_jax.data.glyphs.builder import Glyphs, GlyphsBuilderConfig

    own = GlyphsBuilderConfig(config)
    builder = prepared.prepare(lambda: Glyphs(config=own, data_dir=os.fspath(folder)))
    return {split: _columns(list(builder.as_data_source(split))) for split in SPLITS}


def _columns(rows: list[dict]) -> Shapes:
    """TFDS's examples, one a shape, those of a letter together."""
    owners = np.array([row["letter"] for row in rows], np.int32)
    firsts = [rows[n] for n in np.unique(owners, return_index=True)[1]]
    return Shapes(
        np.stack([row["field"] for row in rows]),
        owners,
        np.array([row["character"].decode() for row in firsts]),
        np.array([row["script"].decode() for row in firsts]),
        np.stack([row["turns"] for row in firsts]),
    )
