"""What maps side by side must show: every map under its title, centres and windows in place."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from attention_jax.errors import UserError
from attention_jax.viz import head_maps, maps_beside

QUERIES, KEYS = ["b", "a", "</s>"], ["a", "b", "c", "</s>"]


def attention(queries=QUERIES, gold=None, seed=0):
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(KEYS)), len(queries))
    return SimpleNamespace(queries=queries, keys=KEYS, weights=weights, gold=gold)


def panels(figure):
    figure.draw_without_rendering()
    return {axes.get_title(): axes for axes in figure.axes if axes.axison}


def test_no_map_is_lost_and_none_stands_under_anothers_title():
    maps = {f"score {n}": attention(seed=n) for n in range(6)}
    drawn = panels(maps_beside(maps))
    assert list(drawn) == list(maps)
    for title, axes in drawn.items():
        np.testing.assert_array_equal(axes.images[0].get_array(), maps[title].weights)
        assert axes.images[0].get_clim() == (0, 1)


def test_tokens_are_labelled_at_the_edges_of_the_page():
    drawn = list(panels(maps_beside({str(n): attention() for n in range(5)}, columns=4)).values())
    across = [[label.get_text() for label in axes.get_xticklabels()] for axes in drawn]
    down = [[label.get_text() for label in axes.get_yticklabels()] for axes in drawn]
    assert across[:4] == [KEYS] * 4
    assert down[0] == down[4] == QUERIES
    assert not any(across[4] + down[1] + down[3])


def test_gold_centres_and_windows_stand_at_their_query():
    maps = {"local-p": attention(gold=[(0, 1)]), "global": attention()}
    figure = maps_beside(maps, centers={"local-p": [1.0, 0.2, 3.0]}, radius=1)
    axes = panels(figure)["local-p"]
    gold, *windows = (patch for patch in axes.patches if isinstance(patch, Rectangle))
    assert gold.get_xy() == pytest.approx((0.55, -0.45))
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines] == [
        (1.0, 0),
        (0.2, 1),
        (3.0, 2),
    ]
    # Whole keys, and none before the source's first or behind its last.
    edges = [(box.get_x(), box.get_x() + box.get_width()) for box in windows]
    np.testing.assert_allclose(edges, [(-0.5, 2.5), (-0.5, 1.5), (1.5, 3.5)])
    assert not panels(figure)["global"].lines


def test_a_centre_at_the_very_end_never_moves_the_matrix():
    figure = maps_beside({"local-p": attention()}, centers={"local-p": [0.0, 2.0, 3.9]}, radius=1)
    assert panels(figure)["local-p"].get_xlim() == (-0.5, len(KEYS) - 0.5)


def test_different_sentences_are_refused():
    with pytest.raises(UserError, match="same queries and keys"):
        maps_beside({"one": attention(), "two": attention(queries=["b", "</s>"])})
    with pytest.raises(UserError, match="at least one"):
        maps_beside({})


def test_every_layer_and_head_has_its_map():
    weights = np.random.default_rng(0).random((2, 3, len(QUERIES), len(KEYS)), np.float32)
    drawn = panels(head_maps(weights, QUERIES, KEYS, title="target to source"))
    assert len(drawn) == 6
    shown = drawn["layer 2, head 3"].images[0].get_array()
    np.testing.assert_array_equal(shown, weights[1, 2])
    with pytest.raises(UserError, match="cut the padding off"):
        head_maps(weights, QUERIES[:2], KEYS)
