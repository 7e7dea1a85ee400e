"""Parallel text that the user brings in `--manual_dir`: where it lies, and how it is split.

    multi30k         {train,val,test_2016_flickr}.{en,de,fr}[.gz]; the published splits
    tatoeba_spa_eng  train.en-es.tsv[.gz]; 1 % validation, 2 % test, the rest training
    enja50k          {train,dev}.{en,ja}[.gz], dev as validation; test.{en,ja} too where it lies
                     there, else 1 % of train

each in a folder of this name in `manual_dir`, or straight in it. And for Tatoeba, to measure
alignments with,

    alignment_gold   en-es.dev.tsv[.gz], 105 pairs of XL-WA as the split xlwa_dev of both
                     directions; `data.alignments` says how its tokens become our words

- **Text.** True case is kept. Text is normalised to NFC and white space, tabs included, to single
  spaces (`words.normalise`); nothing else is changed. enja50k comes cut into words already, and
  English in lower case: what is translated and scored is that text.
- **Splits** are disjoint by source sentence: a training pair whose normalised source also stands in
  another split is left out. What is split here is split by a hash of the normalised source, so it
  does not depend on the order of the file, the other direction splits otherwise, and sentences that
  differ in anything, be it a full stop, are two. There, a pair that occurs twice is kept once.
  Published splits keep theirs.

Of the files of 2018 and 2017, that is, in (training, validation, test) pairs:

    multi30k de-en   28,999   1,014   1,000      tatoeba en-es   108,808   1,065   2,198
    multi30k en-de   28,999   1,014   1,000      tatoeba es-en   108,678   1,169   2,224
    enja50k en-ja    49,392     500     484      enja50k ja-en    49,533     500     463
"""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from attention_jax.data.alignments import read_alignments
from attention_jax.data.examples import Examples
from attention_jax.data.parallel import read_bytes, read_parallel
from attention_jax.errors import UserError

GOLD_FOLDER = "alignment_gold"

VERSION = "1.0.0"
"""Of the rules by which text becomes splits: raised with them, it has data made anew."""


class Pair(NamedTuple):
    """A sentence and its translation, normalised."""

    source: str
    target: str


@dataclass(frozen=True)
class DataSet:
    """What there is to bring.

    Attributes:
      name: of the data set.
      folder: in `manual_dir`, where its files are looked for first.
      languages: any two of them make a direction.
      files: split -> stem of its files' names.
      held_out: split -> per cent of the training sentences that make it where it has no files.
      origin: where the files come from.
      table: whether a split is one tab-separated file with the languages in their order, not a
        file a language.
      gold: split -> the file in `GOLD_FOLDER` that makes it: pairs from elsewhere, with word
        alignments, in the languages' order.
    """

    name: str
    folder: str
    languages: tuple[str, ...]
    files: Mapping[str, str]
    held_out: Mapping[str, int]
    origin: str
    table: bool = False
    gold: Mapping[str, str] = field(default_factory=dict)

    @property
    def splits(self) -> tuple[str, ...]:
        """Training first; without those of `gold`."""
        return tuple(dict.fromkeys([*self.files, *self.held_out]))

    def check(self, source: str, target: str) -> None:
        """Raises UserError for a direction that is not there."""
        for side, language in (("source", source), ("target", target)):
            if language not in self.languages:
                raise UserError(
                    f"{self.name} has no language {language!r}: give --config.data.{side} one of "
                    f"{', '.join(self.languages)}"
                )
        if source == target:
            raise UserError(
                f"config.data.source and config.data.target are both {source!r}: choose two of "
                f"{', '.join(self.languages)}"
            )

    def names(self, split: str, source: str, target: str) -> list[str]:
        """The files of a split, without ".gz": the table, or the source's and the target's."""
        stem = self.files[split]
        if self.table:
            return [f"{stem}.{'-'.join(self.languages)}.tsv"]
        return [f"{stem}.{source}", f"{stem}.{target}"]

    def wanted(self, source: str, target: str) -> str:
        """What to put where, for an error."""
        needed = [split for split in self.files if split not in self.held_out]
        names = [name for split in needed for name in self.names(split, source, target)]
        return (
            f"{self.name} {source}-{target} is not prepared yet: put {', '.join(names)} (.gz or "
            f"plain; from {self.origin}) into DIR/{self.folder} and give --manual_dir=DIR"
        )


MULTI30K = DataSet(
    name="multi30k",
    folder="multi30k",
    languages=("en", "de", "fr"),
    files={"train": "train", "validation": "val", "test_2016_flickr": "test_2016_flickr"},
    held_out={},
    origin="multi30k/dataset on GitHub, data/task1/raw",
)
TATOEBA = DataSet(
    name="tatoeba",
    folder="tatoeba_spa_eng",
    languages=("en", "es"),
    files={"train": "train"},
    held_out={"validation": 1, "test": 2},
    origin="manythings.org/anki, spa-eng.zip, whose spa.txt it is",
    table=True,
    gold={"xlwa_dev": "en-es.dev.tsv"},
)
ENJA50K = DataSet(
    name="enja50k",
    folder="enja50k",
    languages=("en", "ja"),
    files={"train": "train", "validation": "dev", "test": "test"},
    held_out={"test": 1},
    origin="odashi/small_parallel_enja on GitHub",
)


class RawText:
    """The files of one direction.

    Raises:
      UserError: for a direction that is not there, or files that are missing.
    """

    def __init__(self, data_set: DataSet, source: str, target: str, manual_dir: Path):
        data_set.check(source, target)
        self._set = data_set
        self._direction = source, target
        folder = manual_dir.expanduser()
        if (folder / data_set.folder).is_dir():
            folder /= data_set.folder
        self.paths: dict[str, list[Path]] = {}
        """Split -> its files."""
        for split in data_set.files:
            names = data_set.names(split, source, target)
            found = [path for name in names if (path := _there(folder / name))]
            if len(found) == len(names):
                self.paths[split] = found
            elif found or split not in data_set.held_out:
                missing = next(name for name in names if not _there(folder / name))
                raise UserError(
                    f"{folder} has no {missing}[.gz] for {data_set.name} {source}-{target}: "
                    f"put it there, from {data_set.origin}"
                )

    def hash(self) -> str:
        """Of the files' bytes and the rules by which they become splits."""
        digest = hashlib.sha256(VERSION.encode())
        for split, paths in self.paths.items():
            digest.update(split.encode())
            for path in paths:
                digest.update(hashlib.sha256(read_bytes(path)).digest())
        return digest.hexdigest()[:16]

    def read(self) -> tuple[dict[str, list[Pair]], str]:
        """The splits, and a sentence on what was left out.

        Raises:
          UserError: for files that cannot be used, or too few sentences to make a split of.
        """
        made: dict[str, list[Pair]] = {}
        left_out: Counter[str] = Counter()
        for split, paths in self.paths.items():
            text = read_parallel(*paths)
            sides = text.sources, text.targets
            if self._set.table and self._direction[0] != self._set.languages[0]:
                sides = text.targets, text.sources
            made[split] = list(map(Pair, *sides))
            left_out["empty"] += text.report.lines - text.report.kept
        elsewhere = {p.source for split, pairs in made.items() if split != "train" for p in pairs}
        pairs = [pair for pair in made["train"] if pair.source not in elsewhere]
        left_out["whose source is in another split"] = len(made["train"]) - len(pairs)
        shares = {split: share for split, share in self._set.held_out.items() if split not in made}
        if shares:
            unique = list(dict.fromkeys(pairs))
            left_out["repeated"] = len(pairs) - len(unique)
            made |= hold_out(unique, shares)
        else:
            made["train"] = pairs
        for split, pairs in made.items():
            if not pairs:
                files = ", ".join(map(str, self.paths.get(split, self.paths["train"])))
                raise UserError(f"no sentences are left for {split} of {files}: bring more of them")
        counts = ", ".join(f"{split} {len(pairs):,}" for split, pairs in made.items())
        dropped = "".join(f"; {number:,} {kind}" for kind, number in left_out.items() if number)
        return made, f"{self._set.name} {'-'.join(self._direction)}: pairs of {counts}{dropped}"


class GoldText:
    """The gold alignments of one split.

    Args:
      data_set: with that split in `gold`.
      split, source, target: what is wanted.
      manual_dir: what the user brings; None where nothing is brought.

    Raises:
      UserError: for a file that is not there.
    """

    def __init__(
        self, data_set: DataSet, split: str, source: str, target: str, manual_dir: Path | None
    ):
        name = data_set.gold[split]
        self._swapped = (source, target) != data_set.languages
        places = [] if manual_dir is None else [manual_dir / GOLD_FOLDER, manual_dir]
        found = [path for place in places if (path := _there(place.expanduser() / name))]
        if not found:
            raise UserError(
                f"the split {split} of {data_set.name} needs {name} (.gz or plain; from "
                f"SapienzaNLP/XL-WA on GitHub) in DIR/{GOLD_FOLDER}: give --manual_dir=DIR"
            )
        self._path = found[0]

    def hash(self) -> str:
        """Of the file's bytes."""
        return hashlib.sha256(read_bytes(self._path)).hexdigest()[:8]

    def read(self) -> Examples:
        """The pairs with their links. Raises UserError for a file that cannot be used."""
        return read_alignments(self._path, self._swapped)


def hold_out(pairs: list[Pair], shares: Mapping[str, int]) -> dict[str, list[Pair]]:
    """Parts training pairs by their sources, so that no source is in two splits.

    Args:
      pairs: in their order, which the splits keep.
      shares: split -> per cent of the sources, decided by a hash of each; "train" gets the rest.
    """
    drawn = [split for split, share in shares.items() for _ in range(share)]
    made: dict[str, list[Pair]] = {split: [] for split in ("train", *shares)}
    for pair in pairs:
        digest = hashlib.blake2b(pair.source.encode(), digest_size=8).digest()
        number = int.from_bytes(digest, "big") % 100
        made[drawn[number] if number < len(drawn) else "train"].append(pair)
    return made


def _there(path: Path) -> Path | None:
    """The file, gzipped or plain."""
    packed = path.with_name(path.name + ".gz")
    return next((each for each in (packed, path) if each.exists()), None)
