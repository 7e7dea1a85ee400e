"""Sampling: every token is drawn, the likely ones more often."""

import jax
import jax.numpy as jnp

from attention_jax.decoding.contract import Constraint, Hypotheses, Step, take
from attention_jax.decoding.filters import keep_top_k, keep_top_p
from attention_jax.decoding.walk import walk
from attention_jax.errors import UserError
from attention_jax.typing import Array, Key, PyTree


def sample(
    step: Step,
    source: PyTree,
    carry: PyTree,
    rng_keys: Key[Array, " batch"],
    *,
    samples: int = 1,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    max_length: int,
    bos: int,
    eos: int,
    pad: int = 0,
    constraint: Constraint | None = None,
) -> Hypotheses:
    """Draws y_t ~ p(y | y_<t, source)^(1 / temperature) until `eos` or `max_length` tokens stand.

    The temperature comes first, then `top_k`, then `top_p` as a share of what is left (see
    `filters`). `log_probs` are the model's own, of the whole vocabulary at temperature 1, so that
    hypotheses drawn in different ways compare; the samples of an example are ranked by them. One
    sequence may be drawn more than once.

    Runs on the device, in a loop (`stages`); call it under `jit`.

    Args:
      step: of the model.
      source: leaves lead with batch.
      carry: leaves lead with batch x samples: the model is started with beams = samples.
      rng_keys: one an example. Folded with the number of the sample and the time, so that neither
        the rest of the batch nor more samples ever change a draw.
      samples: hypotheses for each example.
      temperature: above 0; below 1 sharper than the model, above 1 flatter.
      top_k: draw among this many likeliest tokens; 0 for all.
      top_p: draw among the likeliest tokens that together reach this probability; 1 for all.
      max_length: tokens at most.
      bos: read first.
      eos: ends a sequence.
      pad: stands after it.
      constraint: see `Constraint`.

    Returns:
      `samples` hypotheses for each example (n_best), scores = log_probs.

    Raises:
      UserError: a number is out of its range, or the carry was started for another number of beams.

    Source: top-k of Fan 2018; top-p of Holtzman 2019, §3.1.
    """
    _check(samples, temperature, top_k, top_p)
    fold = jax.vmap(jax.random.fold_in, in_axes=(0, None))
    numbers = jnp.arange(samples)
    row_keys = jax.vmap(fold, in_axes=(None, 0), out_axes=1)(rng_keys, numbers).reshape(-1)

    def choose(log_probs: Array, time: Array) -> Array:
        log_probs = log_probs / temperature
        if top_k:
            log_probs = keep_top_k(log_probs, top_k)
        if top_p < 1:
            log_probs = keep_top_p(log_probs, top_p)
        return jax.vmap(jax.random.categorical)(fold(row_keys, time), log_probs)

    found = walk(
        step,
        source,
        carry,
        choose,
        paths=samples,
        max_length=max_length,
        bos=bos,
        eos=eos,
        pad=pad,
        constraint=constraint,
    )
    return _ranked(found, eos)


def _check(samples: int, temperature: float, top_k: int, top_p: float) -> None:
    if samples < 1:
        raise UserError(f"samples is {samples} but must be at least 1")
    if temperature <= 0:
        raise UserError(
            f"temperature is {temperature} but must be above 0: for the likeliest token at every "
            "step, the limit at 0, decode greedily instead of sampling"
        )
    if top_k < 0:
        raise UserError(f"top_k is {top_k} but must be at least 1, or 0 for all tokens")
    if not 0 < top_p <= 1:
        raise UserError(f"top_p is {top_p} but must be above 0 and at most 1, which is all tokens")


def _ranked(found: Hypotheses, eos: int) -> Hypotheses:
    """By log-probability: what ended, then what did not, then places never filled (at -inf)."""
    end = jnp.maximum(found.lengths - 1, 0)[..., None]
    unfinished = jnp.take_along_axis(found.tokens, end, axis=-1)[..., 0] != eos
    order = jnp.lexsort((-found.log_probs, unfinished))
    return jax.tree.map(lambda x: take(x, order), found)
