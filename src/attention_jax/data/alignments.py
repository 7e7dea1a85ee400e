"""Word alignments made by people, as XL-WA publishes them.

A line is `source TAB target TAB i-j i-j ...`. Its sentences are cut into tokens by spaces, and link
i-j says that source token i and target token j, from 0, translate each other. Two things are done
to them, and nothing else:

- **Text.** Punctuation stands apart there (`its founder , Anthony Fokker .`) as it stands nowhere
  in the text that a model learned from, so it goes back to its word (`its founder, Anthony
  Fokker.`). `words.split` takes it off again, so this never changes which word has which number.
- **Links.** `words.split` cuts some tokens further (`aren't`, `45%`, `NOS/NTR`). Such a token's
  links go to its words along the diagonal: of m source words and n target words, k-th to k-th
  where there are as many, and else each word of the longer side to the one beside it. So every
  word keeps a link, and no token counts for more than it has words.

Of XL-WA's English-Spanish development set this concerns 27 of 3,854 tokens, and the error rate of a
diagonal alignment is 0.628 in our words and 0.627 in its tokens. None of its sources is in Tatoeba.

Source: Martelli et al. 2023, "XL-WA: a Gold Evaluation Benchmark for Word Alignment in 14 Language
Pairs". All its links are sure ones.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from attention_jax.data import words
from attention_jax.data.examples import Examples, Links
from attention_jax.data.parallel import read_lines
from attention_jax.errors import UserError

_CLOSING = frozenset(",.;:!?)]}»”…")
_OPENING = frozenset("([{«“¿¡")


def read_alignments(path: Path, swapped: bool = False) -> Examples:
    """Sentence pairs and their links, in the order of the file.

    Args:
      path: the file, gzipped if its name ends in `.gz`.
      swapped: whether what it calls source is our target.

    Raises:
      UserError: it cannot be read, or a line is not as above.
    """
    sources, targets, links = [], [], []
    for number, line in enumerate(read_lines(path), start=1):
        try:
            *sides, listed = line.split("\t")
            tokens = [[words.normalise(token) for token in side.split()] for side in sides]
            source, target = tokens
            linked = _spread(_parse(listed), source, target)
        except (ValueError, IndexError):
            raise UserError(
                f"line {number} of {path} is no word alignment: it needs a source, a target and "
                "links i-j between their tokens, separated by tabs"
            ) from None
        sources.append(written(source))
        targets.append(written(target))
        links.append(linked)
    if swapped:
        turned = [{(j, i) for i, j in linked} for linked in links]
        return Examples(targets, sources, turned)
    return Examples(sources, targets, links)


def _parse(listed: str) -> Iterator[tuple[int, int]]:
    for link in listed.split():
        match = re.fullmatch(r"(\d+)-(\d+)", link)
        if match is None:
            raise ValueError
        yield int(match[1]), int(match[2])


def _spread(
    links: Iterator[tuple[int, int]], source: Sequence[str], target: Sequence[str]
) -> Links:
    """Links between tokens as links between words."""
    of_source, of_target = _words_of(source), _words_of(target)
    found: Links = set()
    for i, j in links:
        ours, theirs = of_source[i], of_target[j]
        most = max(len(ours), len(theirs))
        for k in range(most):
            found.add((ours[k * len(ours) // most], theirs[k * len(theirs) // most]))
    return found


def _words_of(tokens: Sequence[str]) -> list[range]:
    """The numbers of each token's words."""
    counts = [len(words.split(token)) for token in tokens]
    ends = list(itertools.accumulate(counts))
    return [range(end - count, end) for count, end in zip(counts, ends, strict=True)]


def written(tokens: Sequence[str]) -> str:
    """The tokens as text: closing punctuation against the token before it, opening against the
    one after.
    """
    text = ""
    for token in tokens:
        apart = text and token not in _CLOSING and text[-1] not in _OPENING
        text += f" {token}" if apart else token
    return text
