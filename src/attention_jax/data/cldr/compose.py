"""Phrases: clauses joined as lists, pairs and chains until they have the length asked for."""

import bisect
import functools
import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

from attention_jax.data.cldr.clauses import templates
from attention_jax.data.cldr.draw import Clause, Dice
from attention_jax.data.cldr.languages import Pair
from attention_jax.data.cldr.lists import brackets, chain, dash, list_form, mark_form
from attention_jax.data.cldr.pieces import Form, Piece, UnfitPatternError
from attention_jax.data.words import JOINER

Key = tuple[str, str]
"""(kind, value) of what can be held out: a number, a date, a pair of templates."""

_TRIES = 12
_TRIES_WITH_KNOWN_WORDS = 100
_ANY_LENGTH = 1000


class Phrase(NamedTuple):
    """A piece made of clauses, the templates they came from, and what could be held out."""

    piece: Piece
    templates: tuple[str, ...]
    keys: tuple[Key, ...]


class Rules(NamedTuple):
    """What a phrase may be made of.

    Attributes:
      allows: says of a number, a date or a pair of templates whether it may be used.
      knows: says of a clause whether its words may be used; None for all words.
    """

    allows: Callable[[Key], bool]
    knows: Callable[[Piece], bool] | None = None


class Join(NamedTuple):
    """A way to make one group of several clauses (of one clause: no form)."""

    clauses: int
    form: Form | None
    bars: frozenset[str]
    """Words that no clause in it may have, so that the whole can be read."""

    def takes(self, piece: Piece, place: int) -> bool:
        """Whether a piece can be clause number `place`."""
        if not (self.bars.isdisjoint(piece.source) and self.bars.isdisjoint(piece.target)):
            return False
        # What follows an opening bracket begins with a word: "(￭ $￭" would melt.
        return not (place and "(￭" in self.bars) or all(
            word[0].isalnum() and word[-1] != JOINER for word in (piece.source[0], piece.target[0])
        )


def length(piece: Piece) -> int:
    """The words of the longer side."""
    return max(len(piece.source), len(piece.target))


def pair_key(first: str, second: str) -> Key:
    """Two templates, one right after the other."""
    return ("pair", f"{first} {second}")


class Composer:
    """Draws phrases of a pair of languages."""

    def __init__(self, pair: Pair):
        self._pair = pair
        self._templates = templates(pair)
        self._upto = list(itertools.accumulate(template.weight for template in self._templates))
        self._joins, self._joins_upto = joins(pair)
        # A look at each template saves drawing what cannot be short enough anyway.
        self._shortest = {
            template.name: min(length(template.draw(Dice(seed)).piece) for seed in range(20))
            for template in self._templates
        }

    def phrase(self, dice: Dice, words: int, rules: Rules) -> Phrase:
        """Draws a phrase of `words` words, give or take two.

        It is longer where nothing so short was found, shorter where nothing had room, and empty
        where the rules allow nothing.
        """
        groups: list[Piece] = []
        clauses: list[tuple[str, Clause]] = []
        so_far = 0
        while not groups or so_far < words - 2:
            room = words + 2 - so_far - bool(groups)
            join, drawn = self._group(dice, room, clauses[-1:], rules)
            if not drawn:
                # So short a clause is rare: a first one may be longer.
                clause = None if groups else self._clause(dice, join, _ANY_LENGTH, [], [], rules)
                if clause is None:
                    break
                drawn = [clause]
            pieces = [clause.piece for _, clause in drawn]
            groups.append(join.form.fill(pieces) if join.form else pieces[0])
            clauses.extend(drawn)
            so_far += length(groups[-1]) + (len(groups) > 1)
        return self._chained(groups, clauses)

    def _chained(self, groups: list[Piece], clauses: list[tuple[str, Clause]]) -> Phrase:
        """The phrase of groups of clauses."""
        names = tuple(name for name, _ in clauses)
        keys = [key for _, clause in clauses for key in clause.keys]
        keys.extend(pair_key(*two) for two in itertools.pairwise(names))
        return Phrase(chain(self._pair, len(groups)).fill(groups), names, tuple(keys))

    def _group(
        self, dice: Dice, room: int, before: Sequence[tuple[str, Clause]], rules: Rules
    ) -> tuple[Join, list[tuple[str, Clause]]]:
        """One or a few clauses that have room; none where nothing was found to."""
        number = bisect.bisect(self._joins_upto, dice.fraction() * self._joins_upto[-1])
        for join in (self._joins[number], self._joins[0]):
            left = room - (len(join.form.source) - join.clauses if join.form else 0)
            drawn: list[tuple[str, Clause]] = []
            while len(drawn) < join.clauses:
                clause = self._clause(dice, join, left, before, drawn, rules)
                if clause is None:
                    break
                drawn.append(clause)
                left -= length(clause[1].piece)
            if len(drawn) == join.clauses:
                return join, drawn
        return join, []

    def _clause(
        self,
        dice: Dice,
        join: Join,
        room: int,
        before: Sequence[tuple[str, Clause]],
        drawn: Sequence[tuple[str, Clause]],
        rules: Rules,
    ) -> tuple[str, Clause] | None:
        """A clause that may stand after those before and after those drawn for the same group, and
        has room; None if it is not found in a few tries.
        """
        last = (*before, *drawn)[-1:]
        tries = _TRIES_WITH_KNOWN_WORDS if rules.knows else _TRIES
        for _ in range(tries if room > 0 else 0):
            template = self._templates[bisect.bisect(self._upto, dice.fraction() * self._upto[-1])]
            if last and not rules.allows(pair_key(last[0][0], template.name)):
                continue
            if self._shortest[template.name] > room:
                continue
            # One template once in a group: twenty and one would be twenty-one in French.
            if any(name == template.name for name, _ in drawn):
                continue
            clause = template.draw(dice)
            if (
                length(clause.piece) <= room
                and all(map(rules.allows, clause.keys))
                and join.takes(clause.piece, len(drawn))
                and (rules.knows is None or rules.knows(clause.piece))
            ):
                return template.name, clause
        return None


@functools.cache
def joins(pair: Pair) -> tuple[list[Join], list[float]]:
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
    found = [Join(1, None, frozenset())]
    weights = [40.0]
    for weight, count, make, bars in ways:
        try:
            form = make()
        except UnfitPatternError:
            continue
        own = {item for item in (*form.source, *form.target) if isinstance(item, str)}
        found.append(Join(count, form, frozenset(own | bars)))
        weights.append(weight)
    return found, list(itertools.accumulate(weights))
