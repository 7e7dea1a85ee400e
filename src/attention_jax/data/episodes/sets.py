"""The data sets that episodes are drawn from, by name."""

from pathlib import Path

import ml_collections

from attention_jax.data.episodes.folders import FolderPools
from attention_jax.data.episodes.glyphs import GlyphPools
from attention_jax.data.episodes.omniglot import OmniglotPools
from attention_jax.data.episodes.pool import Pools
from attention_jax.data.glyphs import GlyphsConfig
from attention_jax.errors import UserError


def make_pools(
    config: ml_collections.ConfigDict, data_dir: Path, manual_dir: Path | None = None
) -> Pools:
    """The data set that `config.data.name` names.

    Args:
      config: the experiment's `data`.
      data_dir: prepared data.
      manual_dir: what the user brings.

    Raises:
      UserError: for a name or sizes that are not to be had.
    """
    match config.name:
        case "glyphs":
            return GlyphPools(GlyphsConfig(config.limit), data_dir)
        case "omniglot":
            return OmniglotPools(config.split, data_dir, manual_dir)
        case "folders":
            return FolderPools(config.side, config.channels, data_dir, manual_dir)
    raise UserError(f"config.data.name is {config.name!r}: choose glyphs, omniglot or folders")
