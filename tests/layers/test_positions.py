"""Positions, and the embeddings that they are added to."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax.errors import UserError
from attention_jax.layers.positions import (
    Learned,
    PlacedTokens,
    Sinusoidal,
    embed,
    make_positions,
    sinusoidal,
)

FEATURES = 4
TOKENS = jnp.array([[5, 6, 5], [7, 0, 1]])


def placed(kind="sinusoidal", max_length=3, dropout=0.0):
    return PlacedTokens(embed(8, FEATURES), make_positions(kind, FEATURES, max_length), dropout)


def test_the_sinusoids_are_those_of_the_paper():
    # sin p, cos p, sin(p / 100), cos(p / 100)
    expected = [
        [0.0, 1.0, 0.0, 1.0],
        [0.8414710, 0.5403023, 0.0099998, 0.9999500],
        [0.9092974, -0.4161468, 0.0199987, 0.9998000],
    ]
    np.testing.assert_allclose(Sinusoidal(4).apply({}, 3), expected, atol=1e-6)
    np.testing.assert_allclose(sinusoidal(jnp.array([[2]]), 4), [expected[2:]], atol=1e-6)


def test_far_positions_never_lose_their_place_to_rounding():
    positions = np.array([511, 1023, 4095])
    feature = np.arange(64)
    angles = positions[:, None] / 10_000.0 ** ((feature - feature % 2) / 64)
    expected = np.where(feature % 2 == 0, np.sin(angles), np.cos(angles))
    np.testing.assert_allclose(sinusoidal(jnp.array(positions), 64), expected, atol=5e-4)


@pytest.mark.parametrize("kind", ["sinusoidal", "learned"])
def test_one_step_never_differs_from_the_whole_sequence(kind, parameters):
    layer = placed(kind)
    variables = parameters(layer, TOKENS)
    whole = layer.apply(variables, TOKENS)
    for time in range(3):
        step = layer.apply(variables, TOKENS[:, time], jnp.int32(time), method="at")
        np.testing.assert_allclose(step, whole[:, time], atol=1e-6)


def test_the_embedding_is_scaled_before_the_position_is_added(parameters):
    layer = placed()
    variables = parameters(layer, TOKENS)
    table = variables["params"]["tokens"]["embedding"]
    expected = 2.0 * table[TOKENS] + sinusoidal(jnp.arange(3), FEATURES)
    np.testing.assert_allclose(layer.apply(variables, TOKENS), expected, atol=1e-6)


def test_tied_logits_are_products_with_the_embeddings(parameters):
    layer = placed()
    variables = parameters(layer, TOKENS)
    hidden = jnp.array([[0.5, -1.0, 2.0, 0.0]])
    expected = hidden @ variables["params"]["tokens"]["embedding"].T
    np.testing.assert_allclose(layer.apply(variables, hidden, method="logits"), expected, atol=1e-6)


def test_dropout_acts_on_the_sum_in_training_only(parameters):
    layer = placed(dropout=0.5)
    variables = parameters(layer, TOKENS)
    dropped = layer.apply(variables, TOKENS, train=True, rngs={"dropout": jax.random.key(0)})
    whole = layer.apply(variables, TOKENS)
    kept = dropped != 0
    assert 0 < kept.sum() < kept.size
    np.testing.assert_allclose(dropped[kept], 2 * whole[kept], atol=1e-6)


def test_a_sequence_longer_than_the_learned_positions_says_how_long_both_are():
    layer = placed("learned", max_length=2)
    with pytest.raises(UserError, match="needs 3 positions but 2 are learned: raise"):
        layer.init(jax.random.key(0), TOKENS)


def test_a_position_past_the_learned_ones_is_never_taken_for_another():
    layer = Learned(FEATURES, 2)
    variables = layer.init(jax.random.key(0), 2)
    assert np.all(np.isnan(layer.apply(variables, jnp.int32(2), method="at")))


def test_an_unknown_kind_of_positions_is_named():
    with pytest.raises(UserError, match="positions 'rotary' is unknown: choose sinusoidal or"):
        make_positions("rotary", FEATURES, 8)
