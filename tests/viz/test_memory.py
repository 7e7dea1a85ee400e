"""What a picture of a tape must show: everything that happened, at its step and at its slot."""

import numpy as np
import pytest

from attention_jax.errors import UserError
from attention_jax.viz.memory import HEADS_DRAWN, addressing, tape

TIME, BITS, SLOTS, WORD = 9, 3, 5, 4
DICE = np.random.default_rng(0)


def values(*shape):
    return DICE.uniform(size=(TIME, *shape))


def draw(heads=1, **options):
    memory = {
        "adds": 2 * values(1, WORD) - 1,
        "erases": values(1, WORD),
        "write": values(1, SLOTS),
        "read": values(heads, SLOTS),
    }
    options = {"targets": values(BITS), **memory} | options
    figure = tape(values(BITS + 1), values(BITS), **options)
    figure.draw_without_rendering()
    return figure, options


def panels(figure):
    return {axes.get_ylabel(): axes for axes in figure.axes}


def test_all_that_happened_stands_in_its_panel_step_by_step():
    figure, given = draw()
    shown = panels(figure)
    names = ["inputs", "targets", "outputs", "adds", "erases", "write weights", "read weights"]
    assert list(shown) == names
    for label, name in [("adds", "adds"), ("write weights", "write"), ("read weights", "read")]:
        image = shown[label].images[0].get_array()
        # Steps go from left to right, slots from the top down.
        np.testing.assert_allclose(image, given[name][:, 0].T, rtol=1e-6)
    np.testing.assert_allclose(
        shown["targets"].images[0].get_array(), given["targets"].T, rtol=1e-6
    )
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    assert [axes.images[0].get_clim() for axes in figure.axes] == [
        *[(0, 1)] * 3,
        (-1, 1),
        *[(0, 1)] * 3,
    ]


def test_heads_stand_on_top_of_one_another_and_many_are_cut_with_a_word():
    figure, given = draw(heads=2)
    image = panels(figure)["read weights"].images[0].get_array()
    np.testing.assert_allclose(image[:SLOTS], given["read"][:, 0].T, rtol=1e-6)
    np.testing.assert_allclose(image[SLOTS:], given["read"][:, 1].T, rtol=1e-6)
    figure, _ = draw(heads=HEADS_DRAWN + 3)
    label = f"read weights\nheads 1–{HEADS_DRAWN} of {HEADS_DRAWN + 3}"
    assert panels(figure)[label].images[0].get_array().shape == (HEADS_DRAWN * SLOTS, TIME)


def test_a_model_without_memory_has_what_it_heard_and_said():
    figure = tape(values(BITS), values(BITS))
    assert list(panels(figure)) == ["inputs", "outputs"]


def test_what_was_not_asked_stays_blank():
    outputs = values(BITS)
    outputs[:4] = np.nan
    image = panels(tape(values(BITS), outputs))["outputs"].images[0].get_array()
    np.testing.assert_array_equal(np.ma.getmaskarray(image)[0], [True] * 4 + [False] * 5)


def test_a_negative_input_is_told_from_none():
    inputs = values(BITS)
    inputs[2, 1] = -0.5
    assert tape(inputs, values(BITS)).axes[0].images[0].get_clim() == (-1, 1)


@pytest.mark.parametrize("time", [2, 300])
def test_nothing_is_cut_off(time):
    many = np.zeros((time, 8, 30))
    figure = tape(np.zeros((time, 4)), np.zeros((time, 4)), read=many, title="A tape")
    figure.draw_without_rendering()
    page = figure.bbox
    for axes in figure.axes:
        for box in (axes.get_window_extent(), axes.yaxis.label.get_window_extent()):
            assert box.x0 >= page.x0
            assert box.x1 <= page.x1
            assert box.y0 >= page.y0
            assert box.y1 <= page.y1


def test_stages_stand_in_a_row_in_their_order():
    stages = {name: DICE.uniform(size=(2, SLOTS)) for name in ("content", "gated", "shifted")}
    figure = addressing(stages, ["read", "write"], "addressing at step 3")
    figure.draw_without_rendering()
    assert [axes.get_title() for axes in figure.axes[:3]] == list(stages)
    assert [axes.get_ylabel() for axes in figure.axes[::3]] == ["read", "write"]
    for number, axes in enumerate(figure.axes):
        (drawn,) = axes.patches
        name = list(stages)[number % 3]
        np.testing.assert_allclose(drawn.get_data().values, stages[name][number // 3], rtol=1e-6)
        assert drawn.get_data().edges[0] == -0.5
        assert axes.get_ylim() == (0, 1.05)


def test_mistakes_are_told_in_one_sentence():
    with pytest.raises(UserError, match="have one length, not"):
        tape(values(BITS), np.zeros((TIME + 1, BITS)))
    with pytest.raises(UserError, match="has 2 heads and 1 are named"):
        addressing({"content": np.zeros((2, SLOTS))}, ["read"])
