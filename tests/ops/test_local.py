"""Luong's local attention against a loop over every position of the source."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_jax.ops import local

BATCH, QUERIES, KEYS, FEATURES = 2, 4, 9, 3
LENGTHS = np.array([9, 5])


def case(seed=0):
    rng = np.random.default_rng(seed)
    query = rng.normal(size=(BATCH, QUERIES, FEATURES)).astype(np.float32)
    keys = rng.normal(size=(BATCH, KEYS, FEATURES)).astype(np.float32)
    center = (rng.random((BATCH, QUERIES)) * LENGTHS[:, None]).astype(np.float32)
    return query, keys, center


@partial(jax.jit, static_argnums=(4, 5))
def attention(query, keys, center, lengths, radius, predictive):
    """Dot scores within the window, the context, and the weights on the whole source."""
    positions = local.window_positions(center, radius)
    mask = local.window_mask(positions, center, radius, lengths)
    near = local.gather_window(keys, positions)
    scores = jnp.einsum("...qf,...qwf->...qw", query, near)
    closeness = local.gaussian(positions, center, radius) if predictive else None
    context, weights = local.attend_window(scores, near, mask, closeness)
    return context, local.spread(weights, positions, keys.shape[-2])


def loop(query, keys, center, lengths, radius, predictive):
    context = np.zeros_like(query)
    weights = np.zeros((*query.shape[:2], keys.shape[1]), np.float32)
    for b in range(query.shape[0]):
        for q in range(query.shape[1]):
            inside = [s for s in range(lengths[b]) if abs(s - center[b, q]) <= radius]
            powers = {s: np.exp(query[b, q] @ keys[b, s]) for s in inside}
            for s in inside:
                weight = powers[s] / sum(powers.values())
                if predictive:
                    weight *= np.exp(-((s - center[b, q]) ** 2) / (2 * (radius / 2) ** 2))
                weights[b, q, s] = weight
                context[b, q] += weight * keys[b, s]
    return context, weights


@pytest.mark.parametrize("predictive", [False, True])
@pytest.mark.parametrize("radius", [1, 3, 20])
def test_local_attention_is_never_other_than_the_loop(radius, predictive):
    query, keys, center = case()
    expected = loop(query, keys, center, LENGTHS, radius, predictive)
    result = attention(
        jnp.array(query), jnp.array(keys), jnp.array(center), jnp.array(LENGTHS), radius, predictive
    )
    np.testing.assert_allclose(result[0], expected[0], atol=1e-5)
    np.testing.assert_allclose(result[1], expected[1], atol=1e-5)


def test_the_monotonic_window_stays_at_the_last_position_past_the_end():
    center = local.monotonic_center(jnp.array([[0, 3, 4, 99], [0, 3, 4, 99]]), jnp.array([9, 4]))
    np.testing.assert_array_equal(center, [[0, 3, 4, 8], [0, 3, 3, 3]])
    empty = local.monotonic_center(jnp.array([[0, 5]]), jnp.array([0]))
    np.testing.assert_array_equal(empty, [[0, 0]])


def test_the_predicted_centre_never_leaves_the_source():
    query, *_ = case()
    rng = np.random.default_rng(1)
    weight, v = rng.normal(size=(FEATURES, 5)), rng.normal(size=5)
    expected = LENGTHS[:, None] / (1 + np.exp(-np.tanh(query @ weight) @ v))
    arguments = (jnp.array(weight, jnp.float32), jnp.array(v, jnp.float32), jnp.array(LENGTHS))
    np.testing.assert_allclose(
        local.predictive_center(jnp.array(query), *arguments), expected, rtol=1e-5
    )
    far = local.predictive_center(jnp.array(1e4 * query), *arguments)
    assert np.all((far >= 0) & (far <= LENGTHS[:, None]))


def test_an_integer_centre_has_2d_plus_1_positions_and_a_real_one_2d():
    center = jnp.array([[4.0, 4.25]])
    positions = local.window_positions(center, 2)
    np.testing.assert_array_equal(positions, [[[2, 3, 4, 5, 6], [3, 4, 5, 6, 7]]])
    mask = local.window_mask(positions, center, 2, jnp.array([9]))
    np.testing.assert_array_equal(mask, [[[True] * 5, [True] * 4 + [False]]])


def test_windows_are_clipped_at_both_ends():
    center = jnp.array([[0.0, 8.0]])
    positions = local.window_positions(center, 2)
    mask = local.window_mask(positions, center, 2, jnp.array([9]))
    np.testing.assert_array_equal(
        mask, [[[False, False, True, True, True], [True, True, True, False, False]]]
    )


def test_the_gaussian_has_half_the_radius_as_its_width():
    positions = jnp.array([[[2, 3, 4, 5, 6]]])
    closeness = local.gaussian(positions, jnp.array([[4.0]]), 2)
    np.testing.assert_allclose(closeness[0, 0], np.exp([-2.0, -0.5, 0.0, -0.5, -2.0]), rtol=1e-6)


@given(st.integers(0, 2**16), st.booleans())
def test_rows_never_sum_to_more_than_one(seed, predictive):
    query, keys, center = map(jnp.array, case(seed))
    _, weights = attention(query, keys, center, jnp.array(LENGTHS), 2, predictive)
    sums = weights.sum(-1)
    assert np.all(sums <= 1 + 1e-6)
    if not predictive:
        np.testing.assert_allclose(sums, 1, atol=1e-6)


@given(st.integers(0, 2**16), st.sampled_from([0.0, 1e4]))
def test_padding_never_changes_the_context(seed, junk):
    query, keys, center = map(jnp.array, case(seed))
    lengths = jnp.array(LENGTHS)
    context, weights = attention(query, keys, center, lengths, 3, True)
    padded = jnp.where(jnp.arange(KEYS)[:, None] < lengths[:, None, None], keys, junk)
    longer = jnp.pad(padded, ((0, 0), (0, 4), (0, 0)), constant_values=junk)
    other, spread = attention(query, longer, center, lengths, 3, True)
    np.testing.assert_allclose(other, context, atol=1e-6)
    np.testing.assert_allclose(spread[..., :KEYS], weights, atol=1e-6)
    assert not np.any(spread[..., KEYS:])


def test_an_empty_source_reads_nothing_with_finite_gradients():
    query, keys, center = map(jnp.array, case())
    lengths = jnp.array([0, 5])

    def value(query, keys, center):
        return (attention(query, keys, center, lengths, 2, True)[0] ** 2).sum()

    assert not np.any(attention(query, keys, center, lengths, 2, True)[0][0])
    assert all(
        np.all(np.isfinite(g)) for g in jax.jit(jax.grad(value, (0, 1, 2)))(query, keys, center)
    )


def test_the_centre_learns_through_the_gaussian_alone():
    query, keys, center = map(jnp.array, case())

    def gradient(predictive):
        def value(center):
            return attention(query, keys, center, jnp.array(LENGTHS), 2, predictive)[0].sum()

        return jax.jit(jax.grad(value))(center)

    assert np.any(gradient(predictive=True))
    assert not np.any(gradient(predictive=False))


def test_the_cost_never_grows_with_the_source():
    def cost(keys):
        shapes = [
            jax.ShapeDtypeStruct(shape, dtype)
            for shape, dtype in (
                ((1, 8, 16), jnp.float32),
                ((1, keys, 16), jnp.float32),
                ((1, 8), jnp.float32),
                ((1,), jnp.int32),
            )
        ]

        def context(query, keys, center, lengths):
            return attention(query, keys, center, lengths, 2, True)[0]

        return jax.jit(context).lower(*shapes).compile().cost_analysis()["flops"]

    assert cost(1000) == cost(100)


def test_vmap_never_changes_local_attention():
    query, keys, center = map(jnp.array, case())
    lengths = jnp.array(LENGTHS)

    def whole(query, keys, center, lengths):
        return attention(query, keys, center, lengths, 2, True)

    mapped = jax.jit(jax.vmap(whole))(query, keys, center, lengths)
    for a, b in zip(mapped, whole(query, keys, center, lengths), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_bfloat16_never_strays_far_from_float32():
    query, keys, center = map(jnp.array, case())
    half = attention(
        query.astype(jnp.bfloat16), keys.astype(jnp.bfloat16), center, jnp.array(LENGTHS), 2, True
    )
    assert half[0].dtype == jnp.bfloat16
    whole = attention(query, keys, center, jnp.array(LENGTHS), 2, True)
    np.testing.assert_allclose(half[0].astype(jnp.float32), whole[0], atol=0.1)
