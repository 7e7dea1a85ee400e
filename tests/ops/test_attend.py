"""Attention as one function: context and weights; heads; the fused path."""

from functools import partial
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_jax.ops import attend as module
from attention_jax.ops import masks, scores
from attention_jax.ops.attend import attend, attend_fused, attend_heads, read

BATCH, QUERIES, KEYS, FEATURES = 2, 3, 5, 4


def case(seed=0, keys=KEYS):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(BATCH, QUERIES, keys)).astype(np.float32)
    values = rng.normal(size=(BATCH, keys, FEATURES)).astype(np.float32)
    return scores, values


attention = jax.jit(attend)


def test_the_context_is_never_other_than_the_loop():
    scores, values = case()
    context, weights = attention(scores, values)
    for b in range(BATCH):
        for q in range(QUERIES):
            powers = np.exp(scores[b, q])
            np.testing.assert_allclose(weights[b, q], powers / powers.sum(), rtol=1e-5)
            summed = sum(powers[k] / powers.sum() * values[b, k] for k in range(KEYS))
            np.testing.assert_allclose(context[b, q], summed, rtol=1e-4, atol=1e-6)


@given(st.integers(0, 2**16), st.integers(0, KEYS), st.sampled_from([0.0, 1e4, -1e4]))
def test_padding_never_changes_the_context(seed, length, junk):
    scores, values = case(seed)
    mask = np.arange(KEYS) < np.full((BATCH, 1, 1), length)
    context, weights = attention(scores, values, mask)
    padded = np.where(mask, scores, junk), np.where(mask.swapaxes(1, 2), values, junk)
    other = attention(*map(np.float32, padded), mask)
    np.testing.assert_array_equal(other[0], context)
    np.testing.assert_array_equal(other[1], weights)
    if length:
        cut = attention(scores[..., :length], values[:, :length], mask[..., :length])
        np.testing.assert_allclose(cut[0], context, atol=1e-5)


@given(st.integers(0, 2**16))
def test_the_batch_never_changes_an_example(seed):
    scores, values = case(seed)
    context, weights = attention(scores, values)
    for b in range(BATCH):
        alone = attention(scores[b : b + 1], values[b : b + 1])
        np.testing.assert_allclose(alone[0][0], context[b], atol=1e-6)
        np.testing.assert_allclose(alone[1][0], weights[b], atol=1e-6)


@jax.jit
@partial(jax.grad, argnums=(0, 1))
def slopes(scores, values, mask):
    return (attend(scores, values, mask)[0] ** 2).sum()


def test_a_fully_masked_query_reads_nothing_with_finite_gradients():
    scores, values = case()
    mask = np.ones(scores.shape, bool)
    mask[1, 2] = False
    context, weights = attention(scores, values, mask)
    assert not np.any(context[1, 2])
    assert not np.any(weights[1, 2])
    gradients = slopes(scores, values, mask)
    assert all(np.all(np.isfinite(g)) for g in gradients)


def test_gradients_are_never_infinite_for_scores_of_ten_thousand():
    scores, values = case()
    gradients = slopes(1e4 * scores, values, masks.causal(QUERIES, KEYS))
    assert all(np.all(np.isfinite(g)) for g in gradients)


@pytest.mark.parametrize("mask", [None, masks.causal(QUERIES, KEYS)])
def test_jit_and_vmap_never_change_attention(mask):
    scores, values = map(jnp.array, case())
    eager = attend(scores, values, mask)
    for other in (
        jax.jit(attend)(scores, values, mask),
        jax.vmap(attend, in_axes=(0, 0, None))(scores, values, mask),
    ):
        np.testing.assert_allclose(other[0], eager[0], atol=1e-6)
        np.testing.assert_allclose(other[1], eager[1], atol=1e-6)


def test_bfloat16_values_never_stray_far_and_weights_stay_float32():
    scores, values = case()
    context, weights = attention(scores.astype(jnp.bfloat16), values.astype(jnp.bfloat16))
    assert (context.dtype, weights.dtype) == (jnp.bfloat16, jnp.float32)
    np.testing.assert_allclose(context.astype(jnp.float32), attention(scores, values)[0], atol=0.05)


def test_reading_with_one_weight_gives_that_value():
    _, values = map(jnp.array, case())
    weights = jnp.zeros((BATCH, 1, KEYS)).at[:, :, 3].set(1)
    np.testing.assert_array_equal(read(weights, values)[:, 0], values[:, 3])


HEADS, HEAD_DIM = 2, 4


def heads_case(queries=QUERIES, keys=KEYS, seed=0, dtype=jnp.float32):
    rng = np.random.default_rng(seed)
    shapes = [(BATCH, time, HEADS, HEAD_DIM) for time in (queries, keys, keys)]
    return [jnp.array(rng.normal(size=shape), dtype) for shape in shapes]


# The second query of the second example may read nothing.
HOLES = np.ones((BATCH, QUERIES, KEYS), bool)
HOLES[0, :, 3:] = HOLES[1, 1] = False
MASKS = {"none": None, "padding": jnp.array(HOLES[:, :1]), "holes": jnp.array(HOLES)}

fused = jax.jit(attend_fused, static_argnames="causal")
by_heads = jax.jit(attend_heads, static_argnames="causal")


@pytest.mark.parametrize("mask", MASKS)
def test_heads_never_mix(mask):
    query, keys, values = heads_case()
    context, weights = by_heads(query, keys, values, MASKS[mask])
    for head in range(HEADS):
        q, k, v = (x[:, :, head] for x in (query, keys, values))
        expected = attend(scores.scaled_dot(q, k), v, MASKS[mask])
        np.testing.assert_allclose(context[:, :, head], expected[0], atol=1e-6)
        np.testing.assert_allclose(weights[:, head], expected[1], atol=1e-6)


@pytest.mark.parametrize("mask", MASKS)
def test_the_fused_path_never_differs_from_the_plain_one(mask):
    arrays = heads_case()
    expected, _ = by_heads(*arrays, MASKS[mask])
    np.testing.assert_allclose(fused(*arrays, MASKS[mask]), expected, atol=1e-6)


@pytest.mark.parametrize("mask", [None, masks.padding(jnp.array([3, 0]), KEYS)])
def test_the_future_is_never_read_on_either_path(mask):
    query, keys, values = heads_case(queries=KEYS)
    past = masks.causal(KEYS, KEYS)[None]
    expected, _ = by_heads(query, keys, values, past if mask is None else past & mask)
    for path in (fused, lambda *arrays, **options: by_heads(*arrays, **options)[0]):
        context = path(query, keys, values, mask, causal=True)
        np.testing.assert_allclose(context, expected, atol=1e-6)
        later = [x.at[:, 2:].add(9.0) for x in (keys, values)]
        changed = path(query, *later, mask, causal=True)
        np.testing.assert_array_equal(changed[:, :2], context[:, :2])


def test_a_fully_masked_query_reads_nothing_from_the_fused_path_with_finite_gradients():
    arrays = heads_case()
    assert not np.any(fused(*arrays, HOLES)[1, 1])

    @jax.jit
    @partial(jax.grad, argnums=(0, 1, 2))
    def slope(*arrays):
        return (attend_fused(*arrays, jnp.array(HOLES)) ** 2).sum()

    gradients = slope(*arrays)
    assert all(np.all(np.isfinite(g)) for g in gradients)
    assert not np.any(gradients[0][1, 1])


def test_the_fused_path_in_bfloat16_never_strays_far():
    context = fused(*heads_case(dtype=jnp.bfloat16), HOLES)
    assert context.dtype == jnp.bfloat16
    np.testing.assert_allclose(context.astype(jnp.float32), fused(*heads_case(), HOLES), atol=0.05)


@pytest.mark.parametrize(
    ("capability", "dtype", "head_dim", "kernel"),
    [
        ("9.0", jnp.bfloat16, 64, "cudnn"),
        ("9.0", jnp.float32, 64, None),
        ("9.0", jnp.bfloat16, 4, None),
        ("9.0", jnp.bfloat16, 256, None),
        ("7.5", jnp.bfloat16, 64, None),
        ("gfx90a", jnp.bfloat16, 64, None),
    ],
)
def test_the_flash_kernel_is_never_given_what_it_cannot_take(
    capability, dtype, head_dim, kernel, monkeypatch
):
    x, odd = (jnp.zeros((1, time, 2, head_dim), dtype) for time in (16, 15))
    mask = jnp.ones((1, 16, 15), bool)
    device = SimpleNamespace(compute_capability=capability)
    monkeypatch.setattr(jax, "devices", lambda: [device])
    assert module._implementation(x, odd, None) == kernel
    assert module._implementation(x, odd, mask) is None
