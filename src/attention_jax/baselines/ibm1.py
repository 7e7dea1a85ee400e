"""IBM model 1: word alignment learned from sentence pairs alone (Brown 1993).

Expectation-maximisation over arrays: every pair of words that meet in some sentence pair is a
number, and every meeting a *cell* of one long array, the cells of a target word side by side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

Words = Sequence[str]
Link = tuple[int, int]

NULL = 0
"""Number of the empty source word, which every source sentence begins with."""

BLOCK = 1 << 20  # Cells worked on at a time, so that memory stays small.


@dataclass(frozen=True)
class Model1:
    """Translation probabilities t(target word | source word).

    Attributes:
      source_numbers: source word -> number, from 1; 0 is the empty word.
      target_numbers: target word -> number, from 0.
      pairs: int64 [pairs], ascending: source number x target words + target number of the pairs
        of words that met in training.
      probabilities: float64 [pairs], those of `pairs`; all others are 0. They sum to one over the
        target words of a source word.
      log_likelihoods: of the training pairs before each iteration, lengths left out.
    """

    source_numbers: dict[str, int]
    target_numbers: dict[str, int]
    pairs: np.ndarray
    probabilities: np.ndarray
    log_likelihoods: tuple[float, ...]

    def table(self, source: Words, target: Words) -> np.ndarray:
        """t(target | source) for two sentences: float64 [target, 1 + source], the empty word first.

        Words never seen in training have probability 0.
        """
        rows = [NULL, *(self.source_numbers.get(word, -1) for word in source)]
        columns = np.array([self.target_numbers.get(word, -1) for word in target], np.int64)
        sought = np.array(rows) * len(self.target_numbers) + columns[:, None]
        places = np.minimum(np.searchsorted(self.pairs, sought), len(self.pairs) - 1)
        seen = (self.pairs[places] == sought) & (np.array(rows) >= 0) & (columns[:, None] >= 0)
        return np.where(seen, self.probabilities[places], 0.0)

    def align(self, source: Words, target: Words) -> set[Link]:
        """The most probable alignment (Viterbi): links (i, j) of source and target words from 0.

        A target word that comes best from the empty word, or that nothing explains, has no link;
        of equal source words the first is taken.
        """
        best = self.table(source, target).argmax(axis=1)
        return {(int(i) - 1, j) for j, i in enumerate(best) if i != NULL}

    def best_translations(self) -> dict[str, str]:
        """The most probable target word of every source word."""
        targets = list(self.target_numbers)
        # Sorted by source word, then from the most probable (ties: the target seen first) on.
        sources = self.pairs // len(targets)
        order = np.lexsort((self.pairs, -self.probabilities, sources))
        _, first = np.unique(sources[order], return_index=True)
        best = (self.pairs[order[first]] % len(targets)).tolist()
        words = ["", *self.source_numbers]
        return {
            words[source]: targets[target]
            for source, target in zip(sources[order[first]].tolist(), best, strict=True)
            if source != NULL
        }


class _Cells(NamedTuple):
    """Where words meet; see the module's first lines."""

    pair_of: np.ndarray
    """Place of each cell's pair in `pairs`, int32 [cells]."""
    starts: np.ndarray
    """First cell of each target word of the corpus, int64 [target words]; each has one or more."""


def train(
    sources: Sequence[Words],
    targets: Sequence[Words],
    *,
    iterations: int = 5,
    most: int | None = None,
    seed: int = 0,
) -> Model1:
    """Learns translation probabilities by expectation-maximisation from uniform ones.

    E: the share of source word i in target word j is t(f_j | e_i) / sum_k t(f_j | e_k), the empty
    word among them; M: t(f | e) is e's share in all f, divided by its share in everything.

    Args:
      sources: source sentences as words.
      targets: their translations.
      iterations: of EM.
      most: learns from a random sample of at most so many sentence pairs.
      seed: of the sample.

    Raises:
      ValueError: there is no target word, or the numbers of sentences differ.

    Brown et al. 1993, "The Mathematics of Statistical Machine Translation", section 4.1; their
    English e is our source, their French f our target.
    """
    if len(sources) != len(targets):
        raise ValueError(f"{len(sources)} sources cannot be aligned with {len(targets)} targets")
    chosen = list(range(len(sources)))
    if most is not None and most < len(sources):
        chosen = sorted(np.random.default_rng(seed).permutation(len(sources))[:most].tolist())
    source_numbers: dict[str, int] = {}
    target_numbers: dict[str, int] = {}
    source = [_numbered(sources[n], source_numbers, first=1) for n in chosen]
    target = [_numbered(targets[n], target_numbers, first=0) for n in chosen]
    if not target_numbers:
        raise ValueError("there is no target word to align")
    pairs, cells = _meet(source, target, len(target_numbers))
    source_of = pairs // len(target_numbers)
    probabilities = np.full(len(pairs), 1 / len(target_numbers))
    likelihoods = []
    for _ in range(iterations):
        shares, likelihood = _expect(probabilities, cells)
        probabilities = shares / np.bincount(source_of, shares)[source_of]
        likelihoods.append(likelihood)
    return Model1(source_numbers, target_numbers, pairs, probabilities, tuple(likelihoods))


def _numbered(words: Words, numbers: dict[str, int], first: int) -> np.ndarray:
    return np.array([numbers.setdefault(w, len(numbers) + first) for w in words], np.int64)


def _meet(
    sources: list[np.ndarray], targets: list[np.ndarray], vocabulary: int
) -> tuple[np.ndarray, _Cells]:
    """The pairs of words that meet in a sentence pair, ascending, and all their meetings."""
    meetings = [
        (np.append(NULL, source) * vocabulary + target[:, None]).ravel()
        for source, target in zip(sources, targets, strict=True)
    ]
    widths = np.repeat([len(source) + 1 for source in sources], [len(target) for target in targets])
    pairs, pair_of = np.unique(np.concatenate(meetings), return_inverse=True)
    starts = np.zeros(len(widths), np.int64)
    np.cumsum(widths[:-1], out=starts[1:])
    return pairs, _Cells(pair_of.astype(np.int32).ravel(), starts)


def _expect(probabilities: np.ndarray, cells: _Cells) -> tuple[np.ndarray, float]:
    """Expected number of times each pair was linked, and the corpus' log-likelihood."""
    shares = np.zeros(len(probabilities))
    likelihood = 0.0
    total = len(cells.pair_of)
    edges = np.append(cells.starts, total)
    first = 0
    while first < len(cells.starts):
        last = max(int(np.searchsorted(edges, edges[first] + BLOCK, side="right")) - 1, first + 1)
        pair_of = cells.pair_of[edges[first] : edges[last]]
        t = probabilities[pair_of]
        widths = np.diff(edges[first : last + 1])
        sums = np.add.reduceat(t, edges[first:last] - edges[first])
        shares += np.bincount(pair_of, t / np.repeat(sums, widths), minlength=len(shares))
        likelihood += float(np.log(sums / widths).sum())
        first = last
    return shares, likelihood
