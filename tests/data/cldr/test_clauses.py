"""Clauses: what CLDR and num2words say, and which word comes from which."""

import datetime
import subprocess
import sys

import pytest
from babel.dates import format_date, format_interval, format_time
from babel.numbers import format_currency
from babel.units import format_unit

from attention_jax.data.cldr.clauses import FEWEST, templates
from attention_jax.data.cldr.counting import unit
from attention_jax.data.cldr.dates import date_form, interval, style
from attention_jax.data.cldr.draw import Dice
from attention_jax.data.cldr.languages import both, pair, supported
from attention_jax.data.cldr.lists import chain, list_form
from attention_jax.data.cldr.moments import day_values
from attention_jax.data.cldr.names import names
from attention_jax.data.cldr.numbers import in_words, spelled_ranges
from attention_jax.data.cldr.pieces import name
from attention_jax.data.words import join, normalise, split
from attention_jax.errors import UserError

EN_FR = pair("en", "fr")
PAIRS = [pair(*each.split()) for each in ("en fr", "fr en", "en de", "es fr", "de ru")]
DAY = datetime.date(2026, 11, 22)


def said(piece):
    """The links as words: "South~Sud"."""
    return " ".join(f"{piece.source[s]}~{piece.target[t]}" for s, t in sorted(piece.links))


def texts(piece):
    return join(piece.source), join(piece.target)


def test_the_full_date_is_linked_field_by_field():
    shape = date_form(both(EN_FR, style("date", "full")))
    piece = shape.fill(EN_FR, day_values(DAY))
    assert texts(piece) == ("Sunday, November 22, 2026", "dimanche 22 novembre 2026")
    assert tuple(sorted(piece.links)) == ((0, 0), (2, 2), (3, 1), (5, 3))


def test_an_afternoon_hour_is_linked_to_its_hour_of_the_day():
    for languages, links in (
        (EN_FR, "2~14 ￭:￭~￭:￭ 30~30"),
        (pair("fr", "en"), "14~2 14~PM ￭:￭~￭:￭ 30~30"),
    ):
        shape = date_form(both(languages, style("time", "short")))
        piece = shape.fill(languages, {"hour": 14, "minute": 30, "period": (14, 30)})
        assert said(piece) == links


def test_an_interval_shares_the_month_it_names_once():
    shape = date_form(both(EN_FR, interval("yMMMd", "d")))
    values = day_values(DAY) | {"day2": 25}
    piece = shape.fill(EN_FR, values)
    assert texts(piece) == ("Nov 22 – 25, 2026", "22–25 nov. 2026")
    assert said(piece) == "Nov~nov Nov~￭. 22~22 –~￭–￭ 25~25 2026~2026"


@pytest.mark.parametrize("languages", PAIRS, ids="-".join)
def test_fields_put_together_are_what_babel_says(languages):
    last = datetime.date(2026, 11, 25)
    moment = datetime.time(14, 5, 9)
    clock = {"hour": 14, "minute": 5, "second": 9, "period": (14, 5)}
    for length in ("full", "long", "medium", "short"):
        piece = date_form(both(languages, style("date", length))).fill(languages, day_values(DAY))
        assert texts(piece) == tuple(
            normalise(format_date(DAY, length, locale=language)) for language in languages
        )
    piece = date_form(both(languages, style("time", "medium"))).fill(languages, clock)
    assert texts(piece) == tuple(
        normalise(format_time(moment, "medium", locale=language)) for language in languages
    )
    piece = date_form(both(languages, interval("yMMMd", "d"))).fill(
        languages, day_values(DAY) | {"day2": 25}
    )
    assert texts(piece) == tuple(
        normalise(format_interval(DAY, last, "yMMMd", locale=language)) for language in languages
    )
    for value in ("1", "2", "5", "21", "1.5", "47500"):
        number = float(value) if "." in value else int(value)
        assert texts(unit(languages, "length-kilometer").piece(value)) == tuple(
            normalise(format_unit(number, "length-kilometer", locale=language))
            for language in languages
        )


@pytest.mark.parametrize(
    ("languages", "value", "links"),
    [
        ("en fr", 105, "hundred~cent five~cinq"),
        ("en fr", 21, "twenty-one~vingt twenty-one~et twenty-one~un"),
        (
            "en fr",
            271,
            "two~deux hundred~cent seventy-one~soixante seventy-one~et seventy-one~onze",
        ),
        (
            "en fr",
            2345,
            "two~deux thousand~mille three~trois hundred~cent forty-five~quarante-cinq",
        ),
        ("fr en", 105, "cent~one cent~hundred cinq~and cinq~five"),
        ("en es", 205, "two~doscientos hundred~doscientos five~cinco"),
        ("en de", 105, "hundred~einhundertfünf five~einhundertfünf"),
        ("es pl", 31, "treinta~trzydzieści uno~jeden"),
        ("en ru", 2002, "two~две thousand~тысячи two~два"),
    ],
)
def test_numbers_in_words_are_linked_by_their_parts(languages, value, links):
    assert said(in_words(pair(*languages.split()), value)) == links


def test_a_year_in_words_is_linked_by_its_halves():
    piece = in_words(EN_FR, 1984, "year")
    assert said(piece) == (
        "nineteen~mille nineteen~neuf nineteen~cent eighty-four~quatre-vingt-quatre"
    )


def test_languages_that_write_numbers_in_one_word_spell_small_ones_only():
    assert spelled_ranges(pair("en", "de")) == ((0, 99),)
    assert spelled_ranges(EN_FR)[-1][1] == 999_999


def test_lists_and_chains_follow_each_language():
    pieces = [name(letter, letter) for letter in "abcd"]
    assert texts(list_form(EN_FR, "standard", 4).fill(pieces)) == ("a, b, c, and d", "a, b, c et d")
    assert texts(chain(EN_FR, 3).fill(pieces)) == ("a; b; c", "a ; b ; c")


@pytest.mark.parametrize("languages", PAIRS, ids="-".join)
def test_clauses_are_whole_and_their_links_in_range(languages):
    found = templates(languages)
    assert len(found) >= FEWEST == 30
    assert len({template.name for template in found}) == len(found)
    dice = Dice(1)
    unlinked = words = 0
    for template in found:
        for _ in range(15):
            piece = template.draw(dice).piece
            assert split(join(piece.source)) == list(piece.source), template.name
            assert split(join(piece.target)) == list(piece.target), template.name
            assert all(0 <= s < len(piece.source) for s, _ in piece.links)
            linked = {t for _, t in piece.links}
            assert linked <= set(range(len(piece.target)))
            assert len(set(piece.links)) == len(piece.links)
            unlinked += len(piece.target) - len(linked)
            words += len(piece.target)
    assert unlinked / words < 0.1


@pytest.mark.parametrize("languages", PAIRS, ids="-".join)
def test_no_clause_has_two_translations(languages):
    meanings = {}
    dice = Dice(2)
    for template in templates(languages):
        for _ in range(120):
            piece = template.draw(dice).piece
            assert meanings.setdefault(piece.source, piece.target) == piece.target, template.name


def test_every_day_reads_one_way_only():
    # A short month ("May") reads the same in two styles that differ in German.
    for languages in (pair("en", "de"), pair("fr", "en")):
        by_name = {template.name: template.draw for template in templates(languages)}
        meanings = {}
        for name_ in ("date_full", "date_long", "date_medium", "date_short", "month_day"):
            dice = Dice(3)
            for _ in range(1500):
                piece = by_name[name_](dice).piece
                assert meanings.setdefault(piece.source, piece.target) == piece.target


def test_names_are_left_out_where_links_would_be_guesses():
    for piece in names(EN_FR, "territory").values():
        assert {t for _, t in piece.links} == set(range(len(piece.target)))
    assert len(names(EN_FR, "territory")) > 70


def test_prices_keep_their_cents():
    assert normalise(format_currency(5.5, "USD", locale="fr", format_type="name")) == (
        "5,50 dollars des États-Unis"
    )
    by_name = {template.name: template.draw for template in templates(EN_FR)}
    for _ in range(50):
        source = join(by_name["price_sign"](Dice(_)).piece.source)
        assert source[-3] == "."
        assert source.count(".") == 1


def test_a_language_never_speaks_another_that_was_asked_first():
    # Babel's shared data do: French quarters are Spanish after Spanish ones were looked up.
    code = (
        "from babel import Locale;"
        "Locale.parse('es').quarters['stand-alone']['wide'][3];"
        "from attention_jax.data.cldr.languages import locale;"
        "assert locale('es').quarters['stand-alone']['wide'][3] == '3.er trimestre';"
        "assert locale('fr').quarters['stand-alone']['wide'][3] == '3e trimestre'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("language", ["zh", "ja", "th", "xx", "english"])
def test_an_unsupported_language_is_told_what_to_choose_from(language):
    for languages in ((language, "fr"), ("en", language)):
        with pytest.raises(UserError, match=r"choose among .*en, .*fr"):
            pair(*languages)


def test_a_language_is_never_translated_to_itself():
    with pytest.raises(UserError, match="itself"):
        pair("en", "en")


def test_the_languages_of_the_readme_are_supported():
    assert {"en", "fr", "de", "es", "it", "pt", "nl", "sv", "pl", "ru"} <= set(supported())
