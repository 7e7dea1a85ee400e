"""Sentence pairs as every corpus gives them."""

import dataclasses
from collections.abc import Sequence

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
