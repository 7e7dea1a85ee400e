"""Clauses that say how much: units, durations, prices, per cents, large numbers."""

import contextlib
import datetime
import functools
from collections.abc import Callable, Sequence
from decimal import Decimal

from babel import Locale
from babel.dates import format_timedelta
from babel.numbers import (
    format_compact_decimal,
    format_currency,
    format_percent,
)
from babel.units import format_compound_unit, format_unit

from attention_jax.data.cldr.draw import Clause, Dice, Draw
from attention_jax.data.cldr.inventories import (
    CURRENCIES,
    DURATIONS,
    MEASURES,
    RATES,
    SYMBOLS,
    UNITS,
)
from attention_jax.data.cldr.languages import Number, Pair, blank, both, figures, plural
from attention_jax.data.cldr.lists import list_form
from attention_jax.data.cldr.numbers import ROUND, digits, keys
from attention_jax.data.cldr.pieces import Form, Piece, UnfitPatternError, form
from attention_jax.data.words import split

Say = Callable[[Locale, Decimal], str]


# What numbers may look like: in some languages 5, 11, 21 and 1.5 have plurals of their own.
_EXAMPLES = (*map(str, range(1, 101)), "0", *(f"{n}.{d}" for n in range(22) for d in range(1, 10)))
_CENTS = tuple(f"{n // 100}.{n % 100:02}" for n in range(2200))


def draw_number(dice: Dice) -> Number:
    """A small number most times, one with a decimal or a large round one at others.

    One comes often: many languages have a form of the word just for it.
    """
    kind = dice.below(10)
    if kind == 0:
        return "1"
    if kind < 5:
        return str(dice.between(1, 99))
    return draw_tenths(dice) if kind < 8 else str(dice.pick(ROUND))


def draw_tenths(dice: Dice) -> Number:
    """A number with a decimal that is not zero."""
    return f"{dice.below(100)}.{dice.between(1, 9)}"


def draw_cents(dice: Dice) -> Number:
    """A number with two decimals."""
    return f"{dice.below(100)}.{dice.below(100):02}"


class Counted:
    """Something counted, in both languages: the form depends on each language's plural."""

    def __init__(
        self,
        pair: Pair,
        say: Say,
        heads: Say | None = None,
        examples: tuple[Number, ...] = _EXAMPLES,
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
        return _without(format_unit(value, code, locale=locale), code)

    return Counted(pair, say)


def _without(text: str | None, *codes: str) -> str:
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


def quantities(pair: Pair) -> Draw:
    """Like "3.5 kilometers"."""
    units = fitting(pair, unit, UNITS)

    def draw(dice: Dice) -> Clause:
        return _count(dice.pick(units), draw_number(dice))

    return draw


def _count(counted: Counted, value: Number) -> Clause:
    return Clause(counted.piece(value), keys(digits(counted.pair, value), value))


def rates(pair: Pair) -> Draw:
    """Like "7 liters per hour"."""

    def rate(pair: Pair, codes: str) -> Counted:
        numerator, denominator = codes.split()

        def say(locale: Locale, value: Decimal) -> str:
            text = format_compound_unit(
                value, numerator, denominator_unit=denominator, locale=locale
            )
            return _without(text, numerator, denominator)

        return Counted(pair, say)

    codes = [f"{top} {bottom}" for tops, bottoms in RATES for top in tops for bottom in bottoms]
    all_rates = fitting(pair, rate, codes)

    def draw(dice: Dice) -> Clause:
        return _count(dice.pick(all_rates), draw_number(dice))

    return draw


def durations(direction: int) -> Callable[[Pair], Draw]:
    """Like "3 hours", "in 3 hours" (direction 1), "3 hours ago" (direction -1)."""

    def make(pair: Pair) -> Draw:
        def counted(pair: Pair, code: str) -> Counted:
            def say(locale: Locale, value: Decimal, direction: int = direction) -> str:
                seconds = int(value) * DURATIONS[code][1] * (direction or 1)
                return format_timedelta(
                    datetime.timedelta(seconds=seconds),
                    code,  # type: ignore[arg-type]
                    threshold=1,
                    add_direction=bool(direction),
                    locale=locale,
                )

            heads = functools.partial(say, direction=0) if direction else None
            numbers = tuple(str(number) for number in range(1, DURATIONS[code][0] + 1))
            return Counted(pair, say, heads, numbers)

        codes = list(DURATIONS)
        spans = [(counted(pair, code), DURATIONS[code][0]) for code in codes]

        def draw(dice: Dice) -> Clause:
            span, highest = dice.pick(spans)
            return _count(span, str(dice.between(1, highest)))

        return draw

    return make


def measures(pair: Pair) -> Draw:
    """Like "5 feet, 11 inches"."""
    together = list_form(pair, "unit", 2)
    kinds = [
        (unit(pair, larger), most, unit(pair, smaller), more)
        for larger, most, smaller, more in MEASURES
    ]

    def draw(dice: Dice) -> Clause:
        larger, most, smaller, more = dice.pick(kinds)
        parts = larger.piece(str(dice.between(1, most))), smaller.piece(str(dice.between(1, more)))
        return Clause(together.fill(parts))

    return draw


def prices(pair: Pair) -> Draw:
    """Like "12.50 US dollars"."""

    def money(pair: Pair, code: str) -> Counted:
        return Counted(
            pair,
            lambda locale, value: format_currency(
                value, code, locale=locale, format_type="name", currency_digits=False
            ),
        )

    def change(pair: Pair, code: str) -> Counted:
        return Counted(
            pair,
            lambda locale, value: format_currency(value, code, locale=locale, format_type="name"),
            examples=_CENTS,
        )

    whole, exact = fitting(pair, money, CURRENCIES), fitting(pair, change, CURRENCIES)

    def draw(dice: Dice) -> Clause:
        if dice.chance(0.5):
            return _count(dice.pick(exact), draw_cents(dice))
        value = dice.pick((1, dice.pick(ROUND), *(dice.between(2, 99) for _ in range(4))))
        return _count(dice.pick(whole), str(value))

    return draw


def signed_prices(pair: Pair) -> Draw:
    """Like "$12.50"."""

    def money(pair: Pair, code: str) -> Counted:
        def say(locale: Locale, value: Decimal) -> str:
            return format_currency(value, code, locale=locale)

        return Counted(pair, say, examples=_CENTS)

    currencies = fitting(pair, money, SYMBOLS)

    def draw(dice: Dice) -> Clause:
        return _count(dice.pick(currencies), draw_cents(dice))

    return draw


def per_cents(pair: Pair) -> Draw:
    """Like "25%", "12.5%"."""
    counted = Counted(
        pair,
        lambda locale, value: format_percent(
            value / 100, locale=locale, decimal_quantization=False
        ),
    )

    def draw(dice: Dice) -> Clause:
        if dice.chance(0.5):
            return _count(counted, str(dice.between(0, 100)))
        return _count(counted, draw_tenths(dice))

    return draw


def per_cents_in_words(pair: Pair) -> Draw:
    """Like "25 percent"."""
    counted = unit(pair, "concentr-percent")

    def draw(dice: Dice) -> Clause:
        return _count(counted, draw_number(dice))

    return draw


def large_numbers(pair: Pair) -> Draw:
    """Like "3.5 million"."""

    def compact(power: int) -> Counted:
        return Counted(
            pair,
            lambda locale, value: format_compact_decimal(
                value * 10**power, format_type="long", locale=locale, fraction_digits=1
            ),
        )

    powers = [compact(power) for power in (3, 6, 9)]

    def draw(dice: Dice) -> Clause:
        value = str(dice.between(1, 99))
        if dice.chance(0.5):
            value += f".{dice.between(1, 9)}"
        return _count(dice.pick(powers), value)

    return draw


RECIPES = [
    ("quantity", 3.0, quantities),
    ("rate", 1.0, rates),
    ("duration", 1.0, durations(0)),
    ("future", 1.5, durations(1)),
    ("past", 1.5, durations(-1)),
    ("measure", 1.0, measures),
    ("price", 2.5, prices),
    ("price_sign", 1.5, signed_prices),
    ("percent", 1.0, per_cents),
    ("percent_in_words", 0.5, per_cents_in_words),
    ("large_number", 1.0, large_numbers),
]
