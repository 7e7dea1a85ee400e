"""Translation word by word: the best single translation of each word, in the source's order."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from attention_jax.baselines.ibm1 import Link, Model1, Words


@dataclass(frozen=True)
class Lookup:
    """A dictionary of one word for one word; `""` is a word that is left out."""

    translations: Mapping[str, str]

    def translate(self, source: Words) -> list[str]:
        """The translations of the words in their order; a word never seen is copied."""
        looked_up = [self.translations.get(word, word) for word in source]
        return [word for word in looked_up if word]


def from_model1(model: Model1) -> Lookup:
    """The most probable target word of each source word under IBM model 1."""
    return Lookup(model.best_translations())


def from_links(
    sources: Sequence[Words], targets: Sequence[Words], links: Sequence[Collection[Link]]
) -> Lookup:
    """The target word that each source word was linked to most often.

    Args:
      sources: source sentences as words.
      targets: their translations.
      links: for each pair, links (i, j) of source and target words from 0.

    Returns:
      A dictionary of all source words; of equally frequent translations the first in the order of
      the alphabet. A word that was never linked is left out of translations.

    Raises:
      ValueError: the numbers of sentences differ.
    """
    counts: dict[str, Counter[str]] = {word: Counter() for source in sources for word in source}
    for source, target, linked in zip(sources, targets, links, strict=True):
        for i, j in linked:
            counts[source[i]][target[j]] += 1
    return Lookup(
        {
            word: min(found, key=lambda other: (-found[other], other), default="")
            for word, found in counts.items()
        }
    )
