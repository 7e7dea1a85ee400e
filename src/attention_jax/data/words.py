"""Splitting text into words and putting them together again, without loss.

`split` cuts text into what alignments and vocabularies call words:

- letters with their combining marks, hyphens between letters included: `twenty-three`,
  `États-Unis` and `quatre-vingt-dix-sept` are one word each;
- runs of digits: `22`, `2026`;
- every other character by itself: punctuation, symbols, the apostrophe of `l’heure`.

Where a piece stood against its neighbour without a space, a joiner mark `￭` says so: on the
punctuation where there is one (`22,` -> `22 ￭,`; `(a` -> `(￭ a`; `14:30` -> `14 ￭:￭ 30`;
`l’heure` -> `l ￭’￭ heure`), else on the second piece (`3rd` -> `3 ￭rd`). So
`join(split(text)) == normalise(text)` for every text without control characters, and the words
of a hypothesis become ordinary text again.
"""

import functools
import unicodedata
from collections.abc import Iterable

JOINER = "￭"
"""Marks the side on which a piece touches its neighbour (as in the OpenNMT tokenizer)."""

_HYPHENS = frozenset("-‐‑")
_INSIDE_WORDS = frozenset("\u200c\u200d")  # Persian and Indic words hold (non-)joiners.


def normalise(text: str) -> str:
    """NFC, with every run of Unicode spaces (CLDR has no-break ones) made one plain space."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def split(text: str) -> list[str]:
    """The words of a text; the text need not be normalised.

    Returns:
      words with joiner marks; `join` of them is `normalise(text)`. A `￭` of the text itself is a
      word `￭`, or `￭￭` where it touches the piece before it.
    """
    words: list[str] = []
    for chunk in normalise(text).split(" "):
        words.extend(_split_chunk(chunk))
    return words


def join(words: Iterable[str]) -> str:
    """The text of `words`: a space between two words unless a joiner mark says otherwise."""
    text: list[str] = []
    glued = True
    for word in words:
        left, piece, right = _joiners(word)
        if not glued and not left:
            text.append(" ")
        text.append(piece)
        glued = right
    return "".join(text)


@functools.lru_cache(maxsize=1 << 16)
def _joiners(word: str) -> tuple[bool, str, bool]:
    """Whether a word touches what is before it, its letters, whether it touches what is after."""
    left = len(word) > 1 and word.startswith(JOINER)
    if left:
        word = word[1:]
    right = len(word) > 1 and word.endswith(JOINER)
    return left, word[:-1] if right else word, right


@functools.lru_cache(maxsize=1 << 16)
def _split_chunk(chunk: str) -> tuple[str, ...]:
    """The words of a text without spaces."""
    pieces = _pieces(chunk)
    words = [piece for piece, _ in pieces]
    for right in range(1, len(pieces)):
        (before, before_is_word), (_, is_word) = pieces[right - 1], pieces[right]
        if is_word and not before_is_word and before != JOINER:
            words[right - 1] += JOINER
        else:
            words[right] = JOINER + words[right]
    return tuple(words)


def _pieces(chunk: str) -> list[tuple[str, bool]]:
    """Cuts a text without spaces into (piece, is a word or a number)."""
    kinds = [_kind(character) for character in chunk]
    pieces: list[tuple[str, bool]] = []
    start = 0
    while start < len(chunk):
        end = start + 1
        kind = kinds[start]
        if kind == "letter":
            while end < len(chunk) and (
                kinds[end] in ("letter", "mark")
                or (chunk[end] in _HYPHENS and kinds[end + 1 : end + 2] == ["letter"])
            ):
                end += 1
        elif kind == "digit":
            while end < len(chunk) and kinds[end] == "digit":
                end += 1
        pieces.append((chunk[start:end], kind in ("letter", "digit")))
        start = end
    return pieces


def _kind(character: str) -> str:
    """Letter, mark, digit or other."""
    category = unicodedata.category(character)
    if category[0] == "L":
        return "letter"
    if category[0] == "M" or character in _INSIDE_WORDS:
        return "mark"
    return "digit" if category == "Nd" else "other"
