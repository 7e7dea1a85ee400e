"""The score of a given sequence is the one that training and searching give it."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from tests.decoding.toy import BOS, PAD, TOKENS, start, step, tables

from attention_jax.decoding import beam_search, score_tokens


def test_forced_score_is_never_other_than_minus_the_loss_of_training():
    logits = 3 * jax.random.normal(jax.random.key(0), (3, 4, 7))
    tokens = np.array([[5, 6, 2, PAD], [0, 2, PAD, PAD], [PAD, PAD, PAD, PAD]], np.int32)
    total, of_each = score_tokens(logits, jnp.asarray(tokens), PAD)
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, np.maximum(tokens, 0))
    losses = np.where(tokens == PAD, 0, losses)
    np.testing.assert_allclose(of_each, -losses, rtol=1e-5)
    np.testing.assert_allclose(total, -losses.sum(1), rtol=1e-5)


def test_forced_score_never_differs_from_what_the_search_said_of_the_sequence():
    table = tables(1)
    options = {"beams": 4, "n_best": 4, "alpha": 1.0, "max_length": 6, **TOKENS}
    found = jax.jit(lambda table: beam_search(step, table, start(6, 4, 6), **options))(table)
    tokens = np.asarray(found.tokens).reshape(24, 6)
    # The training face of the toy: all steps at once, from the tokens shifted right.
    last = np.concatenate([np.full((24, 1), BOS), tokens[:, :-1]], axis=1)
    before = np.concatenate([np.zeros((24, 1), int), last[:, :-1]], axis=1)
    logits = table[np.arange(24)[:, None] // 4, before, last]
    total, _ = score_tokens(logits, jnp.asarray(tokens), PAD)
    np.testing.assert_allclose(total, found.log_probs.reshape(-1), rtol=1e-5)
