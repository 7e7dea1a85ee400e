"""What a picture of a caption must show: each word over its map, the truth, and what was read."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from attention_jax.errors import UserError
from attention_jax.viz.captions import Look, looks
from attention_jax.viz.style import COLOURS

TRUE, LOOKED = (colour.lower() for colour in COLOURS[:2])
IMAGE = np.zeros((40, 40, 1), np.uint8)
IMAGE[:20, :20] = 255  # Ink in the upper left quarter.
WORDS = ("two", "left", "of", "seven")
MAPS = np.random.default_rng(0).dirichlet(np.ones(6), size=4).reshape(4, 2, 3)
BOXES = [np.array([[0.0, 0.0, 0.5, 0.5]]), np.zeros((0, 4)), np.zeros((0, 4)), np.ones((1, 4)) / 2]


def drawn(*of):
    figure = looks(of)
    figure.draw_without_rendering()
    return figure


def frames(axes, colour):
    """(left, top, width, height) of each frame of a colour."""
    found = [p for p in axes.patches if to_hex(p.get_edgecolor()) == colour]
    return [(p.get_x(), p.get_y(), p.get_width(), p.get_height()) for p in found]


def canvas(axes):
    (image,) = axes.images
    return image.get_array()


def test_every_word_stands_over_a_panel_and_only_what_names_something_has_a_frame():
    (axes,) = drawn(Look(IMAGE, WORDS, MAPS, "soft", boxes=BOXES)).axes
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["soft", *WORDS]
    first, last = frames(axes, TRUE)
    assert first[2] == pytest.approx(0.5)
    assert last[2] == pytest.approx(0)
    assert frames(axes, LOOKED) == []
    whole = frames(axes, "#dddddd")
    assert len(whole) == 5
    np.testing.assert_allclose(np.subtract(first, whole[1])[:2], 0, atol=1e-9)


def test_the_stronger_a_weight_the_further_from_paper_its_cell():
    maps = np.zeros((1, 2, 2))
    maps[0] = [[0, 0], [0.25, 0.75]]
    (axes,) = drawn(Look(np.zeros((8, 8, 1), np.uint8), ("here",), maps)).axes
    left, top, wide, high = frames(axes, "#dddddd")[1]
    picture = canvas(axes)
    scale = picture.shape[1] / axes.get_xlim()[1]

    def at(y, x):
        return picture[int((top + y * high) * scale), int((left + x * wide) * scale)].astype(int)

    assert at(0.25, 0.25).tolist() == [255, 255, 255]
    blue = [at(y, x)[2] for y, x in ((0.25, 0.75), (0.75, 0.25), (0.75, 0.75))]
    assert blue[0] > blue[1] > blue[2]
    assert at(0.75, 0.75)[0] > at(0.75, 0.75)[2]


def test_ink_is_drawn_dark_and_colours_as_they_are():
    coloured = np.broadcast_to(np.array([10, 200, 30], np.uint8), (8, 8, 3))
    for image, shade in ((IMAGE, [0, 0, 0]), (coloured, [10, 200, 30])):
        (axes,) = drawn(Look(image, ("a",), MAPS[:1])).axes
        left, top, wide, high = frames(axes, "#dddddd")[0]
        scale = canvas(axes).shape[1] / axes.get_xlim()[1]
        y, x = int((top + 0.25 * high) * scale), int((left + 0.25 * wide) * scale)
        assert canvas(axes)[y, x].tolist() == shade


def test_what_hard_attention_read_is_the_cell_that_is_framed():
    (axes,) = drawn(Look(IMAGE, WORDS, MAPS, read=[0, 1, 5, 3])).axes
    panels = frames(axes, "#dddddd")[1:]
    for (left, top, wide, high), panel, cell in zip(
        frames(axes, LOOKED), panels, [0, 1, 5, 3], strict=True
    ):
        row, column = divmod(cell, 3)
        assert left - panel[0] == pytest.approx(column / 3)
        assert top - panel[1] == pytest.approx(row / 2)
        assert (wide, high) == (pytest.approx(1 / 3), pytest.approx(1 / 2))


def test_captions_stand_below_one_another_and_long_ones_take_more_lines():
    words = [*WORDS, *WORDS, *WORDS]
    maps = np.ones((len(words), 6, 24)) / 144
    wide = np.zeros((48, 192, 3), np.uint8)
    figure = drawn(Look(IMAGE, WORDS, MAPS), Look(wide, words, maps), Look(None, WORDS, MAPS))
    boxes = [axes.get_position() for axes in figure.axes]
    assert boxes[0].y0 >= boxes[1].y1 - 1e-9
    assert boxes[1].y0 >= boxes[2].y1 - 1e-9
    assert max(box.x1 for box in boxes) <= 1 + 1e-9
    assert len(frames(figure.axes[1], "#dddddd")) == len(words) + 1
    assert figure.get_figwidth() < 10


def test_what_cannot_be_drawn_is_one_sentence():
    with pytest.raises(UserError, match="no caption to draw"):
        looks([])
    with pytest.raises(UserError, match=r"3 words need a map .* not maps of shape \(4, 2, 3\)"):
        looks([Look(IMAGE, WORDS[:3], MAPS)])
