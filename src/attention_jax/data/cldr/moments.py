"""Clauses that say when: days, times, both, and from one to another."""

import datetime
from collections.abc import Callable, Sequence

from babel import Locale

from attention_jax.data.cldr.dates import (
    DateForm,
    Values,
    clock,
    date_form,
    interval,
    skeleton,
    style,
)
from attention_jax.data.cldr.draw import Clause, Dice, Draw
from attention_jax.data.cldr.inventories import YEARS
from attention_jax.data.cldr.languages import Pair, both
from attention_jax.data.cldr.pieces import Piece, UnfitPatternError, form

Pattern = Callable[[Locale], str]

_FIRST = datetime.date(YEARS[0], 1, 1).toordinal()
_LAST = datetime.date(YEARS[-1], 12, 31).toordinal()


def day_values(day: datetime.date) -> Values:
    return {
        "year": day.year,
        "month": day.month,
        "day": day.day,
        "weekday": day.weekday(),
        "quarter": (day.month + 2) // 3,
        "era": 1,
        "week": 1 + (day.day - 1) // 7,
    }


def draw_day(dice: Dice) -> datetime.date:
    return datetime.date.fromordinal(dice.between(_FIRST, _LAST))


def draw_time(dice: Dice) -> Values:
    hour, minute, second = dice.below(24), dice.below(60), dice.below(60)
    return {"hour": hour, "minute": minute, "second": second, "period": (hour, minute)}


def day_key(*days: datetime.date) -> tuple[tuple[str, str], ...]:
    """A day is held out of every year."""
    return tuple(("date", f"{day.month:02}-{day.day:02}") for day in days)


def dates(pattern: Pattern, *unless: Pattern) -> Callable[[Pair], Draw]:
    """Clauses that name a day.

    Args:
      pattern: the language's way of writing it.
      unless: ways with the right of way: where one reads the same in the source but not in the
        target (a short month as "May" is not abbreviated), the day is not written in this one.
    """

    def make(pair: Pair) -> Draw:
        shapes = [date_form(both(pair, each)) for each in (pattern, *unless)]

        def draw(dice: Dice) -> Clause:
            day = draw_day(dice)
            return Clause(_unmistakable(pair, shapes, day_values(day)), day_key(day))

        return draw

    return make


def months(pattern: Pattern, *unless: Pattern) -> Callable[[Pair], Draw]:
    """Clauses that name a month or a quarter; together with a year it can be held out."""

    def make(pair: Pair) -> Draw:
        shapes = [date_form(both(pair, each)) for each in (pattern, *unless)]
        fields = sorted(field for field, _, _ in shapes[0].fields)

        def draw(dice: Dice) -> Clause:
            values = day_values(draw_day(dice))
            key = " ".join(f"{field} {values[field]}" for field in fields)
            piece = _unmistakable(pair, shapes, values)
            return Clause(piece, (("date", key),) if len(fields) > 1 else ())

        return draw

    return make


def _unmistakable(pair: Pair, shapes: Sequence[DateForm], values: Values) -> Piece:
    """The first shape's piece, unless another reads the same and means something else."""
    piece = shapes[0].fill(pair, values)
    for shape in shapes[1:]:
        other = shape.fill(pair, values)
        if other.source == piece.source and other.target != piece.target:
            raise UnfitPatternError(f"{piece.source} has two translations")
    return piece


def times(pattern: Pattern) -> Callable[[Pair], Draw]:
    """Clauses that name a time of day.

    Raises:
      UnfitPatternError: the source leaves open which of several times of the target is meant.
    """

    def make(pair: Pair) -> Draw:
        shape = date_form(both(pair, pattern))
        meanings: dict[Sequence[str], set[Sequence[str]]] = {}
        for hour in range(24):
            values = {"hour": hour, "minute": 30, "second": 0, "period": (hour, 30), "zone": 0}
            piece = shape.fill(pair, values)
            meanings.setdefault(piece.source, set()).add(piece.target)
        if any(len(targets) > 1 for targets in meanings.values()):
            raise UnfitPatternError("one time of the source is several of the target")

        def draw(dice: Dice) -> Clause:
            values = draw_time(dice) | {"zone": 60 * dice.between(-10, 12)}
            return Clause(shape.fill(pair, values))

        return draw

    return make


def weeks(pair: Pair) -> Draw:
    """Like "week 47 of 2026"."""
    shape = date_form(both(pair, skeleton("yw")))

    def draw(dice: Dice) -> Clause:
        return Clause(shape.fill(pair, {"week": dice.between(1, 52), "year": dice.pick(YEARS)}))

    return draw


def ancient_years(pair: Pair) -> Draw:
    """Like "44 BC"."""
    shape = date_form(both(pair, skeleton("Gy")))

    def draw(dice: Dice) -> Clause:
        before = {"era": 0, "year": dice.between(1, 99)}
        after = {"era": 1, "year": dice.pick(YEARS)}
        return Clause(shape.fill(pair, before if dice.chance(0.5) else after))

    return draw


def days_and_times(length: str) -> Callable[[Pair], Draw]:
    """Like "Sunday, November 22, 2026, 2:30 PM": a date of this length and a short time."""

    def make(pair: Pair) -> Draw:
        together = form(*both(pair, lambda locale: str(locale.datetime_formats[length])))
        day_shape = date_form(both(pair, style("date", length)))
        time_shape = date_form(both(pair, style("time", "short")))

        def draw(dice: Dice) -> Clause:
            day = draw_day(dice)
            time = time_shape.fill(pair, draw_time(dice))
            date = day_shape.fill(pair, day_values(day))
            return Clause(together.fill((time, date)), day_key(day))

        return draw

    return make


def day_intervals(fields: str, differs: str) -> Callable[[Pair], Draw]:
    """Like "Nov 22 – 25, 2026": to a later day, of the same month or ("M") of another one."""

    def make(pair: Pair) -> Draw:
        shape = date_form(both(pair, interval(fields, differs)))

        def draw(dice: Dice) -> Clause:
            year, days = dice.pick(YEARS), dice.sample(range(1, 29), 2)
            if differs == "d":
                months, days = [dice.between(1, 12)] * 2, sorted(days)
            else:
                months = sorted(dice.sample(range(1, 13), 2))
            first, second = (datetime.date(year, *each) for each in zip(months, days, strict=True))
            return Clause(shape.fill(pair, _from_to(first, second)), day_key(first, second))

        return draw

    return make


def month_intervals(fields: str) -> Callable[[Pair], Draw]:
    """Like "June – November 2026"."""

    def make(pair: Pair) -> Draw:
        shape = date_form(both(pair, interval(fields, "M")))

        def draw(dice: Dice) -> Clause:
            year, (first, second) = dice.pick(YEARS), sorted(dice.sample(range(1, 13), 2))
            values = {"month": first, "month2": second, "year": year, "year2": year}
            return Clause(shape.fill(pair, values), (("date", f"{first}-{second} {year}"),))

        return draw

    return make


def year_intervals(pair: Pair) -> Draw:
    """Like "1989 – 2026"."""
    shape = date_form(both(pair, interval("y", "y")))

    def draw(dice: Dice) -> Clause:
        first, second = sorted(dice.sample(YEARS, 2))
        values = {"year": first, "year2": second}
        return Clause(shape.fill(pair, values), (("date", f"{first}-{second}"),))

    return draw


def time_intervals(pair: Pair) -> Draw:
    """Like "2:30 – 4:15 PM", and "9:00 AM – 5:00 PM"."""

    def shape(from_morning: bool):
        def pattern(locale: Locale) -> str:
            fields = clock(locale)
            return interval(f"{fields}m", "a" if from_morning and fields == "h" else fields)(locale)

        return date_form(both(pair, pattern))

    across, within = shape(True), shape(False)

    def draw(dice: Dice) -> Clause:
        hours = sorted(dice.sample(range(24), 2))
        start, end = (draw_time(dice) | {"hour": hour} for hour in hours)
        start["period"], end["period"] = ((hour, 30) for hour in hours)
        values = start | {f"{field}2": value for field, value in end.items()}
        chosen = across if hours[0] < 12 <= hours[1] else within
        return Clause(chosen.fill(pair, values))

    return draw


def _from_to(first: datetime.date, second: datetime.date) -> Values:
    start, end = day_values(first), day_values(second)
    return start | {f"{field}2": value for field, value in end.items()}


RECIPES = [
    ("date_full", 4.0, dates(style("date", "full"))),
    ("date_long", 2.5, dates(style("date", "long"))),
    ("date_medium", 1.5, dates(style("date", "medium"), style("date", "long"))),
    ("date_short", 1.5, dates(style("date", "short"), style("date", "medium"))),
    ("month_day", 1.0, dates(skeleton("MMMMd"))),
    ("weekday_month_day", 1.5, dates(skeleton("MMMEd"))),
    ("month_year", 1.0, months(skeleton("yMMMM"))),
    ("quarter", 0.2, months(lambda _: "qqqq")),
    ("quarter_year", 1.0, months(skeleton("yQQQQ"))),
    ("quarter_year_short", 0.5, months(skeleton("yQQQ"), skeleton("yQQQQ"))),
    ("week_of_month", 0.5, months(skeleton("MMMMW"))),
    ("week_of_year", 0.5, weeks),
    ("year_era", 0.3, ancient_years),
    ("time", 2.5, times(style("time", "short"))),
    ("time_seconds", 1.0, times(style("time", "medium"))),
    ("time_zone", 0.5, times(style("time", "long"))),
    ("day_time_full", 2.5, days_and_times("full")),
    ("day_time_long", 1.5, days_and_times("long")),
    ("day_time_short", 1.0, days_and_times("short")),
    ("days_of_month", 1.5, day_intervals("yMMMd", "d")),
    ("days_across_months", 1.0, day_intervals("yMMMd", "M")),
    ("months_of_year", 1.0, month_intervals("yMMMM")),
    ("years", 0.5, year_intervals),
    ("times", 1.0, time_intervals),
]
