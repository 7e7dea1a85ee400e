"""Greedy decoding: the likeliest token at every step."""

import jax.numpy as jnp

from attention_jax.decoding.contract import Constraint, Hypotheses, Step
from attention_jax.decoding.walk import walk
from attention_jax.typing import PyTree


def greedy(
    step: Step,
    source: PyTree,
    carry: PyTree,
    *,
    max_length: int,
    bos: int,
    eos: int,
    pad: int = 0,
    constraint: Constraint | None = None,
) -> Hypotheses:
    """Takes y_t = argmax_y p(y | y_<t, source) until `eos`, or until `max_length` tokens stand.

    Runs on the device, in a loop that ends when every example has (`stages`); call it under `jit`.
    The same as beam search with one beam and no penalty, and cheaper: no row moves.

    Shapes: leaves of source and carry lead with batch; the result has n_best = 1 and
    scores = log_probs. Of equally likely tokens the one with the lowest number is taken.

    Raises:
      UserError: the leaves of the carry do not lead with batch.
    """
    return walk(
        step,
        source,
        carry,
        lambda log_probs, time: jnp.argmax(log_probs, -1),
        paths=1,
        max_length=max_length,
        bos=bos,
        eos=eos,
        pad=pad,
        constraint=constraint,
    )
