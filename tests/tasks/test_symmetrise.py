"""Two alignments become one: which links stay, and which may join."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from attention_jax.tasks.symmetrise import grow_diagonal, intersection, union

LINKS = st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=8)


def test_a_neighbour_joins_where_one_of_its_words_is_free():
    forward = {(0, 0), (1, 1), (1, 2)}
    backward = {(0, 0), (1, 1), (3, 3)}
    # (1, 2) touches (1, 1), and target word 2 has no link; (3, 3) touches nothing until then.
    assert intersection(forward, backward) == {(0, 0), (1, 1)}
    assert union(forward, backward) == forward | backward
    assert grow_diagonal(forward, backward) == {(0, 0), (1, 1), (1, 2)}


def test_growth_goes_on_from_what_has_grown():
    forward = {(0, 0), (1, 1), (2, 2)}
    assert grow_diagonal(forward, {(0, 0)}) == forward


def test_a_link_between_two_words_that_have_links_never_joins():
    both = {(0, 0), (1, 1)}
    assert grow_diagonal(both | {(0, 1)}, both) == both


@given(LINKS, LINKS)
def test_growth_lies_between_intersection_and_union(forward, backward):
    grown = grow_diagonal(forward, backward)
    assert intersection(forward, backward) <= grown <= union(forward, backward)
    assert grown == grow_diagonal(backward, forward)


@pytest.mark.parametrize("way", [intersection, union, grow_diagonal])
def test_what_both_say_is_said(way):
    assert way({(0, 1), (2, 0)}, [(2, 0), (0, 1)]) == {(0, 1), (2, 0)}
    assert way(set(), set()) == set()
