"""Few-shot episodes: a few classes that were never seen, a few images of each, and queries.

`pool` says what episodes are drawn from; `glyphs`, `omniglot` and `folders` are such sets, which
`sets` finds by name. `images`, `builder` and `load` prepare what the user brings, `given` reads an
episode of the user's own, `batches` draws episodes, `splits` is all of it as data.

Of a config's `data`,

    name                    glyphs, omniglot or folders
    ways                    classes of an episode
    shots                   images of each class that are shown, at most; training draws 1 .. shots
    queries                 of a training episode
    test_queries            of an episode of an evaluation split
    validation_episodes     with 1 shot, and as many with `shots`
    test_episodes           the same
    seed                    of the evaluation splits
    limit                   of glyphs: letters of each script at most, 0 for all
    split                   of omniglot: "alphabets" or "paper"
    side, channels          of folders: size of the images, and 1 (grey) or 3 (colour)
"""

from attention_jax.data.episodes.batches import example_batch
from attention_jax.data.episodes.pool import Pool, Pools
from attention_jax.data.episodes.sets import make_pools
from attention_jax.data.episodes.splits import EpisodeData

__all__ = ["EpisodeData", "Pool", "Pools", "example_batch", "make_pools"]
