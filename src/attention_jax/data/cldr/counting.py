"""Things that are counted: one form for each pair of plurals that the two languages have."""

import contextlib
import functools
from collections.abc import Callable, Sequence
from decimal import Decimal

from babel import Locale
from babel.units import format_unit

from attention_jax.data.cldr.languages import Number, Pair, blank, both, figures, plural
from attention_jax.data.cldr.numbers import digits
from attention_jax.data.cldr.pieces import Form, Piece, UnfitPatternError, form
from attention_jax.data.words import split

Say = Callable[[Locale, Decimal], str]
"""The text for a number in a language: "3 hours"."""

# What numbers may look like: in some languages 5, 11, 21 and 1.5 have plurals of their own.
EXAMPLES = (*map(str, range(1, 101)), "0", *(f"{n}.{d}" for n in range(22) for d in range(1, 10)))
CENTS = tuple(f"{n // 100}.{n % 100:02}" for n in range(2200))


class Counted:
    """Something counted, in both languages: the form depends on each language's plural."""

    def __init__(
        self,
        pair: Pair,
        say: Say,
        heads: Say | None = None,
        examples: tuple[Number, ...] = EXAMPLES,
    ):
        """Takes `say`'s word for it.

        Args:
          pair: the languages.
          say: the text for a number ("3 hours", "in 3 hours").
          heads: as `say`, of the thing alone ("3 hours"): tells "hours" from the words around it.
          examples: numbers of the kind that will be asked for: prices with their cents. The forms
            come from them, not from what is asked for first, so that the same is always the same.

        Raises:
          UnfitPatternError: a language does not have it.
        """
        self.pair, self.say, self.heads = pair, say, heads
        self._forms: dict[tuple[str, ...], Form] = {}
        for categories, values in _by_category(pair, examples).items():
            for value in values:
                with contextlib.suppress(UnfitPatternError):
                    self._forms[categories] = self._form(value)
                    break
        if not self._forms:
            raise UnfitPatternError(f"no form of {examples} in {pair}")

    @property
    def sources(self) -> frozenset[tuple[str | int, ...]]:
        """What it is called in the source, over all plurals."""
        return frozenset(form.source for form in self._forms.values())

    def piece(self, value: Number) -> Piece:
        """The piece for a number.

        Raises:
          UnfitPatternError: a language does not write this number of it with digits.
        """
        categories = plural(self.pair.source, value), plural(self.pair.target, value)
        if categories not in self._forms:
            raise UnfitPatternError(f"{value} is not written with digits in {self.pair}")
        return self._forms[categories].fill((digits(self.pair, value),))

    def _form(self, value: Number) -> Form:
        def pattern(say: Say) -> tuple[str, str]:
            return both(
                self.pair,
                lambda locale: blank(say(locale, Decimal(value)), figures(locale, value)),
            )

        source, target = pattern(self.say)
        if self.heads is None:
            return form(source, target, digits=[0])
        head, translation = pattern(self.heads)
        heads = _alike(head, source), _alike(translation, target)
        return form(source, target, digits=[0], heads=heads)


@functools.cache
def _by_category(pair: Pair, examples: tuple[Number, ...]) -> dict[tuple[str, str], list[Number]]:
    """The first few examples of each plural category of source and target."""
    found: dict[tuple[str, str], list[Number]] = {}
    for value in examples:
        alike = found.setdefault((plural(pair.source, value), plural(pair.target, value)), [])
        if len(alike) < 3:
            alike.append(value)
    return found


def _alike(heads: str, text: str) -> list[str]:
    """The words of a pattern that are heads, in whatever case: "Tagen" of "{0} Tage"."""
    starts = {word[:3] for word in split(heads) if word.isalpha()}
    return [word for word in split(text) if word[:3] in starts]


@functools.cache
def unit(pair: Pair, code: str) -> Counted:
    """A unit of measurement: "3.5 kilometers"."""

    def say(locale: Locale, value: Decimal) -> str:
        return named(format_unit(value, code, locale=locale), code)

    return Counted(pair, say)


def named(text: str | None, *codes: str) -> str:
    """The text, unless Babel did not know the unit's name and gave its code."""
    if text is None or any(code in text for code in codes):
        raise UnfitPatternError(f"{codes} have no names: {text}")
    return text


def fitting(
    pair: Pair, counted: Callable[[Pair, str], Counted], codes: Sequence[str]
) -> list[Counted]:
    """What can be counted in both languages, and is not said alike in the source only."""
    kept: list[Counted] = []
    for code in codes:
        with contextlib.suppress(UnfitPatternError):
            thing = counted(pair, code)
            if all(thing.sources.isdisjoint(other.sources) for other in kept):
                kept.append(thing)
    if not kept:
        raise UnfitPatternError(f"nothing of {codes} fits {pair}")
    return kept
