"""What curves must show: every system or split, every value, and nothing that was not measured."""

import math

import numpy as np
import pytest

from attention_jax.errors import UserError
from attention_jax.viz import by_length, curves, length_curve

INF = math.inf
SEARCH = {(0, 10): 98.0, (10, 20): 97.0, (20, INF): 70.0}
FIXED = {(0, 10): 90.0, (20, INF): 5.0}


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_slices_by_length_come_from_metric_names_in_order():
    metrics = {"bleu/length_60_up": 3.0, "bleu/length_0_10": 1.0, "bleu/length_10_20": 2.0}
    metrics |= {"bleu": 9.0, "chrf/length_0_10": 8.0, "bleu/other": 7.0}
    found = by_length(metrics, "bleu")
    assert list(found.items()) == [((0, 10), 1.0), ((10, 20), 2.0), ((60, INF), 3.0)]


def test_each_system_has_its_values_at_its_buckets():
    figure = length_curve({"RNNsearch": SEARCH, "seq2seq": FIXED}, metric="BLEU", title="test")
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0–9", "10–19", "20+"]
    assert axes.get_ylabel() == "BLEU"
    assert axes.get_ylim()[0] == 0
    first, second = axes.lines
    np.testing.assert_array_equal(first.get_xydata(), [[0, 98], [1, 97], [2, 70]])
    np.testing.assert_array_equal(second.get_xydata(), [[0, 90], [2, 5]])
    assert legend(figure) == ["RNNsearch", "seq2seq"]
    assert figure.legends[0].get_title().get_text() == "test"
    # Told apart by colour and, without colour, by marker; the legend shows both.
    assert first.get_color() != second.get_color()
    assert first.get_marker() != second.get_marker()
    for line, handle in zip(axes.lines, figure.legends[0].legend_handles, strict=True):
        assert line.get_color() == handle.get_color()
        assert line.get_marker() == handle.get_marker()


@pytest.mark.parametrize(("longest", "shaded"), [(20, (1.5, 2.5)), (10, (0.5, 2.5))])
def test_lengths_beyond_training_are_shaded(longest, shaded):
    figure = length_curve({"RNNsearch": SEARCH}, metric="BLEU", longest_trained=longest)
    (area,) = figure.axes[0].patches
    assert (area.get_x(), area.get_x() + area.get_width()) == shaded


def test_nothing_is_shaded_when_training_saw_every_length():
    for longest in (None, 21):
        figure = length_curve({"RNNsearch": SEARCH}, metric="BLEU", longest_trained=longest)
        assert not figure.axes[0].patches


def test_legend_never_covers_a_curve():
    names = {f"a system with a long name, number {n}": SEARCH for n in range(6)}
    figure = length_curve(names, metric="BLEU")
    figure.draw_without_rendering()
    box, panel = figure.legends[0].get_window_extent(), figure.axes[0].get_window_extent()
    assert box.y0 >= panel.y1
    assert box.x1 <= figure.bbox.x1


ROWS = [
    {"step": 10, "split": "train", "loss": 3.0, "gradient_norm": 1.0},
    {"step": 20, "split": "train", "loss": 2.0, "gradient_norm": math.nan},
    {"step": 20, "split": "validation", "loss": 2.5, "bleu": 10.0, "bleu/length_0_10": 11.0},
    {"step": 30, "split": "train", "loss": 1.0, "gradient_norm": 0.5, "aer": math.nan},
]


def test_each_metric_has_a_panel_and_each_split_a_line():
    figure = curves(ROWS)
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes}
    # Slices stay out, and so does what never was a number.
    assert list(panels) == ["loss", "gradient_norm", "bleu"]
    train, validation = panels["loss"].lines
    np.testing.assert_array_equal(train.get_xydata(), [[10, 3], [20, 2], [30, 1]])
    np.testing.assert_array_equal(validation.get_xydata(), [[20, 2.5]])
    assert validation.get_color() == panels["bleu"].lines[0].get_color() != train.get_color()
    assert legend(figure) == ["train", "validation"]
    assert len({axes.get_xlim() for axes in figure.axes}) == 1


def test_what_is_not_a_number_leaves_a_gap():
    figure = curves(ROWS)
    np.testing.assert_array_equal(
        figure.axes[1].lines[0].get_xydata(), [[10, 1], [20, math.nan], [30, 0.5]]
    )


def test_a_single_point_is_seen():
    figure = curves(ROWS[:1])
    assert figure.axes[0].lines[0].get_markersize() > 0


def test_mistakes_are_told_in_one_sentence():
    with pytest.raises(UserError, match="no metrics to draw yet"):
        curves([])
    with pytest.raises(UserError, match="needs a value by length"):
        length_curve({"RNNsearch": {}}, metric="BLEU")
