"""Caches that grow while a search goes on."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax.decoding.stages import in_stages


class Tape(NamedTuple):
    """Every step's number, and how much room there was when it was written."""

    numbers: jax.Array  # [rows, room]

    def with_room(self, steps):
        kept = self.numbers[:, :steps]
        return Tape(jnp.pad(kept, ((0, 0), (0, steps - kept.shape[1]))))


class State(NamedTuple):
    time: jax.Array
    carry: dict
    rooms: jax.Array  # [max_length], of the step


def body(now):
    tape = now.carry["tape"].numbers.at[:, now.time].set(now.time + 1)
    rooms = now.rooms.at[now.time].set(tape.shape[1])
    return State(now.time + 1, now.carry | {"tape": Tape(tape)}, rooms)


def run(max_length, last):
    carry = {"tape": Tape(jnp.zeros((2, max_length), jnp.int32)), "other": jnp.ones(3)}
    start = State(jnp.int32(0), carry, jnp.zeros(max_length, jnp.int32))
    return in_stages(lambda now: now.time < last, body, start, max_length)


@pytest.mark.parametrize("max_length", [1, 8, 9, 40])
def test_nothing_is_lost_where_a_cache_grows(max_length):
    end = run(max_length, max_length)
    assert end.time == max_length
    np.testing.assert_array_equal(end.carry["tape"].numbers[0], np.arange(max_length) + 1)
    np.testing.assert_array_equal(end.carry["other"], np.ones(3))


def test_a_step_has_room_for_twice_the_steps_so_far_at_most():
    rooms = np.asarray(run(40, 40).rooms)
    steps = np.arange(40) + 1
    assert (rooms >= steps).all()
    assert (rooms <= np.maximum(2 * steps, 8)).all()
    assert rooms[-1] == 40


def test_what_ends_early_stays_short_of_the_limit():
    end = run(40, 5)
    assert end.time == 5
    assert end.rooms.max() == 8


def test_without_a_cache_there_is_one_loop():
    def count(now):
        return State(now.time + 1, now.carry, now.rooms)

    start = State(jnp.int32(0), {"other": jnp.ones(3)}, jnp.zeros(1))
    text = jax.make_jaxpr(lambda now: in_stages(lambda now: True, count, now, 100))(start)
    assert str(text).count("while[") == 1
