"""Pieces of two languages that say the same, and forms that put pieces together.

A `Piece` is a run of source words, a run of target words and the links between them. A `Form` is
a pattern in both languages ("in {0} hours", "dans {0} heures") whose slots are filled with pieces;
the result is a piece again. So word alignments are known by construction, whatever is nested in
whatever: words of a piece are linked within it, words of a form to their counterpart there.
"""

import itertools
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from attention_jax.data.cldr import align
from attention_jax.data.words import split

Links = tuple[tuple[int, int], ...]


class Piece(NamedTuple):
    """Source words, target words and the links (source index, target index) between them."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    links: Links = ()


def name(source: str, target: str) -> Piece:
    """A name in both languages, every target word linked."""
    words, translation = tuple(split(source)), tuple(split(target))
    links = align.cover(align.links(words, translation), len(translation))
    return Piece(words, translation, tuple(links))


class Form(NamedTuple):
    """A pattern in both languages: words, and numbers where a slot is."""

    source: tuple[str | int, ...]
    target: tuple[str | int, ...]
    links: Links
    """Between the words of the pattern, as indices into `source` and `target`."""
    lenders: tuple[tuple[int, int], ...]
    """(slot without source words, slot whose first source word its target words are linked to)."""

    def fill(self, pieces: Sequence[Piece]) -> Piece:
        """The pattern with `pieces[i]` in slot i."""
        # Most of the time that a data set takes is spent here: plain loops, nothing sorted.
        source: list[str] = []
        starts: list[int] = []
        slot_starts: dict[int, int] = {}
        for item in self.source:
            starts.append(len(source))
            if isinstance(item, int):
                slot_starts[item] = len(source)
                source += pieces[item].source
            else:
                source.append(item)
        target: list[str] = []
        target_starts: list[int] = []
        links: list[tuple[int, int]] = []
        for item in self.target:
            start = len(target)
            target_starts.append(start)
            if isinstance(item, int):
                piece = pieces[item]
                target += piece.target
                if item in slot_starts:
                    shift = slot_starts[item]
                    for s, t in piece.links:
                        links.append((s + shift, t + start))
            else:
                target.append(item)
        for s, t in self.links:
            links.append((starts[s], target_starts[t]))
        for slot, lender in self.lenders:
            first = target_starts[self.target.index(slot)]
            links += [(slot_starts[lender], first + t) for t in range(len(pieces[slot].target))]
        return Piece(tuple(source), tuple(target), tuple(links))


class UnfitPatternError(Exception):
    """A pattern that cannot be cut into words and slots: a template does without it."""


def parse(pattern: str) -> list[str | int]:
    """Cuts "in {0} hours" into ["in ", 0, " hours"]."""
    parts = re.split(r"\{(\d+)\}", pattern)
    return [int(part) if number % 2 else part for number, part in enumerate(parts) if part]


def form(
    source: str | Sequence[str | int],
    target: str | Sequence[str | int],
    *,
    digits: Iterable[int] = (),
    target_digits: Iterable[int] | None = None,
    heads: tuple[Sequence[str], Sequence[str]] | None = None,
    lenders: Iterable[tuple[int, int]] = (),
) -> Form:
    """Makes a form of a pattern in each language.

    Args:
      source: "in {0} hours", or its text and slots in order.
      target: the same in the target language; slots may stand in another order.
      digits: slots that hold digits; other slots hold what begins and ends with a letter.
      target_digits: the same of the target's pattern, where it differs.
      heads: words of each pattern that are known to be each other's counterpart.
      lenders: as in `Form`; a pair whose slot has source words is dropped.

    Raises:
      UnfitPatternError: the words around a slot would melt with what fills it.
    """
    if target_digits is None:
        target_digits = digits = frozenset(digits)
    source_items = _words(parse(source) if isinstance(source, str) else source, digits)
    target_items = _words(parse(target) if isinstance(target, str) else target, target_digits)
    lent = tuple(
        (slot, lender)
        for slot, lender in lenders
        if slot in target_items and slot not in source_items and lender in source_items
    )
    links = sorted(_word_links(source_items, target_items, heads))
    return Form(source_items, target_items, tuple(links), lent)


# One letter or digit of its own for every slot: it can be told apart and behaves as its kind does.
_LETTERS = [chr(0xA000 + number) for number in range(200)]
_DIGITS = [chr(0x1D7CE + number) for number in range(40)]


def _words(items: Sequence[str | int], digits: Iterable[int]) -> tuple[str | int, ...]:
    """Splits the text of a pattern into words, in the company of its slots."""
    slots = [item for item in items if isinstance(item, int)]
    if len(set(slots)) < len(slots):
        raise UnfitPatternError(f"a slot comes twice in {items}")
    probes = {slot: _LETTERS[slot] for slot in slots}
    probes |= {slot: _DIGITS[slot] for slot in digits if slot in slots}
    text = "".join(probes[item] if isinstance(item, int) else item for item in items)
    slot_of = {probe: slot for slot, probe in probes.items()}
    words = [slot_of.get(word, word) for word in split(text)]
    if sum(isinstance(word, int) for word in words) < len(slots):
        raise UnfitPatternError(f"a slot melts with the words around it in {items}")
    return tuple(words)


Items = tuple[str | int, ...]
Group = tuple[list[int], list[int]]


def _word_links(
    source: Items,
    target: Items,
    heads: tuple[Sequence[str], Sequence[str]] | None,
) -> list[tuple[int, int]]:
    """Links between the words of two patterns.

    Words between the same two slots belong together; where the slots stand in another order, or
    the heads are known, it is heads to heads and the rest to the rest.
    """
    runs, translations = _gaps(source), _gaps(target)
    slots = [item for item in source if isinstance(item, int)]
    if heads is None and slots == [item for item in target if isinstance(item, int)]:
        found = _group_links(source, target, zip(runs, translations, strict=True))
        return found + _rest_links(source, target, found)
    everything = list(itertools.chain(*runs)), list(itertools.chain(*translations))
    known = heads or ((), ())
    return _group_links(
        source,
        target,
        [
            (
                [i for i in everything[0] if (source[i] in known[0]) == is_head],
                [i for i in everything[1] if (target[i] in known[1]) == is_head],
            )
            for is_head in (True, False)
        ],
    )


def _group_links(source: Items, target: Items, groups: Iterable[Group]) -> list[tuple[int, int]]:
    links: list[tuple[int, int]] = []
    for run, translation in groups:
        found = align.links([str(source[i]) for i in run], [str(target[i]) for i in translation])
        links.extend((run[s], translation[t]) for s, t in found)
    return links


def _rest_links(
    source: Items, target: Items, found: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Links what has no counterpart at its place: "$12" and "12 $US", "a, b" and "a et b"."""
    done = {s for s, _ in found}, {t for _, t in found}
    words = [i for i, item in enumerate(source) if isinstance(item, str) and i not in done[0]]
    rest = [i for i, item in enumerate(target) if isinstance(item, str) and i not in done[1]]
    if not words or not rest:
        return []
    links = align.links([str(source[i]) for i in words], [str(target[i]) for i in rest])
    return [(words[s], rest[t]) for s, t in align.cover(links or [(0, 0)], len(rest))]


def _gaps(items: Items) -> list[list[int]]:
    """Indices of the words before the first slot, between the first two, ... after the last."""
    runs: list[list[int]] = [[]]
    for index, item in enumerate(items):
        if isinstance(item, int):
            runs.append([])
        else:
            runs[-1].append(index)
    return runs
