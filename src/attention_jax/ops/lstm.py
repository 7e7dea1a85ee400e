"""The long short-term memory (Hochreiter 1997; forget gates: Gers 2000) on arrays.

    [i; f; g; o] = [σ; σ; tanh; σ](x + p),  c' = f ⊙ c + i ⊙ g,  h' = o ⊙ tanh(c')

where x is the input's side, W x + b, made for all steps at once, and p = h U.
"""

import jax.numpy as jnp

from attention_jax.ops.recurrence import Carry, Rule
from attention_jax.typing import Array, Float


def step(
    carry: Carry,
    projected: Float[Array, "*batch gate_features"],
    product: Float[Array, "*batch gate_features"],
) -> tuple[Carry, Float[Array, "*batch gate_features"]]:
    """One step after its product: (h', c') and the gates.

    Args:
      carry: h and c, [*batch features] each.
      projected: x, the four gates one after the other.
      product: p.
    """
    _, cell = carry
    gates = _gates(projected + product)
    write, forget, new, output = jnp.split(gates, 4, axis=-1)
    cell = forget * cell + write * new
    return (output * jnp.tanh(cell), cell), gates


def _gates(x: Array) -> Array:
    """[σ; σ; tanh; σ](x) as one tanh of all four, since σ(x) = (tanh(x / 2) + 1) / 2.

    Four functions of four slices are four loops to a compiler.
    """
    is_new = jnp.arange(x.shape[-1]) // (x.shape[-1] // 4) == 2
    scale = jnp.where(is_new, 1.0, 0.5)
    return jnp.tanh(x * scale) * scale + jnp.where(is_new, 0.0, 0.5)


def _back(slopes, began, ended, gates):
    by_hidden, by_cell = slopes
    write, forget, new, output = jnp.split(gates, 4, axis=-1)
    squashed = jnp.tanh(ended[1])
    by_cell = by_cell + by_hidden * output * (1 - squashed * squashed)
    by_gates = [
        by_cell * new * write * (1 - write),
        by_cell * began[1] * forget * (1 - forget),
        by_cell * write * (1 - new * new),
        by_hidden * squashed * output * (1 - output),
    ]
    by_sums = jnp.concatenate(by_gates, axis=-1)
    return by_sums, by_sums, (jnp.zeros_like(by_hidden), by_cell * forget)


RULE = Rule(step, _back)
"""For `ops.recurrence.over_time`."""
