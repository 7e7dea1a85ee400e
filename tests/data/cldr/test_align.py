"""Words inside names and patterns: they must belong to what they mean, not to where they stand."""

import pytest

from attention_jax.data.cldr import align
from attention_jax.data.cldr.pieces import UnfitPatternError, form, name


def said(piece):
    """The links as words: "South~Sud"."""
    return " ".join(f"{piece.source[s]}~{piece.target[t]}" for s, t in sorted(piece.links))


@pytest.mark.parametrize(
    ("source", "target", "links"),
    [
        ("Spain", "Espagne", "Spain~Espagne"),
        ("South Korea", "Corée du Sud", "South~du South~Sud Korea~Corée"),
        ("United States", "États-Unis", "United~États-Unis States~États-Unis"),
        ("Havana", "La Havane", "Havana~La Havana~Havane"),
        ("Côte d’Ivoire", "Côte d’Ivoire", "Côte~Côte d~d ￭’￭~￭’￭ Ivoire~Ivoire"),
        ("square meters", "mètres carrés", "square~carrés meters~mètres"),
        ("US dollars", "dollars des États-Unis", "US~des US~États-Unis dollars~dollars"),
        ("Nov", "nov.", "Nov~nov Nov~￭."),
        ("1,500", "1 500", "1~1 500~500"),
    ],
)
def test_a_name_is_linked_by_meaning(source, target, links):
    assert said(name(source, target)) == links


@pytest.mark.parametrize(
    ("source", "target", "certain"),
    [
        ("South Korea", "Corée du Sud", True),
        ("United States", "États-Unis", True),
        ("Czech koruna", "couronne tchèque", False),
    ],
)
def test_what_does_not_look_alike_is_never_certain(source, target, certain):
    piece = name(source, target)
    assert align.is_certain(piece.source, piece.target) is certain


def test_pieces_move_with_their_slots():
    nested = form("{0}: {1}", "{1} : {0}").fill(
        (
            form("in {0} hours", "dans {0} heures", digits=[0]).fill((name("3", "3"),)),
            name("a", "b"),
        )
    )
    assert nested.source == ("in", "3", "hours", "￭:", "a")
    assert nested.target == ("b", ":", "dans", "3", "heures")
    assert tuple(sorted(nested.links)) == ((0, 2), (1, 3), (2, 4), (3, 1), (4, 0))


def test_heads_are_linked_to_heads_wherever_they_stand():
    ago = form("{0} hours ago", "il y a {0} heures", digits=[0], heads=(["hours"], ["heures"]))
    assert said(ago.fill((name("3", "3"),))) == "3~3 hours~heures ago~il ago~y ago~a"


def test_a_comma_without_counterpart_stays_alone():
    listed = form("{0}, {1}, and {2}", "{0}, {1} et {2}")
    piece = listed.fill([name(letter, letter) for letter in "abc"])
    assert said(piece) == "a~a ￭,~￭, b~b and~et c~c"


def test_a_slot_only_the_target_has_is_linked_to_its_lender():
    clock = form("{0}", "{0} {1}", digits=[0], lenders=[(1, 0)])
    assert said(clock.fill((name("14", "2"), name("", "PM")))) == "14~2 14~PM"


@pytest.mark.parametrize("pattern", ["{0}h", "un{0}", "{0}-{1}", "{0} {0}"])
def test_words_never_melt_into_a_slot(pattern):
    with pytest.raises(UnfitPatternError):
        form(pattern, pattern)
