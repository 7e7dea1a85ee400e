"""What pictures of episodes must show: every image under its class, and which answers are wrong."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from attention_jax.errors import UserError
from attention_jax.viz.few_shot import QUERIES_DRAWN, Episode, accuracy_by_shot, page, reading
from attention_jax.viz.style import COLOURS

RIGHT, WRONG = (colour.lower() for colour in COLOURS[:2])
DICE = np.random.default_rng(0)


def episode(ways=3, shots=1, asked=4, blocks=2, known=True):
    """The grey of an image tells its class: label 0 is the brightest figure."""
    labels = DICE.permutation(np.arange(ways * shots) % ways)
    targets = DICE.permutation(np.arange(asked) % ways)
    said = targets.copy()
    said[0] = (said[0] + 1) % ways

    def images(of):
        shades = 255 - 10 * of[:, None, None, None]
        return np.broadcast_to(shades, (len(of), 4, 4, 1)).astype(np.uint8)

    weights = DICE.dirichlet(np.ones(ways * shots + 1), size=(blocks, asked))
    title = f"{ways} ways, {shots} shots: {asked - 1} of {asked} right"
    answers = targets if known else None
    return Episode(images(labels), labels, images(targets), said, answers, weights, title)


def drawn(figure):
    figure.draw_without_rendering()
    return figure


def placed(axes):
    """(column, row, class by its shade) of every image; paper is white, and nothing."""
    found = []
    for image in axes.images:
        left, right, below, top = image.get_extent()
        shades = image.get_array()[..., 0]
        wide, high = round(right - left), round(below - top)
        cell = len(shades) // high
        for row, column in np.ndindex(high, wide):
            shade = int(shades[row * cell + cell // 2, column * cell + cell // 2])
            found += [(left + column, top + row, shade // 10)] * (shade != 255)
    return found


def frames(axes):
    """(column, row) -> the colour of a verdict."""
    colours = {(p.get_x(), p.get_y()): to_hex(p.get_edgecolor()) for p in axes.patches}
    return {place: colour for place, colour in colours.items() if colour in (RIGHT, WRONG)}


def test_every_image_stands_under_its_class_and_every_query_has_its_verdict():
    one = episode()
    (axes,) = drawn(page([one])).axes
    assert len(placed(axes)) == 3 + 4
    assert all(column == of_class for column, _, of_class in placed(axes))
    verdicts = frames(axes)
    assert sorted(verdicts.values()) == sorted([RIGHT] * 3 + [WRONG])
    ((column, _),) = [place for place, colour in verdicts.items() if colour == WRONG]
    assert int(column) == one.targets[0]
    said = [t.get_text() for t in axes.texts if t.get_bbox_patch() is not None]
    assert said == [str(one.said[0] + 1)]


def test_where_nobody_knows_the_answer_a_query_stands_under_what_was_said_without_a_verdict():
    one = episode(known=False)
    (axes,) = drawn(page([one])).axes
    assert frames(axes) == {}
    columns = [column for column, row, _ in placed(axes) if row > 1.5]
    assert sorted(columns) == sorted(one.said)


@pytest.mark.parametrize(("ways", "shots", "count"), [(5, 1, 7), (20, 5, 2), (2, 9, 1)])
def test_nothing_is_cut_off_however_many_there_are(ways, shots, count):
    many = [episode(ways, shots, asked=2 * ways) for _ in range(count)]
    figures = [drawn(page(many)), drawn(reading(many[0]))]
    assert len(figures[0].axes) == count
    for figure in figures:
        for axes in figure.axes:
            box = axes.get_tightbbox()
            assert figure.bbox.x0 <= box.x0 < box.x1 <= figure.bbox.x1
            assert figure.bbox.y0 <= box.y0 < box.y1 <= figure.bbox.y1


def test_of_many_queries_of_a_class_the_first_are_drawn():
    (axes,) = drawn(page([episode(ways=2, asked=2 * QUERIES_DRAWN + 4)])).axes
    assert len(placed(axes)) == 2 + 2 * QUERIES_DRAWN


def test_each_block_shows_its_weights_class_by_class_and_the_share_of_the_right_one():
    one = episode(ways=3, shots=2, asked=5)
    figure = drawn(reading(one))
    assert len(figure.axes) == 2
    order, rows = (np.argsort(labels, kind="stable") for labels in (one.labels, one.targets))
    for axes, weights in zip(figure.axes, one.weights, strict=True):
        shown = axes.images[0].get_array()
        np.testing.assert_allclose(shown, weights[rows][:, [*order, 6]])
        right = one.labels == one.targets[:, None]
        share = (weights[:, :-1] * right).sum(-1).mean()
        assert f"{share:.2f} on the right class" in axes.get_title(loc="left")
        gold = [p for p in axes.patches if p.get_width() > 1]
        assert [int(p.get_x()) for p in gold] == [2 * n for n in one.targets[rows]]
    unknown = reading(episode(known=False))
    assert unknown.axes[0].get_title(loc="left") == "block 1 of 2"


def test_accuracy_stands_by_shot_with_its_interval_and_chance():
    curve = {1: (0.6, 0.05), 5: (0.9, 0.02), 3: (0.8, 0.03)}
    figure = drawn(accuracy_by_shot({"SNAIL": curve, "nearest": {1: (0.4, 0.1)}}, chance=0.2))
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "3", "5"]
    first, second = axes.containers
    np.testing.assert_allclose(np.float64(first[0].get_ydata()), [0.6, 0.8, 0.9])
    segments = first[2][0].get_segments()
    ends = [[0.55, 0.65], [0.77, 0.83], [0.88, 0.92]]
    np.testing.assert_allclose([segment[:, 1] for segment in segments], ends)
    np.testing.assert_allclose(np.float64(second[0].get_ydata()), [0.4])
    assert axes.lines[-1].get_ydata()[0] == 0.2


def test_mistakes_are_told_in_one_sentence():
    with pytest.raises(UserError, match="there is no episode to draw"):
        page([])
    one = episode()
    with pytest.raises(UserError, match=r"4 queries that read 3 images .* not None"):
        reading(one._replace(weights=None))
    with pytest.raises(UserError, match=r"not \(2, 4, 3\)"):
        reading(one._replace(weights=np.zeros((2, 4, 3))))
    with pytest.raises(UserError, match="evaluate first"):
        accuracy_by_shot({}, chance=0.2)
