"""The two languages of a data set: what Babel and num2words know of both."""

import functools
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

import num2words
from babel import Locale, localedata
from babel.numbers import format_decimal

from attention_jax.data.cldr.pieces import UnfitPatternError
from attention_jax.data.words import normalise
from attention_jax.errors import UserError

UNSPACED = frozenset({"ja", "km", "lo", "my", "th", "zh"})
"""Languages written without spaces: `words.split` cannot find their words."""

# num2words spells Serbian in Latin letters, CLDR's default for it is Cyrillic.
_SCRIPTS = {"sr": "sr_Latn"}

Number = str
"""A number as it is written in figures, for "1", "1.0" and "1.00" differ in their plural."""

Value = TypeVar("Value")


class Pair(NamedTuple):
    """A source and a target language by their codes ("en", "pt_BR")."""

    source: str
    target: str

    @property
    def locales(self) -> tuple[Locale, Locale]:
        return locale(self.source), locale(self.target)


def supported() -> tuple[str, ...]:
    """Codes of the spaced languages that Babel and num2words share."""
    shared = set(num2words.CONVERTER_CLASSES) & set(localedata.locale_identifiers())
    return tuple(sorted(shared - UNSPACED))


def pair(source: str, target: str) -> Pair:
    """Checks two language codes.

    Raises:
      UserError: a language is not supported, or both are the same.
    """
    for code in (source, target):
        if code not in supported():
            raise UserError(
                f"cldr_phrases has no language {code!r}: choose among {', '.join(supported())}"
            )
    if source == target:
        raise UserError(f"cldr_phrases translates between two languages, not {source!r} to itself")
    return Pair(source, target)


@functools.cache
def locale(language: str) -> Locale:
    """What CLDR knows of a language, read for us alone.

    Babel lets locales share what none of them overrides, and writes into it what it looks up: who
    asks for Spanish quarters first finds French ones in Spanish (Babel 2.18,
    `LocaleDataDict.__getitem__`). So we read past its cache and share with nobody.
    """
    cache = localedata._cache  # type: ignore[attr-defined]
    with localedata._cache_lock:  # type: ignore[attr-defined]
        shared = dict(cache)
        cache.clear()
        try:
            own = Locale.parse(_SCRIPTS.get(language, language))
            _ = own.territories  # Reads the data, which the locale keeps.
        finally:
            cache.clear()
            cache.update(shared)
    return own


@functools.cache
def plural(language: str, value: Number) -> str:
    """The plural category of a number: "one", "few", "other"."""
    return locale(language).plural_form(Decimal(value))


@functools.cache
def spell(language: str, value: int, to: str = "cardinal") -> str:
    """A number in words, as num2words has it.

    Raises:
      UnfitPatternError: num2words cannot say it in this language.
    """
    try:
        text = normalise(num2words.num2words(value, lang=language, to=to))
    except (NotImplementedError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise UnfitPatternError(f"num2words has no {to} {value} in {language}") from error
    if not text or any(character.isdigit() for character in text):
        raise UnfitPatternError(f"num2words has no words for {to} {value} in {language}")
    return text


def both(pair: Pair, say: Callable[[Locale], Value]) -> tuple[Value, Value]:
    """`say` of both languages.

    Raises:
      UnfitPatternError: CLDR lacks it in one of them.
    """
    try:
        source, target = (say(each) for each in pair.locales)
    except (KeyError, LookupError, AttributeError, TypeError) as error:
        raise UnfitPatternError(f"CLDR lacks something in {pair}: {error}") from error
    return source, target


def figures(locale: Locale, value: Number) -> str:
    """A number in a language's figures."""
    places = len(value.partition(".")[2])
    pattern = "#,##0" + ("." + "0" * places if places else "")
    return format_decimal(Decimal(value), pattern, locale=locale)


def blank(text: Any, number: str) -> str:
    """A pattern from an example: "3 hours" and "3" give "{0} hours".

    Raises:
      UnfitPatternError: the text does not hold the number just once (Arabic has a word for two
        hours).
    """
    if str(text).count(number) != 1:
        raise UnfitPatternError(f"{number!r} does not stand once in {text!r}")
    return str(text).replace(number, "{0}")
