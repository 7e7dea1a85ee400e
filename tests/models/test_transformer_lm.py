"""The language model: no future, and one step at a time the same."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax.decoding import greedy
from attention_jax.errors import UserError
from attention_jax.models.transformer_lm import TransformerLM

VOCAB, TIME = 9, 5
MODEL = TransformerLM(VOCAB, features=8, heads=2, layers=2, feed_forward=12)
INPUTS = jnp.array([[1, 4, 8, 3, 3], [1, 5, 2, 7, 6]])


@pytest.fixture(scope="module")
def run(parameters):
    variables = parameters(MODEL, INPUTS)
    return jax.jit(partial(MODEL.apply, variables), static_argnames="weights")


def test_future_tokens_never_leak(run):
    logits, none = run(INPUTS)
    assert none == {}
    for time in range(1, TIME):
        changed, _ = run(INPUTS.at[:, time:].set((INPUTS[:, time:] + 1) % VOCAB))
        np.testing.assert_array_equal(changed[:, :time], logits[:, :time])
        assert np.all(np.any(changed[:, time] != logits[:, time], axis=-1))


def test_asking_for_weights_never_changes_the_logits(run):
    logits, weights = run(INPUTS, weights=True)
    np.testing.assert_allclose(logits, run(INPUTS)[0], atol=1e-5)
    assert weights["decoder"].shape == (2, 2, 2, TIME, TIME)
    assert not np.any(np.triu(weights["decoder"], k=1))


@pytest.mark.parametrize("positions", ["sinusoidal", "learned"])
def test_stepping_never_differs_from_running_all_steps(positions, parameters):
    model = MODEL.clone(positions=positions, max_length=TIME)
    variables = parameters(model, INPUTS)

    @jax.jit
    def both(variables):
        def step(carry, now):
            return model.apply(variables, carry, *now, method="step")

        carry = model.apply(variables, 2, TIME, method="start")
        _, log_probs = jax.lax.scan(step, carry, (INPUTS.T, jnp.arange(TIME)))
        return log_probs.swapaxes(0, 1), model.apply(variables, INPUTS)[0]

    log_probs, logits = both(variables)
    np.testing.assert_allclose(log_probs, jax.nn.log_softmax(logits), atol=1e-5)


def test_it_speaks_through_the_decoders(run, parameters):
    variables = parameters(MODEL, INPUTS)

    @jax.jit
    def speak(variables):
        def step(_, *now):
            return *MODEL.apply(variables, *now, method="step"), {}

        carry = MODEL.apply(variables, 2, TIME, method="start")
        # No end: a token that is not in the vocabulary.
        return greedy(step, (), carry, max_length=TIME, bos=1, eos=VOCAB)

    said = speak(variables).tokens[:, 0]
    inputs = jnp.concatenate([jnp.ones((2, 1), said.dtype), said[:, :-1]], axis=1)
    np.testing.assert_array_equal(said, run(inputs)[0].argmax(-1))


def test_learned_positions_are_never_exceeded(parameters):
    model = MODEL.clone(positions="learned", max_length=TIME)
    with pytest.raises(UserError, match="6 positions but 5 are learned"):
        model.apply(parameters(model, INPUTS), 2, 6, method="start")


def test_bfloat16_never_strays_far_from_float32(run, parameters):
    half = MODEL.clone(dtype=jnp.bfloat16)
    logits, _ = jax.jit(half.apply)(parameters(MODEL, INPUTS), INPUTS)
    assert logits.dtype == jnp.float32
    np.testing.assert_allclose(logits, run(INPUTS)[0], atol=0.2)
