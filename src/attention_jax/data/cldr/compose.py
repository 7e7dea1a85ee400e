"""Phrases: clauses joined as lists, pairs and chains until they have the length asked for."""

import bisect
import functools
import itertools
from collections.abc import Callable
from typing import NamedTuple

from attention_jax.data.cldr.clauses import templates
from attention_jax.data.cldr.draw import Clause, Dice, Template
from attention_jax.data.cldr.languages import Pair
from attention_jax.data.cldr.lists import brackets, dash, list_form, mark_form
from attention_jax.data.cldr.pieces import Form, Piece, UnfitPatternError
from attention_jax.data.words import JOINER

Key = tuple[str, str]
"""(kind, value) of what can be held out: a number, a date, a pair of templates."""

_TRIES = 12


class Phrase(NamedTuple):
    """A piece made of clauses, the templates they came from, and what could be held out."""

    piece: Piece
    templates: tuple[str, ...]
    keys: tuple[Key, ...]


class _Join(NamedTuple):
    """A way to make one group of several clauses."""

    clauses: int
    form: Form | None
    bars: frozenset[str]
    """Words that a piece in it must not have."""


def length(piece: Piece) -> int:
    """The words of the longer side."""
    return max(len(piece.source), len(piece.target))


def pair_key(first: str, second: str) -> Key:
    """Two templates, one right after the other."""
    return ("pair", f"{first} {second}")


class Composer:
    """Draws phrases of a pair of languages."""

    def __init__(self, pair: Pair):
        self._templates = templates(pair)
        self._upto = list(itertools.accumulate(template.weight for template in self._templates))
        self._joins, self._joins_upto = _joins(pair)
        self._chain = mark_form(pair, ";")

    def phrase(self, dice: Dice, words: int, allowed: Callable[[Key], bool]) -> Phrase:
        """Draws a phrase of `words` words, give or take two.

        Only what cannot be made so short is longer. `allowed` says which keys may be used.
        """
        groups: list[Piece] = []
        names: list[str] = []
        keys: list[Key] = []
        so_far = 0
        while not groups or so_far < words - 2:
            room = words + 2 - so_far - len(self._chain.source[1:-1]) * bool(groups)
            group = self._group(dice, room, names[-1:], allowed)
            if group is None:
                break
            groups.append(group.piece)
            names.extend(group.templates)
            keys.extend(group.keys)
            so_far = sum(map(length, groups)) + len(groups) - 1
        if not groups:
            ((name, clause),) = self._clauses(dice, 1, [], allowed)
            return Phrase(clause.piece, (name,), clause.keys)
        return Phrase(self._join(groups), tuple(names), tuple(keys))

    def _group(
        self, dice: Dice, room: int, before: list[str], allowed: Callable[[Key], bool]
    ) -> Phrase | None:
        """One or a few clauses that have room, or None where nothing was found to."""
        for tries in range(_TRIES):
            join = self._joins[0]
            if tries < 2:
                number = bisect.bisect(self._joins_upto, dice.fraction() * self._joins_upto[-1])
                join = self._joins[number]
            drawn = self._clauses(dice, join.clauses, before, allowed)
            pieces = [clause.piece for _, clause in drawn]
            if sum(map(length, pieces)) > room or not _can_join(join, pieces):
                continue
            piece = join.form.fill(pieces) if join.form else pieces[0]
            if length(piece) > room:
                continue
            names = tuple(name for name, _ in drawn)
            keys = [key for _, clause in drawn for key in clause.keys]
            keys += [pair_key(*two) for two in itertools.pairwise((*before, *names))]
            return Phrase(piece, names, tuple(keys))
        return None

    def _clauses(
        self, dice: Dice, count: int, before: list[str], allowed: Callable[[Key], bool]
    ) -> list[tuple[str, Clause]]:
        """Clauses one after the other, with nothing that is not allowed."""
        drawn: list[tuple[str, Clause]] = []
        last = before[0] if before else None
        while len(drawn) < count:
            template = self._template(dice)
            if last is not None and not allowed(pair_key(last, template.name)):
                continue
            clause = template.draw(dice)
            if all(map(allowed, clause.keys)):
                drawn.append((template.name, clause))
                last = template.name
        return drawn

    def _template(self, dice: Dice) -> Template:
        return self._templates[bisect.bisect(self._upto, dice.fraction() * self._upto[-1])]

    def _join(self, groups: list[Piece]) -> Piece:
        """The groups with a mark between them."""
        marks = Piece(
            tuple(str(item) for item in self._chain.source[1:-1]),
            tuple(str(item) for item in self._chain.target[1:-1]),
            tuple((s - 1, t - 1) for s, t in self._chain.links),
        )
        source: list[str] = []
        target: list[str] = []
        links: list[tuple[int, int]] = []
        for number, group in enumerate(groups):
            for piece in (marks, group) if number else (group,):
                links.extend((s + len(source), t + len(target)) for s, t in piece.links)
                source.extend(piece.source)
                target.extend(piece.target)
        return Piece(tuple(source), tuple(target), tuple(links))


@functools.cache
def _joins(pair: Pair) -> tuple[list[_Join], list[float]]:
    """The ways to make groups and their summed weights; the first is the clause by itself."""

    def lists(style: str, count: int) -> Callable[[], Form]:
        return lambda: list_form(pair, style, count)

    ways: list[tuple[float, int, Callable[[], Form], set[str]]] = [
        (12, 2, lists("standard", 2), {"￭,"}),
        (10, 3, lists("standard", 3), {"￭,"}),
        (6, 2, lists("or", 2), {"￭,"}),
        (6, 3, lists("or", 3), {"￭,"}),
        (10, 2, lambda: mark_form(pair, ":"), set()),
        (10, 2, lambda: brackets(pair), set()),
        (8, 2, lambda: dash(pair), {"–", "￭–￭"}),
    ]
    joins = [_Join(1, None, frozenset())]
    weights = [40.0]
    for weight, count, make, bars in ways:
        try:
            form = make()
        except UnfitPatternError:
            continue
        own = {item for item in (*form.source, *form.target) if isinstance(item, str)}
        joins.append(_Join(count, form, frozenset(own | bars)))
        weights.append(weight)
    return joins, list(itertools.accumulate(weights))


def _can_join(join: _Join, pieces: list[Piece]) -> bool:
    """Whether the whole can be read: no piece has the commas, brackets or "and" of the form, and
    nothing in brackets begins with a sign.
    """
    if any(
        not join.bars.isdisjoint(words)
        for piece in pieces
        for words in (piece.source, piece.target)
    ):
        return False
    first = pieces[-1].source[0], pieces[-1].target[0]
    return "(￭" not in join.bars or all(word[0].isalnum() and word[-1] != JOINER for word in first)
