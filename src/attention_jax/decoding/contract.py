"""What a model, a constraint and a result look like to every way of decoding.

`source` leads with the batch and is never repeated per beam; every leaf of `carry` leads with
rows = batch x beams, beams fastest. A search may reorder rows between two steps, so whatever
belongs to a hypothesis lives in the carry.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from attention_jax.errors import UserError
from attention_jax.typing import Array, Bool, Float, Int, PyTree

Step = Callable[[Any, Any, Any, Any], tuple[PyTree, Any, PyTree]]
"""One step of a model: (source, carry, token, time) -> (carry, log_probs, extras).

It reads the token chosen last, int32 [rows] (`bos` at time 0), and time, int32 []; it says what may
come next, log_probs [rows, vocab]. The leaves of carry and of extras (attention weights; an empty
tree for none) lead with rows.
"""


class Constraint(NamedTuple):
    """Which tokens a hypothesis may still take: cities not yet visited, a minimum length.

    What is forbidden gets the log-probability -inf; the rest is not normalised again, so that the
    scores stay the model's own and the search is for its best *allowed* sequence.
    """

    init: Callable[[Any], PyTree]
    """source -> state at the start, one an example: leaves [batch, ...]."""
    update: Callable[[Any, Any, Any], PyTree]
    """(state, token [rows], time) -> state after the token; leaves [rows, ...]."""
    mask: Callable[[Any, Any], Array]
    """(state, time) -> bool, [rows, vocab] or broadcast to it; True = allowed."""


class Hypotheses(NamedTuple):
    """Decoded sequences, best first.

    A hypothesis that reached `max_length` without `eos` is returned as it stands, after all that
    ended: its length is `max_length` and its last token is not `eos`. A place for which no
    sequence exists (a constraint left no way on) has length 0 and the score -inf.
    """

    tokens: Int[Array, "batch n_best max_length"]
    """With `eos`; `pad` after it. `lengths` says where a sequence ends."""
    lengths: Int[Array, "batch n_best"]
    """Tokens, `eos` included."""
    log_probs: Float[Array, "batch n_best"]
    """Sum over the tokens, natural logarithm."""
    scores: Float[Array, "batch n_best"]
    """What they are ranked by: log_probs, with penalties where the search has them."""
    extras: PyTree
    """Those of the step for each token: leaves [batch, n_best, max_length, ...], 0 after `eos`."""


FREE = Constraint(
    init=lambda source: (),
    update=lambda state, token, time: state,
    mask=lambda state, time: jnp.bool_(True),
)
"""The constraint that forbids nothing."""


def both(first: Constraint, second: Constraint) -> Constraint:
    """What neither of two constraints forbids."""

    def update(state, token, time):
        of_first, of_second = state
        return first.update(of_first, token, time), second.update(of_second, token, time)

    return Constraint(
        init=lambda source: (first.init(source), second.init(source)),
        update=update,
        mask=lambda state, time: first.mask(state[0], time) & second.mask(state[1], time),
    )


def batch_size(source: PyTree, carry: PyTree, beams: int) -> int:
    """Number of examples.

    Raises:
      UserError: the carry was started for another number of beams.
    """
    rows = {jnp.shape(x)[:1] for x in jax.tree.leaves(carry)}
    examples = [len(x) for x in jax.tree.leaves(source)[:1]]
    examples += [size // beams for leading in rows for size in leading]
    batch = examples[0] if examples else 0
    if rows - {(batch * beams,)}:
        raise UserError(
            f"every leaf of the carry must lead with batch x beams = {batch} x {beams}, but these "
            f"lead with {sorted(rows)}: start the model with beams={beams}"
        )
    return batch


def constrain(
    log_probs: Float[Array, "rows vocab"],
    constraint: Constraint,
    state: PyTree,
    time: Int[Array, ""],
) -> Float[Array, "rows vocab"]:
    """The log-probabilities in float32, with -inf for what the constraint forbids."""
    return jnp.where(constraint.mask(state, time), log_probs.astype(jnp.float32), -jnp.inf)


def empty_extras(
    step: Step, source: PyTree, carry: PyTree, token: Int[Array, " rows"], max_length: int
) -> PyTree:
    """Zeros to keep the extras of every step in: leaves [max_length, rows, ...]."""
    _, _, extras = jax.eval_shape(step, source, carry, token, jnp.int32(0))
    return jax.tree.map(lambda x: jnp.zeros((max_length, *x.shape), x.dtype), extras)


def write(history: PyTree, time: Int[Array, ""], entry: PyTree) -> PyTree:
    """Puts the entry of one step into a history whose leaves lead with time."""
    return jax.tree.map(
        lambda h, e: jax.lax.dynamic_update_index_in_dim(h, e, time, 0),
        history,
        entry,
    )


def keep_where(kept: Bool[Array, "*batch"], x: Array, otherwise: int = 0) -> Array:
    """`x` [*batch, ...] where `kept`, `otherwise` in its place elsewhere."""
    kept = kept.reshape(kept.shape + (1,) * (x.ndim - kept.ndim))
    return jnp.where(kept, x, jnp.asarray(otherwise, x.dtype))


def take(x: Array, order: Array) -> Array:
    """Entries of x [batch, m, ...] at order [batch, n] -> [batch, n, ...]."""
    return jax.vmap(lambda x, i: jnp.take(x, i, axis=0, mode="clip"))(x, order)
