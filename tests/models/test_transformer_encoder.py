"""The encoder alone: every vector has seen every real token, and nothing else."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax.models.transformer_encoder import TransformerEncoder

MODEL = TransformerEncoder(9, features=8, heads=2, layers=2, feed_forward=12)
TOKENS = jnp.array([[3, 4, 5, 6], [7, 8, 0, 0]])
MASK = TOKENS != 0


@pytest.fixture(scope="module")
def encode(parameters):
    variables = parameters(MODEL, TOKENS, MASK)
    return jax.jit(partial(MODEL.apply, variables), static_argnames="weights")


def test_padding_is_never_read(encode):
    output, none = encode(TOKENS, MASK)
    assert none == {}
    junk, _ = encode(jnp.where(MASK, TOKENS, 6), MASK)
    np.testing.assert_array_equal(junk[MASK], output[MASK])
    alone, _ = encode(TOKENS[1:, :2], MASK[1:, :2])
    np.testing.assert_allclose(alone[0], output[1, :2], atol=1e-5)


def test_every_token_is_read_by_all_the_others(encode):
    output, _ = encode(TOKENS, MASK)
    for time in range(4):
        changed, _ = encode(TOKENS.at[0, time].set(2), MASK)
        assert np.all(np.any(changed[0] != output[0], axis=-1))


def test_asking_for_weights_never_changes_a_vector(encode):
    output, weights = encode(TOKENS, MASK, weights=True)
    np.testing.assert_allclose(output, encode(TOKENS, MASK)[0], atol=1e-5)
    assert weights["encoder"].shape == (2, 2, 2, 4, 4)
    assert not np.any(weights["encoder"][1, ..., 2:])


def test_bfloat16_never_strays_far_from_float32(encode, parameters):
    half = MODEL.clone(dtype=jnp.bfloat16)
    output, _ = jax.jit(half.apply)(parameters(MODEL, TOKENS, MASK), TOKENS, MASK)
    assert output.dtype == jnp.bfloat16
    np.testing.assert_allclose(
        output[MASK].astype(jnp.float32), encode(TOKENS, MASK)[0][MASK], atol=0.1
    )
