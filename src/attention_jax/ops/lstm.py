"""The long short-term memory (Hochreiter 1997; forget gates: Gers 2000) on arrays.

    [i; f; g; o] = [σ; σ; tanh; σ](x + h U),  c' = f ⊙ c + i ⊙ g,  h' = o ⊙ tanh(c')

where x is the input's side, W x + b, made for all steps at once. `step` is one of them, `over_time`
all of them with a gradient of its own: what automatic differentiation would sum up step by step,
the gradient of U, is one product over all steps, and the gates are all that is kept of a step.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from attention_jax.typing import Array, Bool, Float


def step(
    hidden: Float[Array, "*batch features"],
    cell: Float[Array, "*batch features"],
    projected: Float[Array, "*batch gate_features"],
    recurrent: Float[Array, "features gate_features"],
    dtype: Any = jnp.float32,
) -> tuple[Float[Array, "*batch features"], Float[Array, "*batch features"]]:
    """One step: h' and c'; the product runs in `dtype`.

    Args:
      hidden: h.
      cell: c.
      projected: x, the four gates one after the other.
      recurrent: U.
      dtype: of the matrix product.
    """
    hidden, cell, _ = _step(hidden, cell, projected, recurrent, dtype)
    return hidden, cell


@partial(jax.custom_vjp, nondiff_argnums=(5, 6))
def over_time(
    hidden: Float[Array, "batch features"],
    cell: Float[Array, "batch features"],
    projected: Float[Array, "time batch gate_features"],
    recurrent: Float[Array, "features gate_features"],
    mask: Bool[Array, "time batch"] | None,
    reverse: bool,
    dtype: Any,
) -> tuple[
    Float[Array, "batch features"],
    Float[Array, "batch features"],
    Float[Array, "time batch features"],
]:
    """The last h and c, and h' at every step; differentiable in reverse mode only.

    Args:
      hidden: h before the first step.
      cell: c before it.
      projected: x of all steps.
      recurrent: U.
      mask: True where a step is real; another one keeps h and c, and its h' is zero. None: all are.
      reverse: take the steps from last to first; outputs stay at their inputs' places.
      dtype: of the matrix products.
    """
    return _forward(hidden, cell, projected, recurrent, mask, reverse, dtype)[0]


def _step(hidden: Array, cell: Array, projected: Array, recurrent: Array, dtype: Any):
    """h', c' and the gates."""
    product = jnp.matmul(
        hidden.astype(dtype), recurrent.astype(dtype), preferred_element_type=jnp.float32
    )
    gates = _gates(projected + product)
    write, forget, new, output = jnp.split(gates, 4, axis=-1)
    cell = forget * cell + write * new
    return output * jnp.tanh(cell), cell, gates


def _gates(x: Float[Array, "*batch gate_features"]) -> Float[Array, "*batch gate_features"]:
    """[σ; σ; tanh; σ](x) as one tanh of all four, since σ(x) = (tanh(x / 2) + 1) / 2.

    Four functions of four slices are four loops to a compiler.
    """
    is_new = jnp.arange(x.shape[-1]) // (x.shape[-1] // 4) == 2
    scale = jnp.where(is_new, 1.0, 0.5)
    return jnp.tanh(x * scale) * scale + jnp.where(is_new, 0.0, 0.5)


def _forward(hidden, cell, projected, recurrent, mask, reverse, dtype):
    def body(carry, now):
        projected, real = now
        hidden, cell = carry
        hidden, cell, gates = _step(hidden, cell, projected, recurrent, dtype)
        if real is not None:
            hidden, cell = _where(real, (hidden, cell), carry)
        return (hidden, cell), (hidden, cell, gates)

    (last, last_cell), (hiddens, cells, gates) = jax.lax.scan(
        body, (hidden, cell), (projected, mask), reverse=reverse
    )
    outputs = hiddens if mask is None else jnp.where(mask[..., None], hiddens, 0)
    kept = hidden, cell, recurrent, mask, hiddens, cells, gates
    return (last, last_cell, outputs), kept


def _backward(reverse, dtype, kept, slopes):
    hidden, cell, recurrent, mask, hiddens, cells, gates = kept
    by_last, by_last_cell, by_outputs = slopes
    # What a step began with, at that step's place.
    began, began_cells = _shifted(hidden, hiddens, reverse), _shifted(cell, cells, reverse)
    transposed = recurrent.T.astype(dtype)

    def body(carry, now):
        by_output, real, gates, cell, began_cell = now
        by_kept = jax.tree.map(jnp.zeros_like, carry)
        if real is not None:
            by_output = jnp.where(real[:, None], by_output, 0)
            carry, by_kept = _where(real, carry, by_kept), _where(real, by_kept, carry)
        by_gates, by_cell = _through(carry[0] + by_output, carry[1], gates, cell, began_cell)
        by_hidden = jnp.matmul(
            by_gates.astype(dtype), transposed, preferred_element_type=jnp.float32
        )
        return (by_kept[0] + by_hidden, by_kept[1] + by_cell), by_gates

    steps = by_outputs, mask, gates, cells, began_cells
    (by_hidden, by_cell), by_projected = jax.lax.scan(
        body, (by_last, by_last_cell), steps, reverse=not reverse
    )
    by_recurrent = jnp.einsum(
        "tbf,tbg->fg",
        began.astype(dtype),
        by_projected.astype(dtype),
        preferred_element_type=jnp.float32,
    )
    return by_hidden, by_cell, by_projected, by_recurrent, None


def _through(by_hidden: Array, by_cell: Array, gates: Array, cell: Array, began_cell: Array):
    """From the slopes of h' and c' those of the gates' sums and, through the forget gate, of c."""
    write, forget, new, output = jnp.split(gates, 4, axis=-1)
    squashed = jnp.tanh(cell)
    by_cell = by_cell + by_hidden * output * (1 - squashed * squashed)
    by_gates = [
        by_cell * new * write * (1 - write),
        by_cell * began_cell * forget * (1 - forget),
        by_cell * write * (1 - new * new),
        by_hidden * squashed * output * (1 - output),
    ]
    return jnp.concatenate(by_gates, axis=-1), by_cell * forget


over_time.defvjp(_forward, _backward)


def _where(real: Array, one: Any, other: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(real[:, None], a, b), one, other)


def _shifted(first: Array, rows: Array, reverse: bool) -> Array:
    """Each step's row before it, in the order of the steps."""
    if reverse:
        return jnp.concatenate([rows[1:], first[None]])
    return jnp.concatenate([first[None], rows[:-1]])
