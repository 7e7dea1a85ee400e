"""What may be pointed at, when an answer is a sequence of an input set's elements.

Position 0 is the end, which also stands for `bos` and `pad`; input i is position i + 1.
"""

from typing import NamedTuple

import jax.numpy as jnp

from attention_jax.decoding.contract import Constraint
from attention_jax.typing import Array, Bool, Int

END = 0


class _Left(NamedTuple):
    elements: Array  # [rows, inputs], not pointed at yet
    minimum: Array  # [rows]


class _Last(NamedTuple):
    elements: Array  # [rows, inputs]
    position: Array  # [rows], pointed at last


def unvisited(
    elements: Bool[Array, "batch inputs"], minimum: Int[Array, " batch"] | int = 0
) -> Constraint:
    """No element a second time, and no end before so many were pointed at.

    Where a set has fewer elements than the minimum, all of them are the minimum: with `inputs` for
    one every answer is a permutation (a tour), with 3 it has the corners of a polygon. When none is
    left only the end is.

    Args:
      elements: True where there is one.
      minimum: elements of an answer, for all sets or for each; 0 for none.
    """
    count = elements.sum(-1, dtype=jnp.int32)
    numbers = _numbers(elements)

    def update(state: _Left, token: Array, time: Array) -> _Left:
        return state._replace(elements=state.elements & (numbers != token[:, None]))

    def mask(state: _Left, time: Array) -> Array:
        return _with_end(time >= state.minimum, state.elements)

    return Constraint(
        init=lambda source: _Left(elements, jnp.minimum(minimum, count)), update=update, mask=mask
    )


def ascending_triples(elements: Bool[Array, "batch inputs"]) -> Constraint:
    """Triples of ascending positions, as many as there may be: triangles, each told in one way.

    The first of a triple is any element that two others can follow, each larger than the one
    before. The end comes after a whole triple only, at once where there is none. An element may
    stand in many triples; nothing keeps a triple from coming twice.

    Args:
      elements: True where there is one.
    """
    numbers = _numbers(elements)

    def mask(state: _Last, time: Array) -> Array:
        real = state.elements
        behind = jnp.cumsum(real[:, ::-1], axis=-1)[:, ::-1] - real
        larger = real & (numbers > state.position[:, None])
        place = time % 3
        first = real & (behind >= 2)
        allowed = jnp.where(
            place == 0, first, jnp.where(place == 1, larger & (behind >= 1), larger)
        )
        ends = (place == 0) & ((time > 0) | ~first.any(-1))
        return _with_end(ends, allowed)

    return Constraint(
        init=lambda source: _Last(elements, jnp.zeros(elements.shape[0], jnp.int32)),
        update=lambda state, token, time: state._replace(position=token),
        mask=mask,
    )


def _numbers(elements: Array) -> Array:
    """The positions of the inputs."""
    return jnp.arange(elements.shape[-1]) + END + 1


def _with_end(ends: Bool[Array, " rows"], elements: Bool[Array, "rows inputs"]) -> Array:
    return jnp.concatenate([ends[:, None], elements], axis=-1)
