"""Masks, written out."""

import jax
import jax.numpy as jnp
import numpy as np

from attention_jax.ops import masks


def drawn(mask):
    """The matrix as one reads it: a row of 1 and . for each query."""
    return ["".join("1" if allowed else "." for allowed in row) for row in np.asarray(mask)]


def test_causal_never_sees_the_future():
    assert drawn(masks.causal(4, 4)) == ["1...", "11..", "111.", "1111"]


def test_the_last_causal_query_always_sees_the_last_key():
    assert drawn(masks.causal(2, 4)) == ["111.", "1111"]
    assert drawn(masks.causal(4, 2)) == ["..", "..", "1.", "11"]


def test_branches_never_see_one_another():
    assert drawn(masks.branches(4, 2)) == ["1111", "1111", "111.", "11.1"]
    assert masks.branches(4, 1).all()
    assert drawn(masks.causal(4, 4) & masks.branches(4, 2)) == ["1...", "11..", "111.", "11.1"]


def test_padding_is_never_attended():
    mask = masks.padding(jnp.array([3, 0, 4]), 4)
    assert mask.shape == (3, 1, 4)
    assert drawn(mask[:, 0]) == ["111.", "....", "1111"]


def test_window_is_clipped_at_both_ends():
    assert drawn(masks.window(jnp.array([0, 1, 4]), 1, 5)) == ["11...", "111..", "...11"]


def test_window_around_a_real_centre_holds_only_what_is_within_the_radius():
    assert drawn(masks.window(jnp.array([1.5, 2.25, 9.0]), 1, 5)) == [".11..", "..11.", "....."]


def test_masks_combine_over_the_batch():
    mask = masks.padding(jnp.array([2, 3]), 3) & masks.causal(3, 3)
    assert drawn(mask[0]) == ["1..", "11.", "11."]
    assert drawn(mask[1]) == ["1..", "11.", "111"]


def test_jit_and_vmap_never_change_a_mask():
    lengths, centers = jnp.array([[1, 2], [3, 0]]), jnp.array([[0.5, 2.0], [3.0, 9.0]])
    for function, argument in (
        (lambda x: masks.padding(x, 4), lengths),
        (lambda x: masks.window(x, 1, 4), centers),
    ):
        eager = function(argument)
        assert eager.dtype == bool
        np.testing.assert_array_equal(jax.jit(function)(argument), eager)
        np.testing.assert_array_equal(jax.vmap(function)(argument), eager)
