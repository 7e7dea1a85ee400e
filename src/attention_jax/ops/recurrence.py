"""Cells over time, with a gradient of their own.

A cell whose step makes one product of its state, p = h U + b, says what becomes of it (`Rule`), and
how slopes go back through that. Automatic differentiation would sum U's gradient step by step; here
it is one product over all steps, and of each step only what the rule needs is kept.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from attention_jax.typing import Array, Bool, Float

Carry = tuple[Array, ...]
"""The state h [*batch features] first, since it is what U multiplies; then what else is carried."""


class Rule(NamedTuple):
    """One step of a cell, after its product."""

    forward: Callable[[Carry, Array, Array], tuple[Carry, Any]]
    """(carry, projected, product) -> the next carry, and what `backward` needs of the step."""
    backward: Callable[[Carry, Carry, Carry, Any], tuple[Array, Array, Carry]]
    """(slopes of the next carry, the carry, the next one, what was kept) -> slopes of `projected`,
    of the product, and of the carry but for what goes through the product."""


def product(
    hidden: Float[Array, "*batch features"],
    recurrent: Float[Array, "features gate_features"],
    bias: Float[Array, " gate_features"] | None = None,
    dtype: Any = jnp.float32,
) -> Float[Array, "*batch gate_features"]:
    """The product h U + b in float32, multiplied in `dtype`."""
    found = jnp.matmul(
        hidden.astype(dtype), recurrent.astype(dtype), preferred_element_type=jnp.float32
    )
    return found if bias is None else found + bias


def over_time(
    rule: Rule,
    carry: Carry,
    projected: Float[Array, "time batch projected_features"],
    recurrent: Float[Array, "features gate_features"],
    bias: Float[Array, " gate_features"] | None = None,
    mask: Bool[Array, "time batch"] | None = None,
    *,
    reverse: bool = False,
    dtype: Any = jnp.float32,
) -> tuple[Carry, Float[Array, "time batch features"]]:
    """The last carry, and h after every step; differentiable in reverse mode only.

    Args:
      rule: of the cell.
      carry: before the first step.
      projected: the input's side of all steps.
      recurrent: U.
      bias: b, if there is one.
      mask: True where a step is real; another one keeps the carry, and its output is zero. None:
        all are.
      reverse: take the steps from last to first; outputs stay at their inputs' places.
      dtype: of the matrix products.
    """
    return _over_time(rule, reverse, dtype, carry, projected, recurrent, bias, mask)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1, 2))
def _over_time(rule, reverse, dtype, *arrays):
    return _forward(rule, reverse, dtype, *arrays)[0]


def _forward(rule, reverse, dtype, carry, projected, recurrent, bias, mask):
    def body(carry, now):
        projected, real = now
        following, kept = rule.forward(carry, projected, product(carry[0], recurrent, bias, dtype))
        if real is not None:
            following = _where(real, following, carry)
        return following, (following, kept)

    last, (carries, kept) = jax.lax.scan(body, carry, (projected, mask), reverse=reverse)
    outputs = carries[0] if mask is None else jnp.where(mask[..., None], carries[0], 0)
    return (last, outputs), (carry, carries, kept, recurrent, bias, mask)


def _backward(rule, reverse, dtype, kept, slopes):
    first, carries, kept, recurrent, bias, mask = kept
    by_last, by_outputs = slopes
    # What each step began with, at that step's place.
    began = jax.tree.map(partial(_shifted, reverse=reverse), first, carries)
    transposed = recurrent.T

    def body(by_carry, now):
        by_output, real, began, ended, kept = now
        by_passed = jax.tree.map(jnp.zeros_like, by_carry)
        if real is not None:
            by_output = jnp.where(real[:, None], by_output, 0)
            by_carry, by_passed = _where(real, (by_carry, by_passed), (by_passed, by_carry))
        by_carry = (by_carry[0] + by_output, *by_carry[1:])
        by_projected, by_product, by_began = rule.backward(by_carry, began, ended, kept)
        by_began = jax.tree.map(jnp.add, by_began, by_passed)
        through = product(by_product, transposed, dtype=dtype)
        # Where the two are the same array, it is kept once.
        both = by_projected, None if by_product is by_projected else by_product
        return (by_began[0] + through, *by_began[1:]), both

    steps = by_outputs, mask, began, carries, kept
    by_first, (by_projected, by_products) = jax.lax.scan(body, by_last, steps, reverse=not reverse)
    if by_products is None:
        by_products = by_projected
    by_recurrent = jnp.einsum(
        "tbf,tbg->fg",
        began[0].astype(dtype),
        by_products.astype(dtype),
        preferred_element_type=jnp.float32,
    )
    by_bias = None if bias is None else by_products.sum((0, 1))
    return by_first, by_projected, by_recurrent, by_bias, None


_over_time.defvjp(_forward, _backward)


def _where(real: Array, one: Any, other: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(real[:, None], a, b), one, other)


def _shifted(first: Array, rows: Array, reverse: bool) -> Array:
    """Each step's row before it, in the order of the steps."""
    if reverse:
        return jnp.concatenate([rows[1:], first[None]])
    return jnp.concatenate([first[None], rows[:-1]])
