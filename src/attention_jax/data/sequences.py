"""Copying and reversal: random symbols whose alignment is known by construction.

The source is a sequence of letters, `q e a m`; the target is the same sequence (copying), or the
same from its last letter to its first (reversal). Nothing but the position relates one to the
other, so what a kind of attention can follow shows at once: a window that moves along with the
target, as Luong's local-m has it, must be able to copy and must fail to reverse.
"""

import hashlib
import json
import string
from pathlib import Path

import ml_collections

from attention_jax.data.cldr import draw
from attention_jax.data.examples import Examples, Links
from attention_jax.errors import UserError

TASKS = ("copying", "reversal")

SYMBOLS = string.ascii_lowercase

LENGTHS = (2, 24)
"""Symbols of a source, all lengths alike often, in every split but test_long."""

LONG = (25, 36)
"""The same of test_long, which begins where the others end."""

_HELD_OUT = {0: "validation", 1: "test"}
_ONE_IN = 10


class SequenceCorpus:
    """One of the two tasks, made anew whenever it is asked for: a second for 48,000 sequences.

    A hash decides which split a sequence belongs to, whatever the seed: no source of an evaluation
    is ever in training. Inside a split a short one may come again.

    Args:
      config: reads `name` (one of `TASKS`), `train_size`, `validation_size`, `test_size`,
        `long_size` and `seed`. There are no languages: `source` and `target` mean nothing here.

    Raises:
      UserError: for a split without a sequence.
    """

    splits: tuple[str, ...] = ("validation", "test", "test_long")

    def __init__(self, config: ml_collections.ConfigDict):
        self._name, self._seed = config.name, config.seed
        self._sizes = {
            "train": config.train_size,
            "validation": config.validation_size,
            "test": config.test_size,
            "test_long": config.long_size,
        }
        for split, size in self._sizes.items():
            if size < 1:
                key = f"{split.removeprefix('test_')}_size"
                raise UserError(f"config.data.{key} is {size}: {self._name} needs 1 or more")

    def examples(self, split: str) -> Examples:
        """The sequences of a split, with their gold alignments."""
        dice = draw.Dice(_number(repr((self._seed, split))))
        first, last = LONG if split == "test_long" else LENGTHS
        sources, targets, links = [], [], []
        for _ in range(self._sizes[split]):
            length = dice.between(first, last)
            source = " ".join(dice.pick(SYMBOLS) for _ in range(length))
            # Drawn again at its own length, so that all lengths stay alike often.
            while split_of(source) != split:
                source = " ".join(dice.pick(SYMBOLS) for _ in range(length))
            target, linked = solve(self._name, source)
            sources.append(source)
            targets.append(target)
            links.append(linked)
        return Examples(sources, targets, links)

    def hash(self) -> str:
        """Of the code that draws, and of the settings."""
        digest = hashlib.sha256()
        for file in (__file__, draw.__file__):
            digest.update(Path(file).read_bytes() + b"\0")
        digest.update(json.dumps([self._name, self._seed, self._sizes]).encode())
        return digest.hexdigest()[:16]


def solve(task: str, source: str) -> tuple[str, Links]:
    """The target of a source, and which symbol is which."""
    symbols = source.split()
    last = len(symbols) - 1
    if task == "copying":
        return source, {(place, place) for place in range(len(symbols))}
    return " ".join(reversed(symbols)), {(place, last - place) for place in range(len(symbols))}


def split_of(source: str) -> str:
    """The split a source belongs to: by its length test_long, else by a hash; most train."""
    if len(source.split()) > LENGTHS[1]:
        return "test_long"
    return _HELD_OUT.get(_number(source) % _ONE_IN, "train")


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
