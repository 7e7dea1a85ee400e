"""WaveNet against the paper's equations in loops, and what it never does."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from attention_jax.decoding import greedy, sample
from attention_jax.models.wavenet import WaveNet

LEVELS, BATCH, TIME, DEPTH, CYCLES = 7, 2, 20, 3, 2
MODEL = WaveNet(LEVELS, features=4, skip_features=5, depth=DEPTH, cycles=CYCLES)
SAMPLES = np.random.default_rng(0).integers(LEVELS, size=(BATCH, TIME))
INPUTS = jnp.array(np.concatenate([np.full((BATCH, 1), LEVELS), SAMPLES[:, :-1]], axis=1))


@pytest.fixture(scope="module")
def run(parameters):
    apply = jax.jit(MODEL.apply)
    return lambda inputs=INPUTS: apply(parameters(MODEL, INPUTS), inputs)[0]


def dense(p, x):
    return x @ p["kernel"] + p["bias"]


def convolved(p, x, dilation):
    past = np.concatenate([np.zeros((dilation, x.shape[1])), x])[: len(x)]
    return past @ p["kernel"][0] + x @ p["kernel"][1] + p["bias"]


def paper(p, inputs):
    """Scores of one sequence."""
    x, skips = convolved(p["first"], p["embed"]["embedding"][inputs], 1), 0.0
    for number in range(DEPTH * CYCLES):
        layer = p[f"layers_{number}"]
        filtered, opening = np.split(
            convolved(layer["gated"]["both"], x, 2 ** (number % DEPTH)), 2, axis=-1
        )
        ways = dense(layer["ways"], np.tanh(filtered) / (1 + np.exp(-opening)))
        x, skips = x + ways[:, :4], skips + ways[:, 4:]
    return dense(p["logits"], np.maximum(dense(p["hidden"], np.maximum(skips, 0)), 0))


def test_scores_never_differ_from_the_papers_equations(run, parameters):
    p = jax.tree.map(np.asarray, parameters(MODEL, INPUTS)["params"])
    logits = run()
    for row in range(BATCH):
        expected = paper(p, np.asarray(INPUTS[row]))
        np.testing.assert_allclose(logits[row], expected, atol=1e-3)


def test_later_samples_never_leak(run):
    logits = run()
    for time in range(1, TIME):
        changed = run(INPUTS.at[:, time:].set((INPUTS[:, time:] + 1) % LEVELS))
        np.testing.assert_array_equal(changed[:, :time], logits[:, :time])
        assert np.all(np.any(changed[:, time] != logits[:, time], axis=-1))


def test_scores_depend_on_the_receptive_field_and_on_no_earlier_sample(run):
    assert MODEL.receptive_field == 16
    last, logits = TIME - 1, run()
    for back, seen in ((15, True), (16, False)):
        changed = run(INPUTS.at[:, last - back].set((INPUTS[:, last - back] + 1) % LEVELS))
        assert np.all(np.any(changed[:, last] != logits[:, last], axis=-1) == seen)


def test_by_default_dilations_double_to_512_and_begin_again():
    model = WaveNet(cycles=2)
    start = partial(model.init_with_output, jax.random.key(0), 1, method="start")
    shapes, _ = jax.eval_shape(start)
    assert [ring.shape[1] for ring in shapes.layers] == 2 * [2**i for i in range(10)]
    assert WaveNet().receptive_field == 3071


def test_stepping_never_differs_from_running_all_samples(run, parameters):
    @jax.jit
    def stepped(variables, inputs):
        def step(carry, now):
            return MODEL.apply(variables, carry, *now, method="step")

        carry = MODEL.apply(variables, BATCH, method="start")
        return jax.lax.scan(step, carry, (inputs.T, jnp.arange(TIME)))[1]

    log_probs = stepped(parameters(MODEL, INPUTS), INPUTS)
    np.testing.assert_allclose(log_probs.swapaxes(0, 1), jax.nn.log_softmax(run()), atol=1e-4)


def test_what_is_drawn_in_one_loop_has_the_probability_that_all_steps_give_it(run, parameters):
    @jax.jit
    def speak(variables):
        def step(_, *now):
            return *MODEL.apply(variables, *now, method="step"), {}

        carry = MODEL.apply(variables, BATCH, method="start")
        # No end: a level that does not exist.
        ends = {"max_length": TIME, "bos": LEVELS, "eos": LEVELS}
        keys = jax.random.split(jax.random.key(1), BATCH)
        return sample(step, (), carry, keys, **ends), greedy(step, (), carry, **ends)

    for number, said in enumerate(speak(parameters(MODEL, INPUTS))):
        levels = said.tokens[:, 0]
        assert np.all(said.lengths == TIME)
        first = jnp.full((BATCH, 1), LEVELS)
        logits = run(jnp.concatenate([first, levels[:, :-1]], axis=1))
        chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), levels[..., None], axis=-1)
        np.testing.assert_allclose(said.log_probs[:, 0], chosen.sum((1, 2)), rtol=1e-4)
        if number == 1:
            np.testing.assert_array_equal(levels, logits.argmax(-1))


def test_bfloat16_never_strays_far_from_float32(run, parameters):
    half = MODEL.clone(dtype=jnp.bfloat16)
    logits, _ = jax.jit(half.apply)(parameters(MODEL, INPUTS), INPUTS)
    assert logits.dtype == jnp.float32
    np.testing.assert_allclose(logits, run(), atol=0.05 * np.abs(run()).max())


GOLDEN = (1.9740, 1.9431)


def test_a_tiny_batch_is_learned_by_heart_from_the_golden_first_step(
    parameters, losses, assert_golden
):
    def loss(variables):
        logits, _ = MODEL.apply(variables, INPUTS)
        return optax.softmax_cross_entropy_with_integer_labels(logits, SAMPLES).mean()

    curve = losses(loss, parameters(MODEL, INPUTS), steps=300, learning_rate=0.02)
    assert curve[-1] < 0.1, curve
    assert_golden(curve, GOLDEN)
