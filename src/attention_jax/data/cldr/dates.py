"""Dates and times by CLDR's patterns, field by field, so that every field is aligned."""

import datetime
import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from babel import Locale
from babel.dates import DateTimeFormat, get_timezone_gmt, tokenize_pattern

from attention_jax.data.cldr.languages import Pair, locale
from attention_jax.data.cldr.pieces import Form, Piece, UnfitPatternError, form, name

_FIELDS = {
    **dict.fromkeys("yuY", "year"),
    **dict.fromkeys("ML", "month"),
    **dict.fromkeys("Eec", "weekday"),
    **dict.fromkeys("hHkK", "hour"),
    **dict.fromkeys("abB", "period"),
    **dict.fromkeys("Qq", "quarter"),
    **dict.fromkeys("zOZ", "zone"),
    **dict.fromkeys("wW", "week"),
    "d": "day",
    "m": "minute",
    "s": "second",
    "G": "era",
}
_NUMERIC = frozenset({"year", "day", "hour", "minute", "second", "week"})
# A field that only the target has is linked to the source's field that implies it.
_IMPLIED = {"period": "hour", "era": "year", "weekday": "day"}

Values = dict[str, Any]
"""Field -> value; the end of an interval has its own fields: "day2", "month2"."""


class DateForm(NamedTuple):
    """A form, and the field in each slot: (name, pattern letters in source and in target)."""

    form: Form
    fields: tuple[tuple[str, str, str], ...]

    def fill(self, pair: Pair, values: Values) -> Piece:
        return self.form.fill(
            [
                _field(pair, field.rstrip("2"), values[field], source, target)
                for field, source, target in self.fields
            ]
        )


def date_form(patterns: tuple[str, str]) -> DateForm:
    """Makes a form of CLDR patterns in both languages: "EEEE, MMMM d, y" and "EEEE d MMMM y".

    A field that comes twice is that of an interval's start and end.
    """
    sides = [_cut(pattern) for pattern in patterns]
    letters = [{field: spec for field, spec in side if field} for side in sides]
    fields = list(dict.fromkeys([*letters[0], *letters[1]]))
    items = [[fields.index(field) if field else text for field, text in side] for side in sides]
    numeric = [
        [
            slot
            for slot, field in enumerate(fields)
            if field.rstrip("2") in _NUMERIC
            or (0 < len(side.get(field, "")) < 3 and side[field][0] in "MLQq")
        ]
        for side in letters
    ]
    lenders = [
        (fields.index(field), fields.index(owner))
        for field in fields
        if (owner := _owner(field, letters[0]))
    ]
    return DateForm(
        form(items[0], items[1], digits=numeric[0], target_digits=numeric[1], lenders=lenders),
        tuple((field, letters[0].get(field, ""), letters[1].get(field, "")) for field in fields),
    )


def _owner(field: str, source: Iterable[str]) -> str | None:
    """The field of the source that a field is linked to when the source lacks it."""
    base, number = field.rstrip("2"), field[len(field.rstrip("2")) :]
    owners = (base, _IMPLIED.get(base, "") + number, _IMPLIED.get(base, ""))
    return next((owner for owner in owners if owner in source), None)


def _cut(pattern: str) -> list[tuple[str, str]]:
    """Cuts a pattern into (field, its letters) and ("", literal text)."""
    cut: list[tuple[str, str]] = []
    for _, value in tokenize_pattern(pattern):
        if isinstance(value, str):
            cut.append(("", value))
            continue
        letter, length = value
        if letter not in _FIELDS:
            raise UnfitPatternError(f"no field {letter!r} of {pattern!r}")
        field = _FIELDS[letter]
        if any(other == field for other, _ in cut):
            field += "2"
        cut.append((field, letter * length))
    return cut


@functools.cache
def _field(pair: Pair, field: str, value: Any, source: str, target: str) -> Piece:
    """A field in both languages; no words where a language's pattern lacks it."""
    return name(_text(pair.source, field, value, source), _text(pair.target, field, value, target))


def _text(language: str, field: str, value: Any, letters: str) -> str:
    """One field, as Babel formats it alone."""
    if not letters:
        return ""
    if field == "week" or letters[0] == "Y":
        return str(value).zfill(len(letters))
    if field == "era":
        width = {4: "wide", 5: "narrow"}.get(len(letters), "abbreviated")
        return locale(language).eras[width][value]
    if field == "zone":
        zone = datetime.timezone(datetime.timedelta(minutes=value))
        moment = datetime.datetime(2000, 1, 1, tzinfo=zone)
        return get_timezone_gmt(moment, locale=locale(language))
    moments: dict[str, Callable[[], datetime.date | datetime.time]] = {
        "year": lambda: datetime.date(value, 1, 1),
        "month": lambda: datetime.date(2000, value, 1),
        "day": lambda: datetime.date(2000, 1, value),
        "weekday": lambda: datetime.date(2024, 1, 1 + value),  # A Monday.
        "quarter": lambda: datetime.date(2000, 3 * value - 2, 1),
        "hour": lambda: datetime.time(value),
        "minute": lambda: datetime.time(0, value),
        "second": lambda: datetime.time(0, 0, value),
        "period": lambda: datetime.time(*value),
    }
    return DateTimeFormat(moments[field](), locale(language))[letters]


def style(kind: str, length: str) -> Callable[[Locale], str]:
    """A date or time format, for instance the full date."""
    return lambda locale: getattr(locale, f"{kind}_formats")[length].pattern


def skeleton(fields: str) -> Callable[[Locale], str]:
    """The language's order and punctuation of some fields (named as CLDR does: MMMMd)."""
    return lambda locale: locale.datetime_skeletons[fields].pattern


def interval(fields: str, differs: str) -> Callable[[Locale], str]:
    """From one to another that differs in a field (yMMMd that differs in d)."""
    return lambda locale: "".join(locale.interval_formats[fields][differs])


def clock(locale: Locale) -> str:
    """The letter of the hour: h in a language of AM and PM, H in one of 24 hours."""
    return "h" if "h" in locale.time_formats["short"].pattern else "H"
