"""Letters of many scripts as images: the fonts that matplotlib ships, drawn by unsteady hands.

`letters` says which there are and splits them by script, `shapes` makes fields of distances of
their outlines, `distinct` leaves out those that look alike, `builder` and `load` prepare the rest
once, `distort` draws images of them.
"""

from attention_jax.data.glyphs.distinct import GlyphsConfig
from attention_jax.data.glyphs.distort import draw
from attention_jax.data.glyphs.letters import SPLITS
from attention_jax.data.glyphs.load import Shapes, load

__all__ = ["SPLITS", "GlyphsConfig", "Shapes", "draw", "load"]
