"""Clauses that say how much: units, durations, prices, per cents, large numbers."""

import datetime
import functools
from collections.abc import Callable
from decimal import Decimal

from babel import Locale
from babel.dates import format_timedelta
from babel.numbers import (
    format_compact_decimal,
    format_currency,
    format_percent,
)
from babel.units import format_compound_unit

from attention_jax.data.cldr.counting import CENTS, Counted, fitting, named, unit
from attention_jax.data.cldr.draw import Clause, Dice, Draw
from attention_jax.data.cldr.inventories import (
    CURRENCIES,
    DURATIONS,
    MEASURES,
    RATES,
    SYMBOLS,
    UNITS,
)
from attention_jax.data.cldr.languages import Number, Pair
from attention_jax.data.cldr.lists import list_form
from attention_jax.data.cldr.numbers import ROUND, digits, keys


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
            return named(text, numerator, denominator)

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
            examples=CENTS,
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

        return Counted(pair, say, examples=CENTS)

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
