"""Clauses that are names: countries, languages, scripts, currencies, cities, months, days."""

import functools
from collections.abc import Callable, Sequence

from babel import Locale
from babel.core import get_global, parse_locale
from babel.dates import get_timezone_location

from attention_jax.data.cldr import align
from attention_jax.data.cldr.draw import Clause, Dice, Draw
from attention_jax.data.cldr.inventories import CITIES, CURRENCIES, LANGUAGES, SCRIPTS, TERRITORIES
from attention_jax.data.cldr.languages import Pair, both
from attention_jax.data.cldr.lists import list_form
from attention_jax.data.cldr.numbers import in_words, keys
from attention_jax.data.cldr.pieces import Piece, UnfitPatternError, form, name

_CODES = {
    "territory": TERRITORIES,
    "language": LANGUAGES,
    "script": SCRIPTS,
    "currency": CURRENCIES,
    "city": CITIES,
    "month": [*range(1, 13)],
    "weekday": [*range(7)],
}


def _say(locale: Locale, kind: str, code: str | int) -> str:
    """CLDR's name of a thing."""
    match kind:
        case "city":
            return get_timezone_location(code, locale=locale, return_city=True)
        case "month":
            return locale.months["stand-alone"]["wide"][code]
        case "weekday":
            return locale.days["stand-alone"]["wide"][code]
        case "currency":
            return locale.currencies[code]
    return getattr(locale, {"territory": "territories"}.get(kind, f"{kind}s"))[code]


@functools.cache
def names(pair: Pair, kind: str) -> dict[str | int, Piece]:
    """The names of a kind, by code: those whose words can be aligned with certainty and that mean
    one thing only in the source, whatever the kind.
    """
    return _all_names(pair)[kind]


@functools.cache
def _all_names(pair: Pair) -> dict[str, dict[str | int, Piece]]:
    meanings: dict[Sequence[str], Sequence[str]] = {}
    kept: dict[str, dict[str | int, Piece]] = {}
    for kind, codes in _CODES.items():
        kept[kind] = {}
        for code in codes:
            try:
                texts = both(pair, lambda locale, k=kind, c=code: _say(locale, k, c))
            except UnfitPatternError:
                continue
            piece = name(*texts)
            if not align.is_certain(piece.source, piece.target):
                continue
            if meanings.setdefault(piece.source, piece.target) == piece.target:
                kept[kind][code] = piece
    return kept


def one(kind: str) -> Callable[[Pair], Draw]:
    """A name by itself."""

    def make(pair: Pair) -> Draw:
        pieces = list(names(pair, kind).values())
        if not pieces:
            raise UnfitPatternError(f"no {kind} in {pair}")
        return lambda dice: Clause(dice.pick(pieces))

    return make


def several(kind: str, style: str) -> Callable[[Pair], Draw]:
    """A list of two to five names of a kind, or of small numbers in words."""

    def make(pair: Pair) -> Draw:
        # Spanish thirty and four would be thirty-four: numbers come in threes or more.
        counts = (3, 3, 4, 5) if kind == "number" else (2, 2, 3, 3, 4, 5)
        forms = {count: list_form(pair, style, count) for count in counts}
        if kind == "number":
            numbered = [(in_words(pair, value), value) for value in range(100)]
            clauses = [Clause(piece, keys(piece, value)) for piece, value in numbered]
        else:
            clauses = [Clause(piece) for piece in names(pair, kind).values()]
        if len(clauses) < 5:
            raise UnfitPatternError(f"too few of {kind} in {pair}")

        def draw(dice: Dice) -> Clause:
            count = dice.pick(counts)
            chosen = dice.sample(clauses, count)
            piece = forms[count].fill([clause.piece for clause in chosen])
            return Clause(piece, tuple(key for clause in chosen for key in clause.keys))

        return draw

    return make


def tongues(pair: Pair) -> Draw:
    """Like "French (Canada)": a language and a country where it is official."""
    languages, territories = names(pair, "language"), names(pair, "territory")
    spoken = [
        (languages[language], territories[territory])
        for territory in territories
        for language, facts in sorted(
            get_global("territory_languages").get(str(territory), {}).items()
        )
        if language in languages and facts.get("official_status") == "official"
    ]
    if not spoken:
        raise UnfitPatternError(f"no language is official in {pair}")
    together = form("{0} ({1})", "{0} ({1})")
    return lambda dice: Clause(together.fill(dice.pick(spoken)))


def writings(pair: Pair) -> Draw:
    """Like "Russian (Cyrillic, Russia)": a language, its script and the country it stands for."""
    languages, territories = names(pair, "language"), names(pair, "territory")
    scripts = names(pair, "script")
    written = []
    for language in languages:
        likely = get_global("likely_subtags").get(str(language))
        if likely:
            _, territory, script, *_ = parse_locale(likely)
            if territory in territories and script in scripts:
                written.append((languages[language], scripts[script], territories[territory]))
    if not written:
        raise UnfitPatternError(f"no language with its script in {pair}")
    together = form("{0} ({1}, {2})", "{0} ({1}, {2})")
    return lambda dice: Clause(together.fill(dice.pick(written)))


def places(pair: Pair) -> Draw:
    """Like "Canada (Toronto)": a country and a city of it, as CLDR shows time zones."""
    pattern = both(pair, lambda locale: locale.zone_formats["fallback"])
    together = form(*(text.replace("%(0)s", "{0}").replace("%(1)s", "{1}") for text in pattern))
    cities, territories = names(pair, "city"), names(pair, "territory")
    home = get_global("zone_territories")
    known = [
        (cities[zone], territories[home[str(zone)]])
        for zone in cities
        if home.get(str(zone)) in territories
    ]
    if not known:
        raise UnfitPatternError(f"no city in a country in {pair}")
    return lambda dice: Clause(together.fill(dice.pick(known)))


RECIPES = [
    ("territory", 0.7, one("territory")),
    ("language", 0.5, one("language")),
    ("script", 0.3, one("script")),
    ("currency", 0.5, one("currency")),
    ("city", 0.5, one("city")),
    ("month", 0.3, one("month")),
    ("weekday", 0.3, one("weekday")),
    ("tongue", 0.6, tongues),
    ("writing", 0.5, writings),
    ("place", 0.6, places),
    ("territories", 1.0, several("territory", "standard")),
    ("languages", 0.8, several("language", "standard")),
    ("languages_or", 0.5, several("language", "or")),
    ("cities", 0.8, several("city", "standard")),
    ("cities_or", 0.5, several("city", "or")),
    ("currencies", 1.5, several("currency", "standard")),
    ("scripts", 0.3, several("script", "standard")),
    ("months", 0.4, several("month", "standard")),
    ("weekdays", 0.4, several("weekday", "standard")),
    ("weekdays_or", 0.3, several("weekday", "or")),
    ("numbers", 0.5, several("number", "standard")),
]
