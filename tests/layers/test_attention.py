"""The kinds of attention around a scorer."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax.errors import UserError
from attention_jax.layers.attention import (
    Attention,
    HardAttention,
    LocalAttention,
    make_attention,
)
from attention_jax.layers.scorers import SCORERS, Additive, Dot, General, ScaledDot
from attention_jax.ops import scores
from attention_jax.ops.attend import attend

BATCH, QUERIES, KEYS, FEATURES = 3, 4, 7, 4
RNG = np.random.default_rng(0)
QUERY = jnp.array(RNG.normal(size=(BATCH, QUERIES, FEATURES)), jnp.float32)
SOURCE = jnp.array(RNG.normal(size=(BATCH, KEYS, FEATURES)), jnp.float32)
LENGTHS = np.array([7, 2, 0])
MASK = jnp.arange(KEYS) < jnp.array(LENGTHS)[:, None, None]
TIMES = jnp.arange(QUERIES)
DRAWS = jax.random.split(jax.random.key(0), BATCH)
SIZES = {"query_features": FEATURES, "alignment": 5, "max_source": 9, "radius": 2}
KINDS = {kind: set(SCORERS) - {"location"} for kind in ("local_m", "local_p")}
KINDS |= {kind: set(SCORERS) for kind in ("global", "hard")}


def whole(attention, query, source, mask, time=0, draws=None):
    return attention(query, source, attention.project_keys(source), mask, time, draws)


@pytest.fixture(scope="module")
def asked(parameters):
    """`asked(attention)`: the layer as a function of its arrays, with its parameters."""

    def asked(attention):
        params = parameters(attention, QUERY, SOURCE, MASK, method=whole)
        return partial(attention.apply, params, method=whole)

    return asked


def test_the_global_layer_is_score_then_attend():
    context, weights, center = Attention(ScaledDot()).apply({}, QUERY, SOURCE, SOURCE, MASK)
    expected = attend(scores.scaled_dot(QUERY, SOURCE), SOURCE, MASK)
    np.testing.assert_allclose(context, expected[0], atol=1e-6)
    np.testing.assert_allclose(weights, expected[1], atol=1e-6)
    assert center is None


def test_padding_and_other_queries_never_change_a_context(asked):
    apply = jax.jit(asked(Attention(Additive(6))))
    context, weights, _ = apply(QUERY, SOURCE, MASK)
    junk = np.where(np.swapaxes(MASK, 1, 2), SOURCE, np.float32(1e3))
    np.testing.assert_allclose(apply(QUERY, junk, MASK).context, context, atol=1e-6)
    alone = apply(QUERY[:, 1:2], SOURCE, MASK)
    np.testing.assert_allclose(alone.context[:, 0], context[:, 1], atol=1e-6)
    np.testing.assert_allclose(alone.weights[:, 0], weights[:, 1], atol=1e-6)


def test_hard_attention_reads_one_value_whole(asked):
    _, soft, _ = jax.jit(asked(Attention(General(FEATURES))))(QUERY, SOURCE, MASK)
    apply = jax.jit(asked(HardAttention(General(FEATURES))))
    for draws in (None, DRAWS):
        context, weights, _ = apply(QUERY, SOURCE, MASK, TIMES, draws)
        assert not np.any(weights[2])
        assert not np.any(context[2])
        for row in np.ndindex(2, QUERIES):
            (chosen,) = np.flatnonzero(weights[row])
            assert weights[row][chosen] == 1
            assert chosen < LENGTHS[row[0]]
            np.testing.assert_array_equal(context[row], SOURCE[row[0], chosen])
            assert draws is not None or chosen == np.argmax(soft[row])


def local_loop(params, predictive, radius):
    """General scores, position by position."""
    weight = params["scorer"]["bilinear"]["kernel"].T
    context = np.zeros((BATCH, QUERIES, FEATURES))
    weights, centers = np.zeros((BATCH, QUERIES, KEYS)), np.zeros((BATCH, QUERIES))
    for b, t in np.ndindex(BATCH, QUERIES):
        center = max(min(t, LENGTHS[b] - 1), 0)
        if predictive:
            hidden = np.tanh(QUERY[b, t] @ params["center_weight"])
            center = LENGTHS[b] / (1 + np.exp(-hidden @ params["center_v"]))
        inside = [s for s in range(LENGTHS[b]) if abs(s - center) <= radius]
        powers = {s: np.exp(QUERY[b, t] @ weight @ SOURCE[b, s]) for s in inside}
        for s in inside:
            share = powers[s] / sum(powers.values())
            if predictive:
                share *= np.exp(-((s - center) ** 2) / (2 * (radius / 2) ** 2))
            weights[b, t, s] = share
            context[b, t] += share * SOURCE[b, s]
        centers[b, t] = center
    return context, weights, centers


@pytest.mark.parametrize("predictive", [False, True])
def test_local_attention_is_never_other_than_the_loop(predictive, asked):
    attention = LocalAttention(General(FEATURES), 2, predictive)
    apply = asked(attention)
    expected = local_loop(apply.args[0]["params"], predictive, 2)
    for found, right in zip(jax.jit(apply)(QUERY, SOURCE, MASK, TIMES), expected, strict=True):
        np.testing.assert_allclose(found, right, atol=1e-5)


@pytest.mark.parametrize("predictive", [False, True])
def test_no_key_outside_the_window_is_ever_read(predictive, asked):
    apply = jax.jit(asked(LocalAttention(General(FEATURES), 1, predictive)))
    length = 40
    source = jnp.array(np.random.default_rng(1).normal(size=(1, length, FEATURES)), jnp.float32)
    mask = jnp.ones((1, 1, length), bool)
    for time in (0, 20, 99):
        found = apply(QUERY[:1, :1], source, mask, jnp.int32(time))
        distance = np.abs(np.arange(length) - found.center[0, 0])
        # What was gathered and does not count may be large, what was not may be anything.
        junk = np.where(distance[:, None] > 1, np.float32(1e4), source)
        junk = np.where(distance[:, None] > 2, np.nan, junk)
        for one, other in zip(
            found, apply(QUERY[:1, :1], junk, mask, jnp.int32(time)), strict=True
        ):
            np.testing.assert_array_equal(one, other)
        assert np.any(found.context)


@pytest.mark.parametrize("predictive", [False, True])
def test_the_cost_of_a_window_never_grows_with_the_source(predictive):
    attention = LocalAttention(Dot(), 2, predictive)

    def flops(keys):
        query, source = jnp.ones((1, 8, 64)), jnp.ones((1, keys, 64))
        params = jax.eval_shape(attention.init, jax.random.key(0), query, source, source)

        def context(params, query, source):
            return attention.apply(params, query, source, source).context

        compiled = jax.jit(context).lower(params, query, source).compile()
        return compiled.cost_analysis()["flops"]

    assert flops(512) == flops(64)


@pytest.mark.parametrize("kind", KINDS)
def test_all_steps_at_once_never_differ_from_one_at_a_time(kind, asked):
    layers = {score: asked(make_attention(kind, score, **SIZES)) for score in sorted(KINDS[kind])}
    draws = DRAWS if kind == "hard" else None

    @jax.jit
    def both_ways(query, times):
        def one(apply, query, time):
            found = apply(query[:, None], SOURCE, MASK, time, draws)
            return jax.tree.map(lambda x: x[:, 0], found)

        def both(apply):
            stepped = jax.vmap(partial(one, apply), in_axes=(1, 0), out_axes=1)
            return apply(query, SOURCE, MASK, times, draws), stepped(query, times)

        return {score: both(apply) for score, apply in layers.items()}

    for at_once, stepped in both_ways(QUERY, TIMES).values():
        for one, other in zip(jax.tree.leaves(at_once), jax.tree.leaves(stepped), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)
        assert not np.any(at_once.context[2])
        assert (at_once.center is not None) == kind.startswith("local")


@pytest.mark.parametrize("kind", ["hard", "local_p"])
def test_the_batch_never_changes_an_example(kind, asked):
    apply = jax.jit(asked(make_attention(kind, "additive", **SIZES)))
    together = apply(QUERY, SOURCE, MASK, TIMES, DRAWS)
    alone = apply(QUERY[1:2], SOURCE[1:2], MASK[1:2], TIMES, DRAWS[1:2])
    np.testing.assert_allclose(alone.context[0], together.context[1], atol=1e-6)
    np.testing.assert_allclose(alone.weights[0], together.weights[1], atol=1e-6)


@pytest.mark.parametrize("kind", ["hard", "local_m", "local_p"])
def test_an_empty_source_never_gives_a_gradient_that_is_not_finite(kind, parameters):
    attention = make_attention(kind, "general", **SIZES)
    params = parameters(attention, QUERY, SOURCE, MASK, method=whole)

    @jax.jit
    @jax.grad
    def gradient(params, query, source):
        found = attention.apply(params, query, source, MASK, TIMES, DRAWS, method=whole)
        return (found.context**2).sum()

    for leaf in jax.tree.leaves(gradient(params, QUERY, SOURCE)):
        assert np.all(np.isfinite(leaf))
        # Where to look is learned in each: through the Gaussian, or as if the weights were soft.
        assert np.any(leaf)


@pytest.mark.parametrize(
    ("kind", "score", "radius", "message"),
    [
        ("soft", "dot", 2, "kind 'soft' is unknown: choose global, hard, local_m or local_p"),
        ("global", "concat", 2, "score 'concat' is unknown: choose .*additive"),
        ("local_p", "location", 2, "location attention knows whole sources, not windows"),
        ("local_m", "dot", 0, "radius 0 leaves no window to read: choose at least 1"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(kind, score, radius, message):
    with pytest.raises(UserError, match=message):
        make_attention(kind, score, **{**SIZES, "radius": radius})
