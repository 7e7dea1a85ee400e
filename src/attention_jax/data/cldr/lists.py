"""CLDR's lists ("A, B, and C" and "A, B et C"), and the marks between clauses."""

import functools

from babel import Locale

from attention_jax.data.cldr.languages import Pair, both
from attention_jax.data.cldr.pieces import Form, form

# French sets these marks between spaces; CLDR shows it (its zone format is "heure : {0}").
_SPACED_MARKS = frozenset({"fr"})


@functools.cache
def list_form(pair: Pair, style: str, count: int) -> Form:
    """A list of `count` things: "standard" ends with "and", "or" with "or", "unit" is for
    measurements ("5 feet, 11 inches").
    """
    return form(*both(pair, lambda locale: _list_pattern(locale, style, count)))


def _list_pattern(locale: Locale, style: str, count: int) -> str:
    # Where a style says nothing of its own, CLDR means the standard one.
    patterns = {
        **dict(locale.list_patterns["standard"]),
        **dict(locale.list_patterns.get(style, {})),
    }
    slots = [f"{{{index}}}" for index in range(count)]
    if count == 2:
        return patterns["2"].format(*slots)
    text = patterns["start"].format(*slots[:2])
    for slot in slots[2:-1]:
        text = patterns["middle"].format(text, slot)
    return patterns["end"].format(text, slots[-1])


@functools.cache
def mark_form(pair: Pair, mark: str) -> Form:
    """Two clauses with a colon or the like between them."""
    return form(*(f"{{0}}{_spaced(language, mark)} {{1}}" for language in pair))


@functools.cache
def chain(pair: Pair, count: int) -> Form:
    """Clauses with semicolons between them."""
    slots = [f"{{{index}}}" for index in range(count)]
    return form(*(f"{_spaced(language, ';')} ".join(slots) for language in pair))


def _spaced(language: str, mark: str) -> str:
    return f" {mark}" if language.split("_")[0] in _SPACED_MARKS else mark


@functools.cache
def brackets(pair: Pair) -> Form:
    """A clause and another in brackets."""
    return form("{0} ({1})", "{0} ({1})")


@functools.cache
def dash(pair: Pair) -> Form:
    """CLDR's way of writing from one to another."""
    return form(*both(pair, lambda locale: locale.interval_formats[None]))
