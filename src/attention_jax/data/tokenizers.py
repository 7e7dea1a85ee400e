"""Text to numbers and back: by word, by character or by subword, the first four numbers alike.

All tokenizers work on `words.normalise(text)` and give it back: `decode(encode(text))` equals it
where nothing was unknown. They are kept as plain files (JSON, or sentencepiece's own model).
Two are equal where they give every text the same tokens.
"""

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Protocol, Self

import sentencepiece

from attention_jax.data import words
from attention_jax.data.spans import NO_WORD, words_of_pieces
from attention_jax.data.vocabulary import (
    BOS,
    EOS,
    PAD,
    SPECIAL,
    UNK,
    Vocabulary,
    is_text,
    read_whole,
    require_room,
    spoken,
    write_whole,
)
from attention_jax.errors import UserError

__all__ = [
    "BOS",
    "EOS",
    "NO_WORD",
    "PAD",
    "SPECIAL",
    "UNK",
    "CharacterTokenizer",
    "SentencePieceTokenizer",
    "Tokenizer",
    "WordTokenizer",
]

# What stands for an unknown piece where words are counted: most unknown pieces are letters.
_UNKNOWN_LETTER = "x"
_UNKNOWN_SHOWN = "\ufffd"
_SPACE_SHOWN = "␣"
_SPACE_MARK = "▁"  # sentencepiece's


class Tokenizer(Protocol):
    """What a tokenizer can do. `train` and `load` are class methods of each."""

    @property
    def size(self) -> int:
        """Entries of the vocabulary, the four special ones included."""
        ...

    def encode(self, text: str) -> list[int]:
        """The tokens of a text, without an end of sentence."""
        ...

    def decode(self, ids: Iterable[int]) -> str:
        """The text of tokens up to the first EOS; padding and BOS are skipped."""
        ...

    def tokens(self, ids: Iterable[int]) -> list[str]:
        """How each token reads, for plots; special ones as in `SPECIAL`."""
        ...

    def word_of(self, ids: Iterable[int]) -> list[int]:
        """For each token the number of its word in `words.split` of the decoded text.

        `NO_WORD` for special tokens, all that follows an EOS, and mere white space. A token that
        spans several words counts for the first.
        """
        ...

    def unknown(self, text: str) -> list[str]:
        """The pieces of a text that the vocabulary lacks, for reports."""
        ...

    def save(self, folder: str | Path, name: str) -> Path:
        """Writes the tokenizer to a file `name` (plus extension) and returns its path."""
        ...


class WordTokenizer(Vocabulary):
    """One token a word, as `words.split` cuts them."""

    kind, unit = "word", "word"

    @classmethod
    def train(cls, texts: Iterable[str], size: int | None = None, *, min_count: int = 1) -> Self:
        """Learns the vocabulary.

        Args:
          texts: of the training split.
          size: entries at most, special ones included; None for no limit.
          min_count: leaves out words seen less often.

        Raises:
          UserError: there is no word, or no room for one.
        """
        return cls.learn(map(words.split, texts), size, min_count)

    def encode(self, text: str) -> list[int]:
        return self._numbers_of(words.split(text))

    def decode(self, ids: Iterable[int]) -> str:
        return words.join(self.entries[n] for n in spoken(ids))

    def tokens(self, ids: Iterable[int]) -> list[str]:
        # Joined alone, a word sheds its joiner marks: no font has them.
        return [words.join([self.entries[n]]) for n in ids]

    def word_of(self, ids: Iterable[int]) -> list[int]:
        ids = list(ids)
        numbers = iter(range(len(ids)))
        return [next(numbers) if real else NO_WORD for real in is_text(ids)]

    def unknown(self, text: str) -> list[str]:
        return [words.join([word]) for word in self._missing(words.split(text))]


class CharacterTokenizer(Vocabulary):
    """One token a character, spaces included."""

    kind, unit = "character", "character"

    @classmethod
    def train(cls, texts: Iterable[str], size: int | None = None, *, min_count: int = 1) -> Self:
        """Learns the vocabulary; arguments and errors as those of `WordTokenizer.train`."""
        return cls.learn(map(words.normalise, texts), size, min_count)

    def encode(self, text: str) -> list[int]:
        return self._numbers_of(words.normalise(text))

    def decode(self, ids: Iterable[int]) -> str:
        return words.normalise("".join(self._character(n, _UNKNOWN_SHOWN) for n in spoken(ids)))

    def tokens(self, ids: Iterable[int]) -> list[str]:
        return [entry.replace(" ", _SPACE_SHOWN) for entry in (self.entries[n] for n in ids)]

    def word_of(self, ids: Iterable[int]) -> list[int]:
        ids = list(ids)
        return words_of_pieces(
            self._character(n, _UNKNOWN_LETTER) if real else ""
            for n, real in zip(ids, is_text(ids), strict=True)
        )

    def unknown(self, text: str) -> list[str]:
        return self._missing(words.normalise(text))

    def _character(self, number: int, unknown: str) -> str:
        return unknown if number == UNK else self.entries[number]


class SentencePieceTokenizer:
    """Subwords learned by sentencepiece (byte-pair encoding or a unigram model).

    Sennrich 2016 and Kudo 2018. sentencepiece's own normalisation is off: it would change texts
    for good (½ to 1/2), where a translation has to be given back as it was written.
    """

    def __init__(self, model: bytes):
        """Takes a serialised sentencepiece model whose first four pieces are PAD, BOS, EOS, UNK."""
        self._model = model
        self._processor = sentencepiece.SentencePieceProcessor()
        self._processor.LoadFromSerializedProto(model)

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        size: int,
        *,
        model: Literal["bpe", "unigram"] = "bpe",
        coverage: float = 1.0,
    ) -> Self:
        """Learns the pieces.

        Args:
          texts: of the training split.
          size: entries, special ones included.
          model: how pieces are chosen.
          coverage: share of all characters' occurrences, in 0..1, that must have a piece; below 1
            the rarest characters (of a language with thousands) are left unknown.

        Raises:
          UserError: there is no text, the vocabulary is too large for it, or too small for its
            characters.
        """
        require_room(size)
        lines = [line for line in map(words.normalise, texts) if line]
        if not lines:
            raise UserError("there is no text to learn subwords from")
        written = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(lines),
                model_writer=written,
                model_type=model,
                vocab_size=size,
                character_coverage=coverage,
                normalization_rule_name="identity",
                pad_id=PAD,
                bos_id=BOS,
                eos_id=EOS,
                unk_id=UNK,
                pad_piece=SPECIAL[PAD],
                # One thread, so that the same text always gives the same pieces.
                num_threads=1,
                # A longer line would be left out, and the default is a paragraph.
                max_sentence_length=2**30,
                minloglevel=2,
            )
        except RuntimeError as error:
            raise UserError(_why_not(size, str(error))) from None
        return cls(written.getvalue())

    @property
    def size(self) -> int:
        return self._processor.get_piece_size()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SentencePieceTokenizer) and self._model == other._model

    def encode(self, text: str) -> list[int]:
        return self._processor.encode(words.normalise(text))

    def decode(self, ids: Iterable[int]) -> str:
        return words.normalise("".join(self._surface(n, _UNKNOWN_SHOWN) for n in spoken(ids)))

    def tokens(self, ids: Iterable[int]) -> list[str]:
        return [self._processor.id_to_piece(int(n)) for n in ids]

    def word_of(self, ids: Iterable[int]) -> list[int]:
        ids = list(ids)
        return words_of_pieces(
            self._surface(n, _UNKNOWN_LETTER) if real else ""
            for n, real in zip(ids, is_text(ids), strict=True)
        )

    def unknown(self, text: str) -> list[str]:
        text = words.normalise(text)
        pieces = self._processor.encode(text, out_type=str)
        return [p for p, n in zip(pieces, self.encode(text), strict=True) if n == UNK]

    def save(self, folder: str | Path, name: str) -> Path:
        return write_whole(Path(folder) / f"{name}.model", self._model)

    @classmethod
    def load(cls, folder: str | Path, name: str) -> Self:
        """Reads what `save` wrote.

        Raises:
          UserError: the file is missing, damaged, or a model with other special entries.
        """
        path = Path(folder) / f"{name}.model"
        try:
            tokenizer = cls(read_whole(path))
        except RuntimeError:
            raise UserError(f"{path} is not a whole sentencepiece model: make it anew") from None
        if tokenizer.tokens(range(min(len(SPECIAL), tokenizer.size))) != list(SPECIAL):
            raise UserError(
                f"the first entries of {path} are not {', '.join(SPECIAL)}: make it anew"
            )
        return tokenizer

    def _surface(self, number: int, unknown: str) -> str:
        if number == UNK:
            return unknown
        return self._processor.id_to_piece(int(number)).replace(_SPACE_MARK, " ")


def _why_not(size: int, message: str) -> str:
    """The message of sentencepiece, which names options of its own program, in our words."""
    if found := re.search(r"value <= (\d+)", message):
        return f"a vocabulary of {size} subwords is too large for the text: use {found[1]} or fewer"
    if found := re.search(r"required_chars\. \d+ vs (\d+)", message):
        return f"a vocabulary of {size} subwords is too small: the text needs {found[1]} or more"
    return f"a vocabulary of {size} subwords cannot be learned: {message}"
