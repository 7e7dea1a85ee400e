"""Sentence pairs as every corpus gives them."""

import dataclasses
from collections.abc import Sequence

import numpy as np

Links = set[tuple[int, int]]
"""(source word, target word) from 0, in `words.split`'s terms."""


@dataclasses.dataclass(frozen=True)
class Examples:
    """Sentence pairs of one split.

    Attributes:
      sources: plain text.
      targets: their translations; None for what a user gives to translate.
      links: gold word alignments, or None.
      report: what was left out on reading, or "".
    """

    sources: Sequence[str]
    targets: Sequence[str] | None = None
    links: Sequence[Links] | None = None
    report: str = ""


def joined(examples: Examples, most: int, seed: int) -> Examples:
    """Sentences put together to longer ones: each pair once, beside others drawn by chance.

    What learned from short sentences alone does not find its way through long ones (Varis and
    Bojar 2021, "Sequence Length is a Domain"). Gold links are not carried over.

    Args:
      examples: with targets.
      most: of one joined pair; each number from one to it is as likely.
      seed: of the draws.
    """
    assert examples.targets is not None
    draws = np.random.default_rng(seed)
    order = draws.permutation(len(examples.sources))
    ends = draws.integers(1, most, size=len(order), endpoint=True).cumsum()
    groups = np.split(order, ends[ends < len(order)])
    sides = (examples.sources, examples.targets)
    sources, targets = ([" ".join(side[n] for n in group) for group in groups] for side in sides)
    return Examples(sources, targets, report=examples.report)
