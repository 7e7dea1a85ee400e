"""One path at a time: the loop that greedy decoding and sampling share."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from attention_jax.decoding.contract import (
    FREE,
    Constraint,
    Hypotheses,
    Step,
    batch_size,
    constrain,
    empty_extras,
    keep_where,
    write,
)
from attention_jax.decoding.stages import in_stages
from attention_jax.typing import Array, PyTree


class _Loop(NamedTuple):
    time: Array
    carry: PyTree
    state: PyTree  # of the constraint
    token: Array  # [rows], chosen last
    log_probs: Array  # [rows]
    lengths: Array  # [rows]
    ended: Array  # [rows]
    tokens: Array  # [max_length, rows]
    extras: PyTree  # leaves [max_length, rows, ...]


def walk(
    step: Step,
    source: PyTree,
    carry: PyTree,
    choose: Callable[[Array, Array], Array],
    *,
    paths: int,
    max_length: int,
    bos: int,
    eos: int,
    pad: int,
    constraint: Constraint | None,
) -> Hypotheses:
    """Chooses token after token until `eos`, or until `max_length` tokens stand.

    Runs in a loop (`stages`) that ends when every path has. No row ever moves.

    Args:
      step: of the model.
      source: leaves lead with batch.
      carry: leaves lead with batch x paths.
      choose: (log_probs [rows, vocab], -inf where forbidden; time) -> token [rows].
      paths: how many for each example.
      max_length: tokens at most.
      bos: read first.
      eos: ends a path.
      pad: stands after it.
      constraint: see `Constraint`.

    Returns:
      the paths of each example as they came, not ranked; scores = log_probs.
    """
    batch = batch_size(source, carry, paths)
    rows = batch * paths
    token = jnp.full((rows,), bos, jnp.int32)
    constraint = constraint or FREE

    def body(now: _Loop) -> _Loop:
        carry, log_probs, extras = step(source, now.carry, now.token, now.time)
        log_probs = constrain(log_probs, constraint, now.state, now.time)
        token = choose(log_probs, now.time).astype(jnp.int32)
        chosen = jnp.take_along_axis(log_probs, token[:, None], axis=-1, mode="clip")
        total = now.log_probs + chosen[:, 0]
        token = jnp.where(now.ended, pad, token)
        return _Loop(
            time=now.time + 1,
            carry=carry,
            state=constraint.update(now.state, token, now.time),
            token=token,
            log_probs=jnp.where(now.ended, now.log_probs, total),
            lengths=jnp.where(now.ended, now.lengths, now.time + 1),
            ended=now.ended | (token == eos) | (total == -jnp.inf),
            tokens=write(now.tokens, now.time, token),
            extras=write(
                now.extras, now.time, jax.tree.map(lambda x: keep_where(~now.ended, x), extras)
            ),
        )

    start = _Loop(
        time=jnp.int32(0),
        carry=carry,
        state=jax.tree.map(lambda x: jnp.repeat(x, paths, axis=0), constraint.init(source)),
        token=token,
        log_probs=jnp.zeros(rows),
        lengths=jnp.zeros(rows, jnp.int32),
        ended=jnp.zeros(rows, bool),
        tokens=jnp.full((max_length, rows), pad, jnp.int32),
        extras=empty_extras(step, source, carry, token, max_length),
    )
    end = in_stages(lambda now: ~now.ended.all(), body, start, max_length)

    possible = end.log_probs > -jnp.inf

    def by_example(x: Array) -> Array:
        return x.reshape(batch, paths, *x.shape[1:])

    def history(x: Array, empty: int = 0) -> Array:
        return by_example(keep_where(possible, jnp.moveaxis(x, 0, 1), empty))

    return Hypotheses(
        tokens=history(end.tokens, pad),
        lengths=by_example(jnp.where(possible, end.lengths, 0)),
        log_probs=by_example(end.log_probs),
        scores=by_example(end.log_probs),
        extras=jax.tree.map(history, end.extras),
    )
