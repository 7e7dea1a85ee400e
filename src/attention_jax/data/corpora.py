"""Where sentence pairs come from.

All text is normalised (`words.normalise`: NFC, single spaces) and keeps its true case; tokenizers
change nothing else, so what a model is scored on is the corpus as it was written.
"""

import functools
import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import ml_collections

from attention_jax.data import cldr, manual, parallel, prepared, sequences
from attention_jax.data.examples import Examples, Links
from attention_jax.data.tfds_sets import TranslationSet
from attention_jax.errors import UserError

_log = logging.getLogger(__name__)

_TFDS = "tfds:"


class Corpus(Protocol):
    """Where sentence pairs come from. Nothing is read until it is asked for: who predicts from a
    trained workdir need not have the data.

    Attributes:
      splits: for evaluation, besides "train"; the first is looked at during training.
    """

    splits: tuple[str, ...]

    def examples(self, split: str) -> Examples: ...

    def hash(self) -> str: ...


class CldrCorpus:
    """The embedded phrases, prepared on first use.

    Raises:
      UserError: for languages that are not to be had.
    """

    splits: tuple[str, ...] = ("validation", "test", "test_long")

    def __init__(self, config: ml_collections.ConfigDict, data_dir: Path):
        names = ("source", "target", "train_size", "validation_size", "test_size", "long_size")
        source, target, *sizes = (config[name] for name in names)
        self._config = cldr.CldrConfig(source, target, *sizes, seed=config.seed)
        self._data_dir = data_dir

    def examples(self, split: str) -> Examples:
        """The phrases of a split, with their gold alignments."""
        phrases = cldr.load(self._config, split, self._data_dir)
        links = [_links(alignment) for alignment in phrases.alignments]
        return Examples(phrases.sources, phrases.targets, links)

    def hash(self) -> str:
        """Of the generator and what it draws on."""
        return cldr.generator_hash(self._config)[:16]


def _links(alignment: str) -> Links:
    pairs = (link.split("-") for link in alignment.split())
    return {(int(source), int(target)) for source, target in pairs}


class FileCorpus:
    """Parallel text by path.

    Args:
      paths: split -> "pairs.tsv" or "source.txt,target.txt" (gzip too); an empty path is a split
        that is not there.
      max_words: longer lines are left out of training, and reported.

    Raises:
      UserError: without training or validation text.
    """

    def __init__(self, paths: dict[str, str], max_words: int):
        for needed in ("train", "validation"):
            if not paths.get(needed):
                raise UserError(f"config.data.{needed} is empty: give a .tsv or two files")
        self._paths = {split: path.split(",") for split, path in paths.items() if path}
        for split, files in self._paths.items():
            if len(files) > 2:
                raise UserError(
                    f"config.data.{split} names {len(files)} files: give a .tsv, or the source's "
                    "and the target's"
                )
        self._max_words = max_words
        self.splits = tuple(split for split in self._paths if split != "train")

    def examples(self, split: str) -> Examples:
        """The pairs of a split. Raises UserError for files that cannot be used."""
        limit = self._max_words if split == "train" else None
        text = parallel.read_parallel(*self._paths[split], max_words=limit)
        return Examples(text.sources, text.targets, report=str(text.report))

    def hash(self) -> str:
        """Of the files' bytes."""
        digest = hashlib.sha256()
        for paths in self._paths.values():
            for path in paths:
                digest.update(parallel.read_bytes(path))
        return digest.hexdigest()[:16]


class ManualCorpus:
    """A data set that the user brings, prepared on first use; see `data.manual`.

    With `manual_dir`, what was prepared from its very files is used; without, what is prepared of
    that direction, if there is one of it. Gold alignments are a hundred lines, and are always read
    from `manual_dir` itself.

    Raises:
      UserError: for languages that are not to be had.
    """

    def __init__(
        self,
        data_set: manual.DataSet,
        config: ml_collections.ConfigDict,
        data_dir: Path,
        manual_dir: Path | None,
    ):
        data_set.check(config.source, config.target)
        self._set = data_set
        self._direction = config.source, config.target
        self._max_words = config.max_words
        self._folder = data_dir.expanduser() / data_set.name
        self._manual_dir = manual_dir
        self._gold_hash = ""
        self.splits = (*data_set.splits[1:], *data_set.gold)

    def examples(self, split: str) -> Examples:
        """The pairs of a split. Raises UserError for files that are missing or cannot be used."""
        if split in self._set.gold:
            gold = manual.GoldText(self._set, split, *self._direction, self._manual_dir)
            self._gold_hash = gold.hash()
            return gold.read()
        files = {
            each: self._folder / "columns" / f"{self._name}-{each}.json"
            for each in self._set.splits
        }
        columns = prepared.columns(files, split, self._prepare)
        limit = self._max_words if split == "train" else None
        return within(columns["source"], columns["target"], limit, columns["report"][0])

    def hash(self) -> str:
        """Of the files' bytes and the rules by which they are split; of the gold alignments' too,
        once they were read.
        """
        name = self._name.rpartition("-")[2]
        return f"{name}+{self._gold_hash}" if self._gold_hash else name

    @functools.cached_property
    def _text(self) -> manual.RawText | None:
        if self._manual_dir is None:
            return None
        return manual.RawText(self._set, *self._direction, self._manual_dir)

    @functools.cached_property
    def _name(self) -> str:
        """Of the data set's version: its direction, and the hash of what it is made from."""
        direction = "-".join(self._direction)
        if self._text is not None:
            return f"{direction}-{self._text.hash()}"
        pattern = f"{direction}-*/{manual.VERSION}/dataset_info.json"
        found = [path.parent.parent.name for path in self._folder.glob(pattern)]
        return prepared.only(self._folder, found, self._set.wanted(*self._direction))

    def _prepare(self) -> dict[str, prepared.Columns]:
        # Imports TFDS: slow, and not needed once the columns are written.
        from attention_jax.data import manual_builder

        _log.info("preparing %s %s in %s", self._set.name, self._name, self._folder)
        builder = prepared.prepare(
            lambda: manual_builder.BUILDERS[self._set.name](
                config=manual_builder.ManualConfig(self._name, self._text),
                data_dir=os.fspath(self._folder.parent),
            )
        )
        report = [builder.info.metadata["report"]]
        made: dict[str, prepared.Columns] = {}
        for split in self._set.splits:
            pairs = (builder.made or {}).get(split) or [
                manual.Pair(**row) for row in prepared.rows(builder, split)
            ]
            sources, targets = map(list, zip(*pairs, strict=True))
            made[split] = {"source": sources, "target": targets, "report": report}
        return made


class TfdsCorpus:
    """A translation set of TFDS; see `data.tfds_sets`.

    Args:
      name: of the set.
      config: reads `source`, `target`, `max_words`, and `train`, `validation` and `test` where a
        split of ours is another part of the set ("train[:2%]").
      data_dir: prepared data.
    """

    splits: tuple[str, ...] = ("validation", "test")

    def __init__(self, name: str, config: ml_collections.ConfigDict, data_dir: Path):
        self._set = TranslationSet(name, config.source, config.target, data_dir)
        self._parts = {split: config[split] or split for split in ("train", *self.splits)}
        self._max_words = config.max_words

    def examples(self, split: str) -> Examples:
        """The pairs of a split. Raises UserError for a set that cannot be used."""
        columns = self._set.columns(self._parts[split])
        limit = self._max_words if split == "train" else None
        return within(columns["source"], columns["target"], limit, columns["report"][0])

    def hash(self) -> str:
        """Of the version and sizes of the set."""
        return self._set.hash()


def within(
    sources: Sequence[str], targets: Sequence[str], max_words: int | None, report: str
) -> Examples:
    """The pairs of which no side has more words than allowed; how many have is reported."""
    if max_words is None:
        return Examples(sources, targets, report=report)
    kept = [
        pair
        for pair in zip(sources, targets, strict=True)
        if not parallel.over_long(pair, max_words)
    ]
    dropped = len(sources) - len(kept)
    if not kept:
        raise UserError(
            f"every training pair is longer than {max_words} words: raise data.max_words"
        )
    if dropped:
        report += f"; {dropped:,} left out of training: more than {max_words} words"
    return Examples([s for s, _ in kept], [t for _, t in kept], report=report)


def make_corpus(
    config: ml_collections.ConfigDict, data_dir: Path, manual_dir: Path | None = None
) -> Corpus:
    """The corpus that `config.data` names; see `translations.default_config`.

    Args:
      config: the experiment's `data`.
      data_dir: prepared data.
      manual_dir: raw data that the user brings.

    Raises:
      UserError: for a name or languages that are not to be had.
    """
    brought = {each.name: each for each in (manual.MULTI30K, manual.TATOEBA, manual.ENJA50K)}
    match config.name:
        case "cldr_phrases":
            return CldrCorpus(config, data_dir)
        case name if name in sequences.TASKS:
            return sequences.SequenceCorpus(config)
        case "files":
            paths = {split: config[split] for split in ("train", "validation", "test")}
            return FileCorpus(paths, config.max_words)
        case name if name in brought:
            return ManualCorpus(brought[name], config, data_dir, manual_dir)
        case name if name.startswith(_TFDS):
            return TfdsCorpus(name.removeprefix(_TFDS), config, data_dir)
    raise UserError(
        f"config.data.name is {config.name!r}: choose cldr_phrases, files, {', '.join(brought)}, "
        f"{_TFDS}NAME, {' or '.join(sequences.TASKS)}"
    )
