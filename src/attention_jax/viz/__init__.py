"""Pictures: functions from numbers to matplotlib figures, without pyplot and its global state."""

from attention_jax.viz.alignment import alignment_map, draw_map
from attention_jax.viz.beside import head_maps, maps_beside
from attention_jax.viz.curves import by_length, curves, length_curve
from attention_jax.viz.grid import grid_plot
from attention_jax.viz.save import save_figures

__all__ = [
    "alignment_map",
    "by_length",
    "curves",
    "draw_map",
    "grid_plot",
    "head_maps",
    "length_curve",
    "maps_beside",
    "save_figures",
]
