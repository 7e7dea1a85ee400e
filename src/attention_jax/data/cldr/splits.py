"""Train, validation, test and test_long: disjoint, and what is held out of training.

A hash decides, once for all languages and seeds, which numbers, dates and pairs of neighbouring
templates never occur in training; every phrase of the other splits has at least one of them, and
none has a word that training lacks. So a test asks for a new combination of known words.
"""

import functools
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import babel.core

from attention_jax.data import words
from attention_jax.data.cldr.compose import Composer, Key, Phrase, Rules, length
from attention_jax.data.cldr.draw import Dice
from attention_jax.data.cldr.languages import pair
from attention_jax.data.cldr.pieces import Piece
from attention_jax.errors import UserError

SPLITS = ("train", "validation", "test", "test_long")

LONGEST = 60
"""Words of the longer side, at most, in every split but test_long."""

LONGEST_OF_ALL = 90
"""The same of test_long, which begins where the others end."""

_ONE_IN = 10
_TRIES = 3_000


@dataclass(frozen=True)
class CldrConfig:
    """What a data set is made from; `generator_hash` covers all of it.

    Attributes:
      source: code of the source language, one of `languages.supported()`.
      target: code of the target language.
      train: number of phrases of that split; the others likewise.
      seed: another seed draws other phrases; what is held out stays the same.
    """

    source: str = "en"
    target: str = "fr"
    train: int = 48_000
    validation: int = 1_000
    test: int = 1_000
    test_long: int = 500
    seed: int = 0


class Example(NamedTuple):
    """A phrase as it is stored: plain normalised text.

    `alignment` is "i-j i-j ...", source word i to target word j, counted from 0 in
    `words.split(source)` and `words.split(target)`.
    """

    source: str
    target: str
    alignment: str
    templates: str
    split: str


@functools.lru_cache(maxsize=1 << 18)
def held_out(key: Key) -> bool:
    """Whether a number, a date or a pair of templates is kept from training: one in ten is."""
    digest = hashlib.blake2b("|".join(key).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % _ONE_IN == 0


def generate(config: CldrConfig, splits: tuple[str, ...] = SPLITS) -> dict[str, list[Example]]:
    """Makes the splits asked for; the same for the same config, in whatever process.

    Raises:
      UserError: a language is not supported, or there are too few training phrases to make others
        of their words.
    """
    for split in SPLITS:
        if getattr(config, split) < (split == "train"):
            raise UserError(f"cldr_phrases cannot make {getattr(config, split)} phrases of {split}")
    composer = Composer(pair(config.source, config.target))
    seen: tuple[set[str], set[str]] = set(), set()
    made: dict[str, list[Example]] = {"train": []}
    for example, piece in _examples(config, "train", composer, Rules(_is_trainable)):
        made["train"].append(example)
        seen[0].update(piece.source)
        seen[1].update(piece.target)

    def is_known(piece: Piece) -> bool:
        return seen[0].issuperset(piece.source) and seen[1].issuperset(piece.target)

    for split in splits:
        if split != "train":
            rules = Rules(lambda key: True, is_known)
            made[split] = [example for example, _ in _examples(config, split, composer, rules)]
    return {split: made[split] for split in splits}


def _examples(
    config: CldrConfig, split: str, composer: Composer, rules: Rules
) -> Iterator[tuple[Example, Piece]]:
    """The examples of one split, each drawn again until it is fit and new."""
    sources: set[str] = set()
    for index in range(getattr(config, split)):
        # The length belongs to the index: what is rejected must not change how long phrases are.
        wanted = _draw_length(Dice(_seed(config.seed, split, index)), split)
        for attempt in range(_TRIES):
            dice = Dice(_seed(config.seed, split, index, attempt))
            phrase = composer.phrase(dice, wanted, rules)
            if not _fits(phrase, split) or (rules.knows and not rules.knows(phrase.piece)):
                continue
            example = _example(phrase, split)
            if example and example.source not in sources and _belongs(example.source, split):
                sources.add(example.source)
                yield example, phrase.piece
                break
        else:
            raise UserError(
                f"cldr_phrases cannot make {split} of the words of {config.train} training "
                "phrases: make more of them, or fewer of the others"
            )


def _seed(*parts: int | str) -> int:
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=8).digest(), "big")


def _draw_length(dice: Dice, split: str) -> int:
    """How many words to aim at; a phrase may have two more. Short ones come a bit more often."""
    if split == "test_long":
        return dice.between(LONGEST + 1, LONGEST_OF_ALL - 2)
    return 1 + int((LONGEST - 2) * dice.fraction() ** 1.2)


def _is_trainable(key: Key) -> bool:
    return not held_out(key)


def _fits(phrase: Phrase, split: str) -> bool:
    if split == "train":
        return 0 < length(phrase.piece) <= LONGEST
    if not any(map(held_out, phrase.keys)):
        return False
    if split == "test_long":
        return LONGEST < length(phrase.piece) <= LONGEST_OF_ALL
    return length(phrase.piece) <= LONGEST


def _belongs(source: str, split: str) -> bool:
    """Validation and test share the phrases that training cannot have: a hash parts them."""
    side = _seed(source) % 2
    return {"validation": side == 0, "test": side == 1}.get(split, True)


def _example(phrase: Phrase, split: str) -> Example | None:
    """The phrase as text, or None should its words melt into others there."""
    piece = phrase.piece
    source, target = words.join(piece.source), words.join(piece.target)
    if words.split(source) != list(piece.source) or words.split(target) != list(piece.target):
        return None
    alignment = " ".join(f"{s}-{t}" for s, t in sorted(piece.links))
    return Example(source, target, alignment, " ".join(phrase.templates), split)


def generator_hash(config: CldrConfig) -> str:
    """What made a data set, as one hexadecimal number: the generator's own code, the versions of
    Babel, its CLDR and num2words, and the config. It goes with every number reported.
    """
    digest = hashlib.sha256()
    package = Path(__file__).parent
    for path in [*sorted(set(package.glob("*.py")) - {package / "load.py"}), Path(words.__file__)]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    facts = asdict(config) | {
        "babel": metadata.version("babel"),
        "cldr": str(getattr(babel.core, "get_cldr_version", lambda: "")()),
        "num2words": metadata.version("num2words"),
    }
    digest.update(json.dumps(facts, sort_keys=True).encode())
    return digest.hexdigest()
