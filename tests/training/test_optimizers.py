"""Schedules follow their formulas; an optimiser sees clipped gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from attention_jax.errors import UserError
from attention_jax.training.optimizers import default_config, make_optimizer, make_schedule


def schedule(steps=100, rate=2.0, **plan):
    config = default_config()
    config.learning_rate = rate
    config.schedule.update(plan)
    return make_schedule(config, steps)


def test_the_transformer_schedule_is_vaswanis():
    warmup, width = 40, 512
    ours = schedule(rate=width**-0.5 * warmup**-0.5, name="transformer", warmup=warmup)
    for step in (0, 10, 39, 40, 1000):
        n = step + 1
        expected = width**-0.5 * min(n**-0.5, n * warmup**-1.5)
        np.testing.assert_allclose(ours(step), expected, rtol=1e-6)


def test_halving_begins_at_the_first_step_named_and_goes_on():
    ours = schedule(name="halving", first=10, every=5)
    assert [float(ours(step)) for step in (0, 9, 10, 14, 15, 20)] == [2, 2, 1, 1, 0.5, 0.25]


def test_the_cosine_ends_at_zero_after_its_warmup():
    ours = schedule(name="cosine", warmup=10)
    assert float(ours(0)) == 0
    np.testing.assert_allclose(ours(10), 2)
    np.testing.assert_allclose(ours(55), 1, rtol=1e-5)
    np.testing.assert_allclose(ours(100), 0, atol=1e-6)


@pytest.mark.parametrize(
    ("plan", "hint"),
    [
        ({"name": "linear"}, "choose constant, cosine, transformer or halving"),
        ({"name": "halving"}, "schedule.every is 0"),
        ({"name": "transformer"}, "schedule.warmup is 0"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(plan, hint):
    with pytest.raises(UserError, match=hint):
        schedule(**plan)


@pytest.mark.parametrize("name", ["adam", "sgd", "adadelta", "rmsprop"])
def test_every_optimizer_goes_downhill(name):
    config = default_config()
    config.update(name=name, learning_rate=0.1, eps=1e-6)
    optimizer = make_optimizer(config, 100)
    params = jnp.array([1.0, -2.0])
    state = optimizer.init(params)
    first = float(jnp.square(params).sum())
    for _ in range(20):
        updates, state = optimizer.update(2 * params, state, params)
        params = optax.apply_updates(params, updates)
    assert float(jnp.square(params).sum()) < first


def test_gradients_are_clipped_before_the_optimizer_sees_them():
    config = default_config()
    config.update(name="sgd", learning_rate=1.0, clip=1.0)
    optimizer = make_optimizer(config, 10)
    updates, _ = optimizer.update(jnp.array([30.0, 40.0]), optimizer.init(jnp.zeros(2)))
    np.testing.assert_allclose(updates, [-0.6, -0.8], rtol=1e-6)


def test_parameters_and_modules_may_have_a_rate_of_their_own():
    config = default_config()
    config.clip = 0.0
    config.rates = {"scorer": 0.5, "v": 0.1}
    optimizer = make_optimizer(config, 10)
    params = {"scorer": {"v": jnp.ones(2), "dense": {"kernel": jnp.ones(2)}}, "vs": jnp.ones(2)}
    # Adam's first step is as large as the rate, whatever the gradient.
    gradient = jax.tree.map(lambda _: jnp.array([5.0, -0.01]), params)
    updates, _ = optimizer.update(gradient, optimizer.init(params), params)
    np.testing.assert_allclose(updates["vs"], [-1e-3, 1e-3], rtol=1e-4)
    np.testing.assert_allclose(updates["scorer"]["dense"]["kernel"], [-5e-4, 5e-4], rtol=1e-4)
    np.testing.assert_allclose(updates["scorer"]["v"], [-1e-4, 1e-4], rtol=1e-4)


def test_an_unknown_optimizer_is_refused():
    config = default_config()
    config.name = "adamm"
    with pytest.raises(UserError, match="choose adam, sgd, adadelta or rmsprop"):
        make_optimizer(config, 10)


def test_elements_are_cut_off_before_the_norm_is_clipped():
    config = default_config()
    config.update(name="sgd", learning_rate=1.0, clip=0.0, clip_value=10.0)
    gradient = jnp.array([30.0, -40.0, 5.0])

    def update():
        optimizer = make_optimizer(config, 10)
        return optimizer.update(gradient, optimizer.init(jnp.zeros(3)))[0]

    np.testing.assert_allclose(update(), [-10, 10, -5])
    config.clip = 1.0
    np.testing.assert_allclose(update(), np.array([-10, 10, -5]) / 15, rtol=1e-6)


def test_centered_rmsprop_is_graves_2013():
    config = default_config()
    config.update(name="rmsprop", learning_rate=0.1, clip=0.0, eps=1e-4, momentum=0.9)
    config.centered = True
    optimizer = make_optimizer(config, 10)
    state = optimizer.init(jnp.zeros(()))
    square = mean = delta = 0.0
    for gradient in (0.5, -0.2, 0.3):
        square = 0.95 * square + 0.05 * gradient**2
        mean = 0.95 * mean + 0.05 * gradient
        delta = 0.9 * delta - 0.1 * gradient / np.sqrt(square - mean**2 + 1e-4)
        update, state = optimizer.update(jnp.asarray(gradient), state)
        np.testing.assert_allclose(update, delta, rtol=1e-5)
