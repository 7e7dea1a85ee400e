"""The split over devices never changes the result."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.training.toys import TOYS, ToyBatches, ToyReinforce

from attention_jax.errors import UserError
from attention_jax.tasks.protocol import Across, Aux, State, gradient_sums
from attention_jax.training.devices import Devices


def _train(task, parallel, count, steps=5):
    devices = Devices(parallel, count)
    state = devices.place(devices.create(task.init, jax.random.key(0), task.example()))
    update = devices.compile_update(task.update, state)
    losses = []
    for step in range(steps):
        batch = devices.put_training_batch(ToyBatches()[step])
        state, metrics = update(state, batch, jax.random.fold_in(jax.random.key(1), step))
        total, number = devices.view_metrics(metrics)["loss"]
        losses.append(float(total) / float(number))
    assert update.compilations == 1
    return jax.device_get(devices.view(state)), losses


@pytest.mark.parametrize("toy", TOYS)
def test_one_device_a_mesh_and_pmap_agree(toy):
    task = TOYS[toy]()
    alone, losses = _train(task, "jit", 1)
    for parallel in ("jit", "pmap"):
        state, others = _train(task, parallel, 8)
        np.testing.assert_allclose(others, losses, rtol=2e-5, atol=1e-6)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-6), state, alone
        )
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(alone))


def test_accumulated_parts_change_nothing():
    def loss(params, state, batch, rng, across):
        errors = jnp.square(batch["x"] @ params - 1) * batch["mask"]
        return errors.sum(), Aux(batch["mask"].sum(), {"seen": (errors.sum(), batch["mask"].sum())})

    state = State(jnp.int32(0), jnp.arange(3.0), ())
    arguments = (loss, state, ToyBatches()[1], jax.random.key(1), Across())
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5),
        gradient_sums(*arguments, accumulate=4),
        gradient_sums(*arguments),
    )


def test_a_batch_that_devices_do_not_divide_is_refused():
    with pytest.raises(UserError, match="multiple of 8"):
        Devices("jit", 8).check_batch_size(12)


def test_more_devices_than_there_are_is_refused():
    with pytest.raises(UserError, match="8 are here"):
        Devices("jit", 9)


def test_no_process_is_left_without_a_device(monkeypatch):
    everywhere = jax.devices()
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(
        jax, "local_devices", lambda process_index=0: everywhere[4 * process_index :][:4]
    )
    assert Devices("jit", 1).devices == [everywhere[0], everywhere[4]]


def test_an_unknown_way_to_parallelise_is_refused():
    with pytest.raises(UserError, match="'jit' or 'pmap'"):
        Devices("pmpa")


def test_a_state_survives_placing_and_viewing():
    state = ToyReinforce().init(jax.random.key(0), ToyBatches()[0])
    for parallel in ("jit", "pmap"):
        devices = Devices(parallel, 8)
        jax.tree.map(np.testing.assert_array_equal, devices.view(devices.place(state)), state)


def test_results_of_evaluation_are_readable_everywhere():
    devices = Devices("jit", 8)
    double = devices.compile(lambda batch: jnp.asarray(batch["x"]) * 2)
    batch = ToyBatches()[0]
    result = double(devices.put_batch(batch))
    assert result.sharding.is_fully_replicated
    np.testing.assert_array_equal(result, batch["x"] * 2)


def test_a_batch_that_devices_do_not_divide_is_still_evaluated():
    batch = {name: rows[:3] for name, rows in ToyBatches()[0].items()}
    placed = Devices("jit", 8).put_batch(batch)
    np.testing.assert_array_equal(placed["x"], batch["x"])
