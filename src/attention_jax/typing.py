"""Array aliases, and the one glossary of axis words used in every signature.

    batch      examples, or (when decoding) batch x beam
    beams      hypotheses kept per example
    queries    positions that ask: target positions, or the beams of one step
    keys       positions that are read: source positions
    features   the model's width at that place
    heads, head_dim   heads of an attention and the width of one
    time       steps of a sequence
    vocab      entries of a vocabulary
    slots, word       columns and rows of a memory
    shifts     integer moves of a head along the slots, -max_shift .. max_shift
    height, width     of an image or feature map
    inputs, coordinates   elements of a set, and the numbers that each is
    positions  what can be pointed at: the end element, then the inputs
    outputs    steps of an answer that points

A shape string names axes in this order: "*batch queries keys". Masks are boolean, True = may
attend (or: is real).
"""

from collections.abc import Mapping
from typing import Any

from jaxtyping import Array, Bool, Float, Int, Key, PyTree

__all__ = ["Array", "Batch", "Bool", "Float", "Int", "Key", "Metrics", "Params", "PyTree", "Rng"]

Rng = Key[Array, ""]
"""A typed random key (`jax.random.key`)."""

Params = PyTree
"""Parameters of a Linen module, or a dict of several."""

Batch = Mapping[str, Any]
"""Arrays by name; every array leads with the batch axis. Always has `index` (the example's number
in its data set) and `mask` (False where the row only fills up a short batch)."""

Metrics = dict[str, tuple[Array, Array]]
"""Metric name -> (sum, count), so that a mean over devices, hosts and batches is exact."""
