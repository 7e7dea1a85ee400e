"""Which word of a short expression belongs to which word of its translation.

Only for the inside of names and patterns of a few words ("square meters", "mètres carrés"):
everything larger is aligned by how it was put together. One word belongs to all of the other
side; several belong to those that look alike, and to those at the same place where nothing does.
"""

import difflib
import functools
import unicodedata
from collections.abc import Sequence

from attention_jax.data.words import JOINER

ALIKE = 0.5
"""From this similarity on two words are taken for the same word in two languages."""


def links(source: Sequence[str], target: Sequence[str]) -> list[tuple[int, int]]:
    """Links (source index, target index): words to words, punctuation to punctuation.

    A target word is left without a link only where the source has no word at all, punctuation
    only where the source has no counterpart.
    """
    words = [i for i, word in enumerate(source) if is_word(word)]
    translations = [i for i, word in enumerate(target) if is_word(word)]
    found = [
        (words[s], translations[t])
        for s, t in _word_links([source[i] for i in words], [target[i] for i in translations])
    ]
    return sorted(found + _punctuation_links(source, target))


def cover(found: Sequence[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    """Adds links so that each of `length` target words has one: its next linked neighbour's,
    or the last one's (an article or an apostrophe belongs to the noun after it).
    """
    by_target: dict[int, list[int]] = {}
    for s, t in found:
        by_target.setdefault(t, []).append(s)
    if not by_target:
        return []
    covered: list[tuple[int, int]] = []
    for t in range(length):
        after = [other for other in by_target if other >= t]
        owner = min(after) if after else max(by_target)
        covered.extend((s, t) for s in by_target[owner])
    return sorted(covered)


def is_certain(source: Sequence[str], target: Sequence[str]) -> bool:
    """Whether `links` can be trusted: one side is a single word, or all words but one look alike.

    Short words (articles, prepositions) may be left over on either side.
    """
    words = [word for word in source if is_word(word)]
    translations = [word for word in target if is_word(word)]
    if min(len(words), len(translations)) == 1:
        return True
    pairs = _pairs(words, translations)
    unlike = sum(similarity(words[s], translations[t]) < ALIKE for s, t in pairs)
    spare = {word for i, word in enumerate(words) if i not in {s for s, _ in pairs}}
    spare |= {word for i, word in enumerate(translations) if i not in {t for _, t in pairs}}
    return unlike <= 1 and all(len(word) <= 3 for word in spare)


def is_word(word: str) -> bool:
    """Whether a word holds a letter or a digit."""
    return any(character.isalnum() for character in word)


@functools.lru_cache(maxsize=1 << 14)
def similarity(word: str, other: str) -> float:
    """From 0 (no letter in common) to 1 (the same letters), accents and case aside."""
    return difflib.SequenceMatcher(None, _bare(word), _bare(other), autojunk=False).ratio()


def _bare(word: str) -> str:
    return "".join(
        character
        for character in unicodedata.normalize("NFKD", word.casefold())
        if not unicodedata.combining(character) and character != JOINER
    )


def _word_links(source: list[str], target: list[str]) -> list[tuple[int, int]]:
    if not source or not target:
        return []
    if len(source) == 1:
        return [(0, t) for t in range(len(target))]
    if len(target) == 1:
        long = [s for s, word in enumerate(source) if len(word) > 3]
        return [(s, 0) for s in long or range(len(source))]
    return cover(_pairs(source, target), len(target))


def _pairs(source: list[str], target: list[str]) -> list[tuple[int, int]]:
    """Pairs the words one to one, the most alike first, then those at the closest place."""
    likeness = {
        (s, t): (similarity(word, other), -abs((s + 0.5) / len(source) - (t + 0.5) / len(target)))
        for s, word in enumerate(source)
        for t, other in enumerate(target)
    }

    def rank(pair: tuple[int, int]) -> tuple[bool, float, float]:
        alike, near = likeness[pair]
        # Unlike words are told apart by place alone: chance letters say nothing.
        return (alike >= ALIKE, alike if alike >= ALIKE else near, near)

    pairs: list[tuple[int, int]] = []
    for s, t in sorted(likeness, key=rank, reverse=True):
        if all(s != other and t != another for other, another in pairs):
            pairs.append((s, t))
    return sorted(pairs)


def _punctuation_links(source: Sequence[str], target: Sequence[str]) -> list[tuple[int, int]]:
    """In order: the same mark first, then marks that are joined alike."""
    marks = [i for i, word in enumerate(source) if not is_word(word)]
    found: list[tuple[int, int]] = []
    open_targets = [i for i, word in enumerate(target) if not is_word(word)]
    for same in (
        lambda a, b: a.strip(JOINER) == b.strip(JOINER),
        lambda a, b: len(a) == len(b) == 3,
    ):
        for t in list(open_targets):
            for s in marks:
                if same(source[s], target[t]):
                    found.append((s, t))
                    marks.remove(s)
                    open_targets.remove(t)
                    break
    return found
