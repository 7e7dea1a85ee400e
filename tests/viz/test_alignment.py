"""What an alignment map must show: every token at its row or column, every gold link outlined."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from attention_jax.errors import UserError
from attention_jax.viz import alignment_map, draw_map
from attention_jax.viz.style import COLOURS, drawable, shorten

SOURCE = ["Sunday", ",", "November", "22"]
TARGET = ["dimanche", "22", "novembre"]


def weights(target, source):
    return np.random.default_rng(0).dirichlet(np.ones(source), target)


def draw(source=SOURCE, target=TARGET, **options):
    figure = alignment_map(weights(len(target), len(source)), source, target, **options)
    figure.draw_without_rendering()
    return figure


def texts(labels):
    return [label.get_text() for label in labels]


def boxes(figure):
    return [
        patch
        for patch in figure.axes[0].patches
        if isinstance(patch, Rectangle) and to_hex(patch.get_edgecolor()) == COLOURS[1].lower()
    ]


def test_source_stands_across_the_top_and_target_down_the_side():
    figure = draw()
    axes = figure.axes[0]
    assert texts(axes.get_xticklabels()) == SOURCE
    assert texts(axes.get_yticklabels()) == TARGET
    assert axes.xaxis.get_ticks_position() == "top"
    assert axes.get_ylim() == (2.5, -0.5)  # the first target token is the highest row
    image = axes.images[0]
    np.testing.assert_allclose(image.get_array(), weights(3, 4), rtol=1e-6)
    assert image.get_clim() == (0, 1)


@pytest.mark.parametrize(("target", "source"), [(1, 1), (3, 40), (40, 3), (60, 60)])
def test_cells_are_square_and_nothing_is_cut_off(target, source):
    words = ["the", "twenty-three", "$5", "characteristically-long-words"]
    figure = draw(
        [words[n % 4] for n in range(source)],
        [words[n % 3] for n in range(target)],
        title="A title",
    )
    axes = figure.axes[0]
    area = axes.get_window_extent()
    assert area.width / source == pytest.approx(area.height / target)
    # Large enough to read: seven points at least, and lines of text that do not touch.
    size = axes.get_yticklabels()[0].get_fontsize()
    assert size >= 7
    assert area.height / target / figure.dpi * 72 >= 1.3 * size
    page = figure.bbox
    for text in [*axes.get_xticklabels(), *axes.get_yticklabels(), *figure.texts]:
        extent = text.get_window_extent()
        assert extent.x0 >= page.x0
        assert extent.y0 >= page.y0
        assert extent.x1 <= page.x1
        assert extent.y1 <= page.y1
    title = figure.texts[0].get_window_extent()
    assert not any(title.overlaps(label.get_window_extent()) for label in axes.get_xticklabels())


def test_each_gold_link_is_outlined_once_at_its_source_and_target():
    figure = draw(gold=[(0, 0), (3, 1), (2, 2), (3, 1)])
    places = {
        tuple(np.round(np.add(box.get_xy(), box.get_width() / 2)).astype(int))
        for box in boxes(figure)
    }
    assert len(boxes(figure)) == 3
    assert places == {(0, 0), (3, 1), (2, 2)}  # x is the source, y the target
    assert not any(box.get_fill() for box in boxes(figure))
    assert "outlined: gold alignment" in texts(figure.texts)


def test_attention_as_data_is_drawn_with_its_links_the_right_way_round():
    links = [(0, 0), (1, 3), (2, 2)]  # (query, key)
    attention = SimpleNamespace(queries=TARGET, keys=SOURCE, weights=weights(3, 4), gold=links)
    figure = draw_map(attention, "A title")
    assert texts(figure.axes[0].get_xticklabels()) == SOURCE
    assert {tuple(np.round(np.add(box.get_xy(), 0.43)).astype(int)) for box in boxes(figure)} == {
        (key, query) for query, key in links
    }
    attention.gold = None
    assert boxes(draw_map(attention)) == []


def test_without_gold_nothing_is_outlined_and_nothing_speaks_of_it():
    figure = draw()
    assert boxes(figure) == []
    assert not any("gold" in text for text in texts(figure.texts))


def test_dollar_signs_are_never_read_as_mathematics():
    figure = draw(["$", "x^2", "$"], ["$5_a$"], title="$5 and $6")
    assert texts(figure.axes[0].get_yticklabels()) == ["$5_a$"]
    labels = [*figure.axes[0].get_xticklabels(), *figure.axes[0].get_yticklabels()]
    assert not any(text.get_parse_math() for text in [*labels, figure.texts[0]])


def test_tokens_of_any_script_are_drawn_without_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        draw(["Κυριακή", "воскресенье", "الأحد", "יום"], ["日曜日", "일요일", "▁été", "\U0010fffd"])


def test_what_no_font_has_is_said_once_and_boxed(monkeypatch, caplog):
    monkeypatch.setattr("matplotlib.font_manager.fontManager.ttflist", [])
    with caplog.at_level(logging.WARNING):
        # Two Deseret letters, unlikely to have been asked for by another test.
        assert drawable("a\U00010400\U00010401") == "a□□"
        assert drawable("b\U00010400\U00010401") == "b□□"
    assert caplog.text.count("no installed font can draw \U00010400 \U00010401") == 1


def test_look_alike_stands_for_a_compatibility_character_that_no_font_has(monkeypatch):
    monkeypatch.setattr("matplotlib.font_manager.fontManager.ttflist", [])
    assert drawable("\uffed,") == "■,"


def test_labels_stay_short_and_visible():
    assert shorten("twenty-three") == "twenty-three"
    assert shorten("antidisestablishmentarianism") == "antidisest…tarianism"
    assert len(shorten("x" * 10_000)) == 20
    assert shorten(" \t") == "␣␣"
    assert shorten("a\u200bb\x00") == "ab"


def test_mistakes_are_told_in_one_sentence():
    with pytest.raises(
        UserError, match=r"3 target and 4 source tokens needs weights of that shape"
    ):
        alignment_map(weights(4, 4), SOURCE, TARGET)
    with pytest.raises(UserError, match="at least 1 x 1"):
        alignment_map(np.zeros((0, 4)), SOURCE, [])
    with pytest.raises(UserError, match=r"gold link \(0, 3\) lies outside 4 source and 3 target"):
        draw(gold=[(0, 3)])
