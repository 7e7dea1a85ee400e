"""Sentence pairs of a corpus as planned batches of tokens."""

import functools
import itertools
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import jax
import ml_collections
import numpy as np

from attention_jax.data import words
from attention_jax.data.batches import Plan, PlannedBatches, Ragged, lengths_of
from attention_jax.data.corpora import Corpus
from attention_jax.data.examples import Examples, joined
from attention_jax.data.tokenizers import (
    EOS,
    CharacterTokenizer,
    SentencePieceTokenizer,
    Tokenizer,
    WordTokenizer,
)
from attention_jax.errors import UserError
from attention_jax.typing import Batch

_log = logging.getLogger(__name__)

INPUT = "input"
"""The split of what a user gives to translate."""


class TranslationData:
    """A corpus, its tokenizers (two, or one that both sides share) and its batches.

    Args:
      corpus: sentence pairs.
      config: the experiment's; reads `batch_size`, `seed`, `data.buckets`, `data.joined`,
        `tokenizer` and `decode.max_source`.
      workdir: keeps the tokenizers, so that nothing but it is needed later; None keeps none.
    """

    def __init__(
        self, corpus: Corpus, config: ml_collections.ConfigDict, workdir: Path | None = None
    ):
        self._corpus = corpus
        self._config = config
        self._folder = None if workdir is None else workdir / "tokenizers"
        self._examples: dict[str, Examples] = {}
        self.splits = corpus.splits

    @functools.cached_property
    def source_tokenizer(self) -> Tokenizer:
        return self._tokenizer("source")

    @functools.cached_property
    def target_tokenizer(self) -> Tokenizer:
        return self.source_tokenizer if self._shared else self._tokenizer("target")

    @property
    def _shared(self) -> bool:
        """Whether both sides have one vocabulary."""
        return self._config.tokenizer.shared

    def examples(self, split: str) -> Examples:
        """The sentence pairs of a split, read once. Raises UserError for an unknown one.

        "test" is also a name for a corpus' only test set.
        """
        if split == "test" and split not in self.splits:
            tests = [name for name in self.splits if name.startswith("test_")]
            split = tests[0] if len(tests) == 1 else split
        if split not in self._examples:
            if split not in ("train", *self.splits):
                raise UserError(f"there is no split {split!r}: choose {', '.join(self.splits)}")
            examples = self._corpus.examples(split)
            if split == "train" and (most := self._config.data.joined) > 1:
                examples = joined(examples, most, self._config.seed)
            self._examples[split] = examples
        return self._examples[split]

    @property
    def longest_trained(self) -> int | None:
        """Words of the longest source in training; None while training data was not read.

        What the last bucket left out was not in training.
        """
        if "train" not in self._examples:
            return None
        left_out = set(self._training_plan.over_long)
        sources = enumerate(self._examples["train"].sources)
        return max(len(words.split(source)) for n, source in sources if n not in left_out)

    def train(self) -> PlannedBatches:
        """Endless shuffled batches of the training split."""
        return self._batches(self._training_plan, self._tokens("train"))

    def split(self, name: str) -> PlannedBatches:
        """One pass over an evaluation split.

        Pairs of which a side is longer than `config.decode.max_source` tokens, which `inputs`
        would not take either, are left out, with a warning.
        """
        streams = self._tokens(name)
        longest = self._config.decode.max_source
        plan = Plan.evaluation(lengths_of(streams), *self._shape(), longest + len([EOS]))
        if len(plan.over_long):
            _log.warning(
                "%s of the %s pairs of %s are left out of its metrics: more than %s tokens "
                "(--config.decode.max_source)",
                *(len(plan.over_long), len(streams["source"]), name, longest),
            )
        return self._batches(plan, streams)

    def inputs(self, lines: Sequence[str]) -> PlannedBatches:
        """Sources given by a user, as the split "input".

        Raises:
          UserError: for an empty line, or one longer than `config.decode.max_source` tokens.
        """
        sources = self._given("input", lines, self.source_tokenizer)
        streams = {"source": self._pack(sources, self.source_tokenizer)}
        return self._as_input(Examples(sources), streams)

    def given(self, lines: Sequence[str], targets: Sequence[str]) -> PlannedBatches:
        """As `inputs`, with a translation of each line, to be read in place of a search: `given`.

        Raises:
          UserError: as `inputs`, for lines of either side, or where their numbers differ.
        """
        if len(targets) != len(lines):
            raise UserError(
                f"there are {len(lines)} inputs and {len(targets)} targets: give one target for "
                "each input"
            )
        sources = self._given("input", lines, self.source_tokenizer)
        texts = self._given("target", targets, self.target_tokenizer)
        streams = {
            "source": self._pack(sources, self.source_tokenizer),
            "given": self._pack(texts, self.target_tokenizer),
        }
        return self._as_input(Examples(sources, texts), streams)

    def _as_input(self, examples: Examples, streams: dict[str, Ragged]) -> PlannedBatches:
        self._examples[INPUT] = examples
        buckets, most = self._shape()
        rows = min(most, len(examples.sources))
        longest = self._config.decode.max_source + len([EOS])
        plan = Plan.evaluation(lengths_of(streams), buckets, rows, longest)
        return PlannedBatches(plan, streams)

    def _given(self, what: str, lines: Sequence[str], tokenizer: Tokenizer) -> list[str]:
        """The lines normalised; UserError for one that is empty or too long."""
        longest = self._config.decode.max_source
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                raise UserError(f"{what} {number} is empty: give a sentence")
            tokens = len(tokenizer.encode(line))
            if tokens > longest:
                raise UserError(
                    f"{what} {number} has {tokens} tokens and the limit is {longest}: split it, or "
                    "raise --config.decode.max_source"
                )
        return [words.normalise(line) for line in lines]

    def keep(self) -> None:
        """Writes the tokenizers to the workdir: the folder is there with both, or not at all."""
        if self._folder is None or self._folder.is_dir():
            return
        scratch = self._folder.with_name("tokenizers.partial")
        self.source_tokenizer.save(scratch, "source")
        self.target_tokenizer.save(scratch, "target")
        scratch.rename(self._folder)

    def report(self) -> str:
        """Pairs kept and dropped, vocabularies and the buckets' filling."""
        plan = self._training_plan
        examples = self.examples("train")
        lines = [
            f"  {len(examples.sources):,} training pairs; vocabularies of "
            f"{self.source_tokenizer.size:,} and {self.target_tokenizer.size:,}"
        ]
        if examples.report:
            lines.append(f"  {examples.report}")
        if len(plan.over_long):
            lines.append(f"  {len(plan.over_long):,} left out: longer than the last bucket")
        for row in plan.histogram():
            lines.append(
                f"  up to {row.length:>4} tokens: {row.examples:>8,} pairs, "
                f"{row.batches:>6,} batches, {row.padding:4.0%} padding"
            )
        return "\n".join(lines)

    def hash(self) -> str:
        return self._corpus.hash()

    @functools.cached_property
    def _training_plan(self) -> Plan:
        lengths = lengths_of(self._tokens("train"))
        return Plan.training(lengths, *self._shape(), self._config.seed)

    def _shape(self) -> tuple[Sequence[int], int]:
        return self._config.data.buckets, self._config.batch_size

    @functools.cache  # noqa: B019 (one object a run; its tokens live as long)
    def _tokens(self, split: str) -> dict[str, Ragged]:
        examples = self.examples(split)
        assert examples.targets is not None
        return {
            "source": self._pack(examples.sources, self.source_tokenizer),
            "target": self._pack(examples.targets, self.target_tokenizer),
        }

    @staticmethod
    def _pack(texts: Iterable[str], tokenizer: Tokenizer) -> Ragged:
        return Ragged.pack([*tokenizer.encode(text), EOS] for text in texts)

    @staticmethod
    def _batches(plan: Plan, streams: dict[str, Ragged]) -> PlannedBatches:
        return PlannedBatches(
            plan, streams, process_index=jax.process_index(), process_count=jax.process_count()
        )

    def _tokenizer(self, side: str) -> Tokenizer:
        kind = _tokenizer_kind(self._config.tokenizer)
        if self._folder is not None and self._folder.is_dir():
            return kind.load(self._folder, side)
        examples = self.examples("train")
        sides = {"source": examples.sources, "target": examples.targets or []}
        texts = itertools.chain(*sides.values()) if self._shared else sides[side]
        return kind.train(texts, self._config.tokenizer.size or None)


def _tokenizer_kind(config: ml_collections.ConfigDict) -> Any:
    match config.kind:
        case "word":
            return WordTokenizer
        case "character":
            return CharacterTokenizer
        case "sentencepiece" if config.size:
            return SentencePieceTokenizer
        case "sentencepiece":
            raise UserError("config.tokenizer.size is 0: say how many pieces sentencepiece may use")
    raise UserError(
        f"config.tokenizer.kind is {config.kind!r}: choose word, character or sentencepiece"
    )


def example_batch(rows: int = 2, time: int = 4) -> Batch:
    """A batch of the right kinds of arrays, for shapes."""
    tokens = np.full((rows, time), EOS, np.int32)
    index, mask = np.arange(rows, dtype=np.int32), np.ones(rows, bool)
    return {"source": tokens, "target": tokens, "index": index, "mask": mask}
