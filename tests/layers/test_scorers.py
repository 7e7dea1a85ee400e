"""Scorers: two phases that never differ from the score function."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax.errors import UserError
from attention_jax.layers.scorers import (
    SCORERS,
    Additive,
    Cosine,
    Dot,
    General,
    Location,
    Multiplicative,
    ScaledDot,
    make_scorer,
)
from attention_jax.ops import scores

BATCH, QUERIES, KEYS, QUERY, KEY = 2, 3, 5, 4, 6
RNG = np.random.default_rng(0)
QUERIES_ARRAY = jnp.array(RNG.normal(size=(BATCH, QUERIES, QUERY)), jnp.float32)
WIDE_KEYS = jnp.array(RNG.normal(size=(BATCH, KEYS, KEY)), jnp.float32)
KEYS_ARRAY = WIDE_KEYS[..., :QUERY]


def both_phases(scorer, query, keys):
    return scorer(query, scorer.project_keys(keys))


@pytest.fixture
def scored(parameters):
    """`scored(scorer, query, keys)`: the scores, and the parameters they were made with."""

    def scored(scorer, query, keys, params=None):
        if params is None:
            params = parameters(scorer, query, keys, method=both_phases)
        apply = jax.jit(lambda params: scorer.apply(params, query, keys, method=both_phases))
        return apply(params), params.get("params", {})

    return scored


@pytest.mark.parametrize(
    ("scorer", "score"),
    [(Dot(), scores.dot), (ScaledDot(), scores.scaled_dot), (Cosine(), scores.cosine)],
)
def test_scorers_without_parameters_are_their_score(scorer, score, scored):
    result, params = scored(scorer, QUERIES_ARRAY, KEYS_ARRAY)
    assert not params
    np.testing.assert_allclose(result, score(QUERIES_ARRAY, KEYS_ARRAY), atol=1e-6)


def test_general_is_its_score(scored):
    result, params = scored(General(QUERY), QUERIES_ARRAY, WIDE_KEYS)
    weight = params["bilinear"]["kernel"].T
    np.testing.assert_allclose(result, scores.general(QUERIES_ARRAY, WIDE_KEYS, weight), atol=1e-5)


def test_scaled_general_multiplies_by_a_gain_that_starts_at_one(scored):
    fresh = General(QUERY, scaled=True).init(
        jax.random.key(0), QUERIES_ARRAY, WIDE_KEYS, method=both_phases
    )
    assert fresh["params"]["gain"] == 1
    result, params = scored(General(QUERY, scaled=True), QUERIES_ARRAY, WIDE_KEYS)
    plain = scores.general(QUERIES_ARRAY, WIDE_KEYS, params["bilinear"]["kernel"].T)
    np.testing.assert_allclose(result, params["gain"] * plain, atol=1e-5)


def test_additive_is_its_score(scored):
    result, params = scored(Additive(7), QUERIES_ARRAY, WIDE_KEYS)
    query = QUERIES_ARRAY @ params["query_projection"]["kernel"]
    keys = WIDE_KEYS @ params["key_projection"]["kernel"]
    np.testing.assert_allclose(result, scores.additive(query, keys, params["v"]), atol=1e-5)


def test_normed_additive_never_feels_the_length_of_v(scored):
    scorer = Additive(7, normed=True)
    result, params = scored(scorer, QUERIES_ARRAY, WIDE_KEYS)
    query = QUERIES_ARRAY @ params["query_projection"]["kernel"]
    keys = WIDE_KEYS @ params["key_projection"]["kernel"] + params["key_projection"]["bias"]
    v = params["gain"] * params["v"] / np.linalg.norm(params["v"])
    np.testing.assert_allclose(result, scores.additive(query, keys, v), atol=1e-5)
    longer = {"params": {**params, "v": 5 * params["v"]}}
    again, _ = scored(scorer, QUERIES_ARRAY, WIDE_KEYS, longer)
    np.testing.assert_allclose(again, result, atol=1e-5)


def test_multiplicative_is_a_dot_of_two_projections(scored):
    result, params = scored(Multiplicative(7), QUERIES_ARRAY, WIDE_KEYS)
    query = QUERIES_ARRAY @ params["query_projection"]["kernel"]
    keys = WIDE_KEYS @ params["key_projection"]["kernel"]
    np.testing.assert_allclose(result, scores.dot(query, keys), atol=1e-5)


def test_location_is_its_score(scored):
    result, params = scored(Location(8), QUERIES_ARRAY, WIDE_KEYS)
    np.testing.assert_allclose(
        result, scores.location(QUERIES_ARRAY, params["weight"], KEYS), atol=1e-5
    )


def test_location_tells_what_to_do_with_too_long_a_source(scored):
    with pytest.raises(
        UserError,
        match=r"source has 5 tokens but location attention was built for 4: "
        r"raise config\.model\.max_source or shorten the source",
    ):
        scored(Location(4), QUERIES_ARRAY, WIDE_KEYS)


@pytest.mark.parametrize(
    "scorer", [Dot(), ScaledDot(), Cosine(), General(KEY)], ids=lambda s: type(s).__name__
)
def test_widths_that_do_not_fit_are_named(scorer, scored):
    with pytest.raises(UserError, match=rf"{type(scorer).__name__} .*{QUERY}"):
        scored(scorer, QUERIES_ARRAY, WIDE_KEYS)


@pytest.mark.parametrize(
    "make", [General, lambda n, dtype: Additive(n, True, dtype=dtype)], ids=["general", "additive"]
)
def test_bfloat16_products_give_float32_scores_near_the_exact_ones(make, scored):
    exact, params = scored(make(QUERY, dtype=jnp.float32), QUERIES_ARRAY, WIDE_KEYS)
    half, _ = scored(make(QUERY, dtype=jnp.bfloat16), QUERIES_ARRAY, WIDE_KEYS, {"params": params})
    assert half.dtype == jnp.float32
    np.testing.assert_allclose(half, exact, atol=0.15)


def test_the_table_of_scores_has_the_six_of_the_family():
    assert set(SCORERS) == {"cosine", "additive", "location", "general", "dot", "scaled_dot"}


@pytest.mark.parametrize("score", SCORERS)
def test_a_name_of_the_table_always_makes_its_scorer(score):
    made = make_scorer(score, query_features=3, alignment=5, max_source=7)
    sizes = {"general": 3, "additive": 5, "location": 7}
    assert type(made) is SCORERS[score]
    if score in sizes:
        assert sizes[score] in (getattr(made, "features", 0), getattr(made, "max_source", 0))


def test_an_unknown_score_is_answered_with_the_table():
    with pytest.raises(UserError, match="score 'concat' is unknown: choose cosine, additive, "):
        make_scorer("concat", query_features=3, alignment=5, max_source=7)
