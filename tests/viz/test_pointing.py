"""What a picture of an answer must show: every point, what was said, and what is right of it."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from attention_jax.errors import UserError
from attention_jax.viz.pointing import (
    ORDER,
    STEPS_DRAWN,
    TRIANGLES,
    Drawing,
    gallery,
    steps,
)
from attention_jax.viz.style import COLOURS, GRID

RIGHT, WRONG = (colour.lower() for colour in COLOURS[:2])
SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.4, 0.5]])


def drawn(figure):
    figure.draw_without_rendering()
    return figure


def lines(axes):
    """(start, end, colour) of every straight line of a collection."""
    return [
        (tuple(segment[0]), tuple(segment[1]), to_hex(collection.get_color()[0]))
        for collection in axes.collections
        if hasattr(collection, "get_segments")
        for segment in collection.get_segments()
    ]


def test_the_edges_of_a_ring_are_told_right_from_wrong():
    one = Drawing(SQUARE, [0, 1, 4, 2, 3], [0, 1, 2, 3])
    (axes,) = drawn(gallery([one])).axes
    found = {(start, end): colour for start, end, colour in lines(axes) if colour != GRID}
    corner = [tuple(point) for point in SQUARE]
    assert found == {
        (corner[0], corner[1]): RIGHT,
        (corner[1], corner[4]): WRONG,
        (corner[4], corner[2]): WRONG,
        (corner[2], corner[3]): RIGHT,
        (corner[3], corner[0]): RIGHT,
    }
    answer = {(start, end) for start, end, colour in lines(axes) if colour == GRID}
    assert answer == {(corner[a], corner[b]) for a, b in [(0, 1), (1, 2), (2, 3), (3, 0)]}


def test_a_ring_may_go_the_other_way_round_and_nothing_is_wrong_where_nobody_knows():
    backwards = Drawing(SQUARE, [3, 2, 1, 0], [0, 1, 2, 3])
    own = Drawing(SQUARE, [0, 2, 1])
    for axes in drawn(gallery([backwards, own])).axes:
        assert {colour for _, _, colour in lines(axes)} <= {RIGHT, GRID}


def test_triangles_are_told_right_from_wrong_whatever_their_order():
    answer = [(0, 1, 4), (1, 2, 4)]
    one = Drawing(SQUARE, [(1, 2, 4), (0, 2, 3)], answer, TRIANGLES)
    (axes,) = drawn(gallery([one])).axes
    assert [to_hex(patch.get_edgecolor()) for patch in axes.patches] == [RIGHT, WRONG]
    np.testing.assert_array_equal(axes.patches[0].get_xy()[:3], SQUARE[[1, 2, 4]])


def test_numbers_stand_as_bars_in_the_order_that_was_said():
    numbers = np.array([[0.5], [0.25], [1.0]])
    (axes,) = drawn(gallery([Drawing(numbers, [1, 2, 0], [1, 0, 2], ORDER)])).axes
    assert [bar.get_height() for bar in axes.patches] == [0.25, 1.0, 0.5]
    assert [to_hex(bar.get_facecolor()) for bar in axes.patches] == [RIGHT, WRONG, WRONG]


@pytest.mark.parametrize("count", [1, 6, 13])
def test_every_set_has_a_panel_and_nothing_is_cut_off(count):
    titles = [f"20 points, tour length 3.8{n:02} (3.79)" for n in range(count)]
    each = [Drawing(SQUARE, [0, 1, 2, 3], title=title) for title in titles]
    figure = drawn(gallery(each))
    assert [axes.get_title() for axes in figure.axes] == titles
    for axes in figure.axes:
        for box in (axes.get_window_extent(), axes.title.get_window_extent()):
            assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
            assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1


@pytest.mark.parametrize("kind", ["ring", TRIANGLES, ORDER])
def test_each_step_shows_every_weight_and_what_was_pointed_at(kind):
    points = SQUARE[:, :1] if kind == ORDER else SQUARE
    chosen = [2, 3, 5, 0]
    weights = np.random.default_rng(0).dirichlet(np.ones(6), size=4)
    figure = drawn(steps(Drawing(points, [], kind=kind, title="a set"), weights, chosen))
    assert len(figure.axes) == 4
    for step, axes in enumerate(figure.axes):
        elements, end, ring = axes.collections[-3:]
        np.testing.assert_allclose(elements.get_array(), weights[step, 1:])
        np.testing.assert_allclose(end.get_array(), weights[step, :1])
        assert np.all(np.diff(elements.get_sizes()[np.argsort(weights[step, 1:])]) > 0)
        places = np.concatenate([end.get_offsets(), elements.get_offsets()])
        np.testing.assert_allclose(ring.get_offsets()[0], places[chosen[step]])
        low, high = axes.get_ylim()
        assert low < places[:, 1].min() < places[:, 1].max() < high
    assert figure.axes[0].get_title() == "step 1: 1"
    assert figure.axes[3].get_title() == "step 4: end"


def test_what_was_said_before_a_step_is_drawn_in_it_and_no_more():
    weights = np.full((4, 6), 1 / 6)
    figure = steps(Drawing(SQUARE, []), weights, [1, 2, 3, 4])
    corner = [tuple(point) for point in SQUARE]
    said = [{(start, end) for start, end, _ in lines(axes)} for axes in figure.axes]
    path = [(corner[0], corner[1]), (corner[1], corner[2])]
    assert said == [set(), set(), set(path[:1]), set(path)]
    figure = steps(Drawing(SQUARE, [], kind=TRIANGLES), weights, [1, 2, 3, 1])
    assert [len(axes.patches) for axes in figure.axes] == [0, 0, 0, 1]


def test_of_many_steps_the_first_are_drawn_and_the_last_panel_says_so():
    count = STEPS_DRAWN + 3
    weights = np.full((count, 6), 1 / 6)
    figure = steps(Drawing(SQUARE, []), weights, [1] * count)
    assert len(figure.axes) == STEPS_DRAWN
    assert figure.axes[-1].get_title() == f"step {STEPS_DRAWN}: 0, 3 more not drawn"


def test_mistakes_are_told_in_one_sentence():
    with pytest.raises(UserError, match="there is no set to draw"):
        gallery([])
    with pytest.raises(UserError, match="kind 'star' is unknown"):
        gallery([Drawing(SQUARE, [0], kind="star")])
    with pytest.raises(UserError, match=r"2 steps over 5 elements .* not \(2, 5\)"):
        steps(Drawing(SQUARE, []), np.zeros((2, 5)), [1, 0])
