"""The loop of all searches, with caches that are no longer than what stands in them."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax

from attention_jax.typing import Array, PyTree

_FIRST = 8


@runtime_checkable
class Cache(Protocol):
    """A node of a carry that holds something of each step so far.

    The extras of a step have one shape, whatever the room.
    """

    def with_room(self, steps: int) -> PyTree:
        """The same with room for so many steps: the last ones are cut off, or empty ones added."""
        ...


def in_stages(
    going_on: Callable[[Any], Array], body: Callable[[Any], Any], start: Any, max_length: int
) -> Any:
    """`jax.lax.while_loop` up to `max_length` steps, with `time` and `carry` in its state.

    A step reads its caches whole, and a beam search copies them whole when it reorders its rows.
    So where there are any the loop begins with caches for 8 steps and goes on, where a search goes
    on, with twice as many: at most 2 n steps' worth are touched in step n, whatever the limit. Each
    of these loops is compiled, at most log2(max_length / 8) + 1 of them.

    Args:
      going_on: state -> whether another step is wanted.
      body: state -> the next state, whose `time` is one more.
      start: state before the first step; its caches are empty.
      max_length: steps at most.
    """
    now = start
    for room in _rooms(start.carry, max_length):
        now = now._replace(carry=_with_room(now.carry, room))

        def wanted(now: Any, room: int = room) -> Array:
            return (now.time < room) & going_on(now)

        now = jax.lax.while_loop(wanted, body, now)
    return now


def _rooms(carry: PyTree, max_length: int) -> list[int]:
    nodes = jax.tree.leaves(carry, is_leaf=_is_cache)
    room, rooms = _FIRST, []
    while room < max_length and any(map(_is_cache, nodes)):
        rooms.append(room)
        room *= 2
    return [*rooms, max_length]


def _with_room(carry: PyTree, steps: int) -> PyTree:
    return jax.tree.map(
        lambda node: node.with_room(steps) if _is_cache(node) else node, carry, is_leaf=_is_cache
    )


def _is_cache(node: Any) -> bool:
    return isinstance(node, Cache)
