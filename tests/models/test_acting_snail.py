"""The acting SNAIL: no future, one step at a time the same, and a rule learned by heart."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from attention_jax.models.snail import ActingSNAIL

BATCH, TIME, ACTIONS, OBSERVED = 2, 9, 3, 2
MODEL = ActingSNAIL(ACTIONS, TIME, hidden=6, sizes=(4, 4, (5, 3)))
RNG = np.random.default_rng(0)
STEPS = {
    "observations": jnp.array(RNG.normal(size=(BATCH, TIME, OBSERVED)), jnp.float32),
    "actions": jnp.array(RNG.integers(ACTIONS, size=(BATCH, TIME))).at[:, 0].set(-1),
    "rewards": jnp.array(RNG.normal(size=(BATCH, TIME)), jnp.float32),
    "ends": jnp.array(RNG.integers(2, size=(BATCH, TIME)), bool),
}
OTHERS = {
    "observations": STEPS["observations"] + 1,
    "actions": (STEPS["actions"] + 1) % ACTIONS,
    "rewards": STEPS["rewards"] - 1,
    "ends": ~STEPS["ends"],
}


@pytest.fixture(scope="module")
def run(parameters):
    variables = parameters(MODEL, *STEPS.values())
    apply = jax.jit(partial(MODEL.apply, weights=True))
    return lambda **changed: apply(variables, *{**STEPS, **changed}.values())


@pytest.mark.parametrize("part", STEPS)
def test_what_is_told_later_never_changes_a_step(part, run):
    logits, values, _ = run()
    for time in range(1, TIME):
        changed = STEPS[part].at[:, time:].set(OTHERS[part][:, time:])
        other_logits, other_values, _ = run(**{part: changed})
        np.testing.assert_array_equal(other_logits[:, :time], logits[:, :time])
        np.testing.assert_array_equal(other_values[:, :time], values[:, :time])
        assert np.all(np.any(other_logits[:, time] != logits[:, time], axis=-1))


def test_acting_step_by_step_never_differs_from_running_all_steps(run, parameters):
    @jax.jit
    def stepped(variables, steps):
        def step(carry, now):
            *told, time = now
            carry, *found = MODEL.apply(variables, carry, *told, time, method="step")
            return carry, found

        carry = MODEL.apply(variables, BATCH, method="start")
        assert all(leaf.shape[0] == BATCH for leaf in jax.tree.leaves(carry))
        told = (part.swapaxes(0, 1) for part in steps)
        return jax.lax.scan(step, carry, (*told, jnp.arange(TIME)))[1]

    steps = tuple(STEPS.values())
    found = stepped(parameters(MODEL, *steps), steps)
    for one_by_one, at_once in zip(found, run(), strict=False):
        np.testing.assert_allclose(one_by_one.swapaxes(0, 1), at_once, atol=1e-5)


def test_weights_are_those_of_the_past_and_change_nothing(run, parameters):
    logits, values, weights = run()
    assert weights["attention"].shape == (BATCH, 1, TIME, TIME)
    assert not np.any(np.triu(weights["attention"], k=1))
    variables = parameters(MODEL, *STEPS.values())
    plain_logits, plain_values, none = jax.jit(MODEL.apply)(variables, *STEPS.values())
    assert none == {}
    np.testing.assert_allclose(plain_logits, logits, atol=1e-5)
    np.testing.assert_allclose(plain_values, values, atol=1e-5)


def test_a_bandit_shows_nothing_and_is_played_all_the_same():
    told = (jnp.zeros((BATCH, TIME, 0)), *tuple(STEPS.values())[1:])
    logits, values, _ = jax.eval_shape(lambda: MODEL.init_with_output(jax.random.key(0), *told)[0])
    assert logits.shape == (BATCH, TIME, ACTIONS)
    assert values.shape == (BATCH, TIME)


def test_bfloat16_never_strays_far_from_float32(run, parameters):
    half = MODEL.clone(dtype=jnp.bfloat16)
    found = jax.jit(half.apply)(parameters(MODEL, *STEPS.values()), *STEPS.values())
    for strayed, expected in zip(found[:2], run()[:2], strict=True):
        assert strayed.dtype == jnp.float32
        np.testing.assert_allclose(strayed, expected, atol=0.1)


GOLDEN = (2.7423, 1.3934)


def test_a_tiny_batch_is_learned_by_heart_from_the_golden_first_step(
    parameters, losses, assert_golden
):
    """The policy repeats the action before the last one; the value is the last reward's."""
    steps = tuple(STEPS.values())
    answers = jnp.roll(STEPS["actions"], 1, axis=1).at[:, :2].set(0)

    def loss(variables):
        logits, values, _ = MODEL.apply(variables, *steps)
        nats = optax.softmax_cross_entropy_with_integer_labels(logits, answers)
        return nats.mean() + jnp.square(values - STEPS["rewards"]).mean()

    curve = losses(loss, parameters(MODEL, *steps), steps=120)
    assert curve[-1] < 0.05, curve
    assert_golden(curve, GOLDEN)
