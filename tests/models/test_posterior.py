"""Attention after the word: Bayes' rule, said once more with the stepping face."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax.models.britz import Britz
from attention_jax.models.ensemble import Ensemble
from attention_jax.models.luong import Luong
from attention_jax.models.rnnsearch import RNNsearch

BATCH, SOURCE_TIME, TARGET_TIME = 3, 6, 5
SIZES = {"source_vocab": 11, "target_vocab": 12, "embedding": 6, "hidden": 8}
LUONG = partial(Luong, **SIZES, layers=2, alignment=5, max_source=SOURCE_TIME)
MODELS = {
    "rnnsearch": RNNsearch(**SIZES, alignment=5, maxout=7),
    "britz": Britz(**SIZES, decoder_layers=2, attention_units=5),
    "luong": LUONG(dropout=0.3),
    "luong location": LUONG(score="location", input_feeding=False),
    "luong local": LUONG(score="additive", kind="local_m", radius=1),
    "luong local-p": LUONG(kind="local_p", radius=2),
}
LENGTHS = np.array([6, 3, 0])
MASK = jnp.arange(SOURCE_TIME) < LENGTHS[:, None]
RNG = np.random.default_rng(0)
SOURCE = jnp.array(RNG.integers(3, 11, (BATCH, SOURCE_TIME)))
INPUTS, TARGET = jnp.array(RNG.integers(3, 12, (2, BATCH, TARGET_TIME)))
PAIRS = SOURCE, MASK, INPUTS

every_model = pytest.mark.parametrize("name", MODELS)


@pytest.fixture(scope="module")
def run(parameters):
    """`run(name)`: posterior weights; the targets may be others."""

    def run(name, target=TARGET):
        model = MODELS[name]
        face = jax.jit(partial(model.apply, method="posterior"))
        return np.asarray(face(parameters(model, *PAIRS), SOURCE, MASK, INPUTS, target))

    return run


def bayes(model, variables):
    """Each step taken again with every annotation the same one, so that nothing else is read."""
    step = jax.jit(partial(model.apply, weights=True, method="step"))
    memory = jax.jit(partial(model.apply, method="encode"))(variables, SOURCE, MASK)
    carry = jax.jit(partial(model.apply, beams=1, method="start"))(variables, memory)
    rows = []
    for time in range(TARGET_TIME):
        said = INPUTS[:, time]
        likelihoods = np.zeros((BATCH, SOURCE_TIME))
        for place in range(SOURCE_TIME):
            alone = jnp.repeat(memory.annotations[:, place : place + 1], SOURCE_TIME, axis=1)
            _, log_probs, _ = step(variables, memory._replace(annotations=alone), carry, said, time)
            likelihoods[:, place] = np.exp(log_probs)[np.arange(BATCH), TARGET[:, time]]
        carry, _, found = step(variables, memory, carry, said, time)
        joint = np.asarray(found["cross"], np.float64) * likelihoods
        rows.append(joint / np.maximum(joint.sum(-1, keepdims=True), 1e-300))
    return np.stack(rows, axis=1)


@every_model
def test_posterior_is_never_other_than_bayes_rule_on_single_readings(name, run, parameters):
    expected = bayes(MODELS[name], parameters(MODELS[name], *PAIRS))
    np.testing.assert_allclose(run(name), expected, atol=1e-5)


@every_model
def test_rows_always_sum_to_one_over_real_words_or_are_zero(name, run):
    found = run(name)
    np.testing.assert_allclose(found.sum(-1), np.repeat(LENGTHS[:, None] > 0, 5, 1), atol=1e-5)
    assert not found[~np.repeat(MASK[:, None], TARGET_TIME, axis=1)].any()


@every_model
def test_a_later_word_never_changes_where_an_earlier_one_came_from(name, run):
    other = TARGET.at[:, -1].set((TARGET[:, -1] + 1) % 12)
    found, changed = run(name), run(name, target=other)
    np.testing.assert_array_equal(found[:, :-1], changed[:, :-1])
    assert np.abs(found[0, -1] - changed[0, -1]).max() > 1e-4


@every_model
def test_bfloat16_never_strays_far_from_float32(name, run, parameters):
    half = MODELS[name].clone(dtype=jnp.bfloat16)
    face = jax.jit(partial(half.apply, method="posterior"))
    found = face(parameters(MODELS[name], *PAIRS), SOURCE, MASK, INPUTS, TARGET)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, run(name), atol=0.1)


def test_an_ensemble_has_the_mean_of_its_members(run, parameters):
    members = [MODELS["rnnsearch"], MODELS["luong"]]
    params = {f"members_{n}": parameters(m, *PAIRS)["params"] for n, m in enumerate(members)}
    together = Ensemble(tuple(member.clone() for member in members))
    found = jax.jit(partial(together.apply, method="posterior"))({"params": params}, *PAIRS, TARGET)
    expected = (run("rnnsearch") + run("luong")) / 2
    np.testing.assert_allclose(found, expected, atol=1e-6)
