"""The diagonal: literal alignments, and what every one must keep to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_jax.baselines import diagonal


@pytest.mark.parametrize(
    ("source", "target", "links"),
    [
        (3, 3, {(0, 0), (1, 1), (2, 2)}),
        (2, 4, {(0, 0), (1, 1), (1, 2), (1, 3)}),
        (4, 2, {(0, 0), (2, 1)}),
        (5, 1, {(0, 0)}),
        (0, 2, set()),
        (2, 0, set()),
    ],
)
def test_the_diagonal_is_the_rounded_line(source, target, links):
    assert diagonal.align(source, target) == links


@given(st.integers(1, 60), st.integers(1, 60))
def test_every_target_word_has_one_link_inside_the_source_and_none_cross(source, target):
    links = sorted((j, i) for i, j in diagonal.align(source, target))
    assert [j for j, _ in links] == list(range(target))
    sources = [i for _, i in links]
    assert sources == sorted(sources)
    assert 0 <= sources[0] <= sources[-1] < source
