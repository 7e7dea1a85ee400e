"""The gated recurrent unit (Cho 2014) on arrays, its reset gate after the product.

    [r; z] = σ(x_rz + p_rz),  h̃ = tanh(x_h + r ⊙ p_h),  h' = z ⊙ h + (1 - z) ⊙ h̃

where x is the input's side, made for all steps at once, and p = h U + b.
"""

import jax.numpy as jnp

from attention_jax.ops.recurrence import Carry, Rule
from attention_jax.typing import Array, Float


def step(
    carry: Carry,
    projected: Float[Array, "*batch gate_features"],
    product: Float[Array, "*batch gate_features"],
) -> tuple[Carry, tuple[Array, Array, Array]]:
    """One step after its product: (h',), and the gates, the candidate and its part of the product.

    Args:
      carry: h alone, [*batch features].
      projected: x of the reset gate, the update gate and the candidate.
      product: p, likewise.
    """
    (hidden,) = carry
    two = 2 * hidden.shape[-1]
    # σ(x) = (tanh(x / 2) + 1) / 2.
    gates = 0.5 * jnp.tanh(0.5 * (projected[..., :two] + product[..., :two])) + 0.5
    reset, update = jnp.split(gates, 2, axis=-1)
    from_state = product[..., two:]
    candidate = jnp.tanh(projected[..., two:] + reset * from_state)
    return (update * hidden + (1 - update) * candidate,), (gates, candidate, from_state)


def _back(slopes, began, ended, kept):
    (by_hidden,), (hidden,) = slopes, began
    gates, candidate, from_state = kept
    reset, update = jnp.split(gates, 2, axis=-1)
    by_candidate = by_hidden * (1 - update) * (1 - candidate * candidate)
    by_update = by_hidden * (hidden - candidate) * update * (1 - update)
    by_reset = by_candidate * from_state * reset * (1 - reset)
    by_projected = jnp.concatenate([by_reset, by_update, by_candidate], axis=-1)
    by_product = jnp.concatenate([by_reset, by_update, by_candidate * reset], axis=-1)
    return by_projected, by_product, (by_hidden * update,)


RULE = Rule(step, _back)
"""For `ops.recurrence.over_time`."""
