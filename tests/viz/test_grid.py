"""A picture of a grid: every number at its row, and nothing that was not measured."""

import math
from itertools import pairwise

import numpy as np
import pytest

from attention_jax.errors import UserError
from attention_jax.viz import grid_plot

BLEU = {"copying": {"general": 99.0, "location": 80.0}, "reversal": {"general": 98.0}}
AER = {"copying": {"general": 0.1, "location": 0.9}, "reversal": {"none": math.nan}}


def test_each_number_stands_in_its_row_and_panel():
    figure = grid_plot({"bleu": BLEU, "aer": AER}, title="test")
    figure.draw_without_rendering()
    bleu, aer = figure.axes
    assert [label.get_text() for label in bleu.get_yticklabels()] == ["general", "location", "none"]
    assert (bleu.get_title(loc="left"), aer.get_title(loc="left")) == ("bleu", "aer")
    copying, reversal = bleu.lines
    np.testing.assert_array_equal(copying.get_xdata(), [99, 80])
    np.testing.assert_array_equal(np.round(copying.get_ydata()), [0, 1])
    np.testing.assert_array_equal(reversal.get_xdata(), [98])
    assert aer.lines[1].get_xdata().size == 0  # what is no number is not drawn
    assert bleu.get_ylim()[0] > bleu.get_ylim()[1]  # the first row on top
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["copying", "reversal"]
    assert copying.get_marker() != reversal.get_marker()


def test_marks_of_one_row_never_hide_one_another():
    columns = {str(n): {"row": 1.0} for n in range(6)}
    heights = [line.get_ydata()[0] for line in grid_plot({"bleu": columns}).axes[0].lines]
    assert len(set(heights)) == 6
    assert max(map(abs, heights)) < 0.5


def test_one_column_needs_no_legend():
    assert not grid_plot({"bleu": {"": {"a": 1.0, "b": 2.0}}}).legends


@pytest.mark.parametrize("panels", [1, 3])
@pytest.mark.parametrize(("low", "high"), [(0.7147, 0.9079), (0, 1), (-0.01, 0.011), (1021, 1049)])
def test_numbers_below_a_panel_never_run_into_one_another(low, high, panels):
    table = {"": {"general": low, "scaled dot": high}}
    figure = grid_plot({str(n): table for n in range(panels)})
    figure.draw_without_rendering()
    for axes in figure.axes:
        left, right = axes.get_window_extent().intervalx
        boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
        seen = sorted((b.x0, b.x1) for b in boxes if left <= (b.x0 + b.x1) / 2 <= right)
        assert len(seen) >= 2
        assert all(other[0] - one[1] > 4 for one, other in pairwise(seen))  # pixels


def test_nothing_to_draw_is_told():
    with pytest.raises(UserError, match="a grid needs a number"):
        grid_plot({"bleu": {}})
