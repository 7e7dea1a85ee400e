"""Entries with numbers, kept in a file; and the numbers that mean no text."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from attention_jax.errors import UserError

PAD, BOS, EOS, UNK = range(4)
SPECIAL = ("<pad>", "<s>", "</s>", "<unk>")


class Vocabulary:
    """Entries numbered from 4, kept as JSON: what word and character tokenizers share."""

    kind: str
    unit: str

    def __init__(self, entries: Iterable[str]):
        self.entries = (*SPECIAL, *entries)
        # Looked up by text only: a text that happens to hold "</s>" must not end the sentence.
        self._numbers = {entry: n for n, entry in enumerate(self.entries) if n > UNK}

    @property
    def size(self) -> int:
        return len(self.entries)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return (self.kind, self.entries) == (other.kind, other.entries)

    @classmethod
    def learn(cls, texts: Iterable[Iterable[str]], size: int | None, min_count: int) -> Self:
        """The most frequent pieces of texts already cut; ties in the order of the alphabet."""
        require_room(size)
        counts = Counter(piece for text in texts for piece in text)
        if not counts:
            raise UserError(f"there is no text to learn a vocabulary of {cls.unit}s from")
        ranked = sorted(counts, key=lambda piece: (-counts[piece], piece))
        kept = [piece for piece in ranked if counts[piece] >= min_count]
        return cls(kept[: None if size is None else size - len(SPECIAL)])

    def save(self, folder: str | Path, name: str) -> Path:
        content = {"tokenizer": self.kind, "entries": self.entries[len(SPECIAL) :]}
        text = json.dumps(content, ensure_ascii=False, indent=0)
        return write_whole(Path(folder) / f"{name}.json", text.encode())

    @classmethod
    def load(cls, folder: str | Path, name: str) -> Self:
        """Reads what `save` wrote.

        Raises:
          UserError: the file is missing, damaged or another kind of tokenizer's.
        """
        path = Path(folder) / f"{name}.json"
        damaged = UserError(f"{path} is not a whole vocabulary of {cls.unit}s: make it anew")
        try:
            content = json.loads(read_whole(path))
        except ValueError:
            raise damaged from None
        if not isinstance(content, dict) or content.get("tokenizer") != cls.kind:
            raise damaged
        entries = content.get("entries")
        if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
            raise damaged
        return cls(entries)

    def _numbers_of(self, pieces: Iterable[str]) -> list[int]:
        return [self._numbers.get(piece, UNK) for piece in pieces]

    def _missing(self, pieces: Iterable[str]) -> list[str]:
        return [piece for piece in pieces if piece not in self._numbers]


def is_text(ids: Sequence[int]) -> list[bool]:
    """Whether each token is part of the text: not special, not after an EOS."""
    ends = ids.index(EOS) if EOS in ids else len(ids)
    return [place < ends and number not in (PAD, BOS) for place, number in enumerate(ids)]


def spoken(ids: Iterable[int]) -> list[int]:
    """The tokens that are part of the text."""
    ids = list(ids)
    return [n for n, real in zip(ids, is_text(ids), strict=True) if real]


def require_room(size: int | None) -> None:
    """Raises UserError for a vocabulary that would hold special entries only."""
    if size is not None and size <= len(SPECIAL):
        raise UserError(
            f"a vocabulary of {size} has no room beside {len(SPECIAL)} special entries: "
            "raise its size"
        )


def write_whole(path: Path, content: bytes) -> Path:
    """Writes a file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    os.replace(partial, path)
    return path


def read_whole(path: Path) -> bytes:
    """The content of a tokenizer's file; UserError where it cannot be had."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"the tokenizer {path} does not exist: train it first") from None
    except OSError as error:
        raise UserError(f"the tokenizer {path} cannot be read: {error.strerror}") from None
