"""Greedy decoding: the likeliest token at every step."""

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
from attention_jax.typing import Array, PyTree


class _Loop(NamedTuple):
    time: Array
    carry: PyTree
    state: PyTree  # of the constraint
    token: Array  # [batch], chosen last
    log_probs: Array  # [batch]
    lengths: Array  # [batch]
    ended: Array  # [batch]
    tokens: Array  # [max_length, batch]
    extras: PyTree  # leaves [max_length, batch, ...]


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

    Runs on the device in one `lax.while_loop`, which ends when every example has; call it under
    `jit`. The same as beam search with one beam and no length penalty, and cheaper: no row moves.

    Shapes: leaves of source and carry lead with batch; the result has n_best = 1 and
    scores = log_probs. Of equally likely tokens the one with the lowest number is taken.

    Raises:
      UserError: the leaves of the carry do not lead with batch.
    """
    batch = batch_size(source, carry, beams=1)
    token = jnp.full((batch,), bos, jnp.int32)
    constraint = constraint or FREE

    def body(now: _Loop) -> _Loop:
        carry, log_probs, extras = step(source, now.carry, now.token, now.time)
        log_probs = constrain(log_probs, constraint, now.state, now.time)
        token = jnp.argmax(log_probs, -1).astype(jnp.int32)
        total = now.log_probs + jnp.max(log_probs, -1)
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
        state=constraint.init(source),
        token=token,
        log_probs=jnp.zeros(batch),
        lengths=jnp.zeros(batch, jnp.int32),
        ended=jnp.zeros(batch, bool),
        tokens=jnp.full((max_length, batch), pad, jnp.int32),
        extras=empty_extras(step, source, carry, token, max_length),
    )
    end = jax.lax.while_loop(lambda now: (now.time < max_length) & ~now.ended.all(), body, start)

    possible = end.log_probs > -jnp.inf

    def batch_first(x: Array, empty: int = 0) -> Array:
        return keep_where(possible, jnp.moveaxis(x, 0, 1), empty)[:, None]

    return Hypotheses(
        tokens=batch_first(end.tokens, pad),
        lengths=jnp.where(possible, end.lengths, 0)[:, None],
        log_probs=end.log_probs[:, None],
        scores=end.log_probs[:, None],
        extras=jax.tree.map(batch_first, end.extras),
    )
