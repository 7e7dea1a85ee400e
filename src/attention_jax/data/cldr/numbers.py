"""Numbers in digits and in words, aligned by what each word stands for.

A number in words is cut along its powers of a thousand, hundred and ten: "two hundred and five"
is a digit (two), a scale (hundred), a filler (and) and the units (five); "deux cent cinq" is a
digit, a scale and the units. Words that stand for the same part are linked.
"""

import functools

from babel import Locale

from attention_jax.data.cldr import align
from attention_jax.data.cldr.draw import Clause, Dice, Draw
from attention_jax.data.cldr.inventories import YEARS
from attention_jax.data.cldr.languages import Number, Pair, both, figures, spell
from attention_jax.data.cldr.pieces import Form, Piece, UnfitPatternError, form, name
from attention_jax.data.words import split

Parts = frozenset[tuple[int, ...]]
"""What a word of a number stands for: (1,) the units, (10,) the tens, (100,) "hundred",
(100, 1) the units of the number of hundreds, and so on."""

Named = tuple[tuple[str, Parts], ...]
"""The words of a number with what each stands for."""

_NOTHING: Parts = frozenset()

_BASES = (10**6, 1000, 100, 10)

ROUND = [*range(100, 300, 50), *range(300, 1000, 100), *range(1000, 100_000, 500)]
"""Numbers above 99 that are written in digits; few, so that their words are often seen."""


@functools.cache
def digits(pair: Pair, value: Number) -> Piece:
    """A number in figures."""
    whole, _, places = value.partition(".")
    if places:
        # Put together from its two parts: there are many of these, and few parts.
        return _decimal_form(pair).fill((digits(pair, whole), name(places, places)))
    return name(*both(pair, lambda locale: figures(locale, value)))


@functools.cache
def _decimal_form(pair: Pair) -> Form:
    def pattern(locale: Locale) -> str:
        return figures(locale, "1.5").replace("1", "{0}").replace("5", "{1}")

    return form(*both(pair, pattern), digits=[0, 1])


@functools.cache
def in_words(pair: Pair, value: int, to: str = "cardinal") -> Piece:
    """A number in words."""
    source, target = (_parts(language, value, to) for language in pair)
    links: list[tuple[int, int]] = []
    t = 0
    while t < len(target):
        # Words for the same part stand together: "soixante et onze" is one block.
        end = t + 1
        while end < len(target) and target[end][1] == target[t][1]:
            end += 1
        owners = [s for s, (_, parts) in enumerate(source) if parts & target[t][1]]
        block = list(range(t, end))
        if len(owners) > 1 and len(block) > 1:
            found = align.links([source[s][0] for s in owners], [target[i][0] for i in block])
            links.extend((owners[s], block[i]) for s, i in found)
        else:
            links.extend((s, i) for s in owners for i in block)
        t = end
    words, translation = (tuple(word for word, _ in side) for side in (source, target))
    return Piece(words, translation, tuple(align.cover(sorted(links), len(translation))))


def keys(piece: Piece, value: Number | int) -> tuple[tuple[str, str], ...]:
    """How a number is held out: only where it takes several words in both languages, for a number
    that is one word could not be held out without its word.
    """
    if min(len(piece.source), len(piece.target)) < 2:
        return ()
    return (("number", str(value)),)


@functools.cache
def _parts(language: str, value: int, to: str) -> Named:
    """The words of a number and what each stands for; nothing, for a filler as "and"."""
    words = split(spell(language, value, to))
    if value < 20:
        return tuple((word, frozenset({(1,)})) for word in words)
    for base in (base for base in _BASES if base <= value):
        count, rest = divmod(value, base)
        tail = _parts(language, rest, "cardinal" if to == "year" else to) if rest else ()
        end = len(words) - len(tail)
        if end > 0 and words[end:] == [word for word, _ in tail]:
            head = split(
                spell(language, value - rest, "cardinal" if rest and to == "ordinal" else to)
            )
            return _head(language, words[:end], len(head), count, base) + tail
    # One word for all of it ("einundzwanzig"), or words that do not fall into parts.
    return tuple((word, _all_parts(language, value)) for word in words)


def _head(language: str, words: list[str], length: int, count: int, base: int) -> Named:
    """The words before the rest: how many, of what, and fillers from `length` on."""
    content, fillers = words[:length], words[length:]
    whole = _count_parts(language, count, base)
    if base == 10 or len(content) == 1:
        named = [(word, whole) for word in content]
    else:
        counted = [
            (word, _under(base, parts)) for word, parts in _parts(language, count, "cardinal")
        ]
        if [word for word, _ in counted] != content[: len(counted)] or len(counted) == len(content):
            # The count is inflected ("две тысячи" of "два"): all words but the last say it.
            counted = [(word, whole - {(base,)}) for word in content[:-1]]
        if count == 1:
            counted = [(word, _NOTHING) for word, _ in counted]
        named = counted + [(word, frozenset({(base,)})) for word in content[len(counted) :]]
    return (*named, *((word, _NOTHING) for word in fillers))


def _count_parts(language: str, count: int, base: int) -> Parts:
    """What "two hundred" stands for; the one of "one hundred" is not a part, many omit it."""
    if base == 10 or count == 1:
        return frozenset({(base,)})
    return _under(base, _all_parts(language, count)) | {(base,)}


def _all_parts(language: str, value: int) -> Parts:
    """Everything a number stands for."""
    parts: set[tuple[int, ...]] = set()
    for base in _BASES:
        count, value = divmod(value, base)
        if count and (base != 10 or count > 1):
            parts |= _count_parts(language, count, base)
        elif count:
            value += base
    return frozenset(parts | ({(1,)} if value else set()))


def _under(base: int, parts: Parts) -> Parts:
    return frozenset((base, *part) for part in parts)


@functools.cache
def spelled_ranges(pair: Pair, to: str = "cardinal") -> tuple[tuple[int, int], ...]:
    """The ranges whose numbers are worth spelling: where a language writes every number as a word
    of its own ("dreihundertfünfundvierzig"), the numbers above 99 are left out.
    """
    first = 0 if to == "cardinal" else 1
    ranges = [(first, 99)]
    known = [
        {word for value in range(first, 100) for word in split(spell(language, value, to))}
        for language in pair
    ]
    for low, high in ((100, 999), (1000, 9999), (10_000, 999_999)):
        sample = range(low, high, (high - low) // 50 + 7)
        for seen, language in zip(known, pair, strict=True):
            fresh = 0
            for value in sample:
                words = set(split(spell(language, value, to)))
                fresh += not words <= seen
                seen |= words
            if fresh > len(sample) // 3:
                return tuple(ranges)
        ranges.append((low, high))
    return tuple(ranges)


def cardinals(pair: Pair) -> Draw:
    """Like "two hundred and five"."""
    ranges = spelled_ranges(pair)

    def draw(dice: Dice) -> Clause:
        low, high = ranges[min(dice.pick((0, 0, 0, 1, 1, 1, 1, 2, 2, 3)), len(ranges) - 1)]
        value = dice.between(low, high)
        if value > 9999:
            value -= value % 1000
        piece = in_words(pair, value)
        return Clause(piece, keys(piece, value))

    return draw


def ordinals(pair: Pair) -> Draw:
    """Like "twenty-first".

    Raises:
      UnfitPatternError: ordinals are not told from cardinals (num2words has none of its own).
    """
    ranges = spelled_ranges(pair, "ordinal")
    for language in pair:
        if spell(language, 40) == spell(language, 40, "ordinal"):
            raise UnfitPatternError(f"num2words has no ordinals in {language}")

    def draw(dice: Dice) -> Clause:
        low, high = ranges[min(dice.pick((0, 0, 0, 1)), len(ranges) - 1)]
        value = dice.between(max(low, 1), min(high, 999))
        piece = in_words(pair, value, "ordinal")
        return Clause(piece, keys(piece, value))

    return draw


def years_in_words(pair: Pair) -> Draw:
    """Like "nineteen eighty-four".

    Raises:
      UnfitPatternError: a language spells years in one word, or as the source spells cardinals.
    """
    pieces = [(year, in_words(pair, year, "year")) for year in YEARS]
    for year, piece in pieces:
        if min(len(piece.source), len(piece.target)) < 2:
            raise UnfitPatternError(f"{year} is one word")
        if piece.source == in_words(pair, year).source and piece != in_words(pair, year):
            raise UnfitPatternError(f"{year} cannot be told from the number")

    def draw(dice: Dice) -> Clause:
        year, piece = dice.pick(pieces)
        return Clause(piece, keys(piece, year))

    return draw


def digits_and_words(pair: Pair) -> Draw:
    """Like "42 (forty-two)", as on a cheque."""
    both_ways = form("{0} ({1})", "{0} ({1})", digits=[0])
    highest = spelled_ranges(pair)[-1][1]
    values = [*range(100)] + [value for value in ROUND if value <= highest]

    def draw(dice: Dice) -> Clause:
        value = dice.pick(values)
        words = in_words(pair, value)
        return Clause(both_ways.fill((digits(pair, str(value)), words)), keys(words, value))

    return draw


RECIPES = [
    ("cardinal", 3.0, cardinals),
    ("ordinal", 1.2, ordinals),
    ("year_in_words", 1.0, years_in_words),
    ("digits_and_words", 1.0, digits_and_words),
]
