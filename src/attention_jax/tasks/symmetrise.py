"""Two alignments of one sentence pair, each made in its direction, become one.

An attention model links every target word to one source word, so what it finds is lopsided: a
source word may have many links, a target word has one. A second model, trained in the other
direction, errs the other way round.

All functions take links (i, j) of the same source and target words, from 0: those of the backward
model have to be turned round first.

Source: Koehn, Och, Marcu 2003, "Statistical Phrase-Based Translation", §3.1, and Koehn 2005 for the
name grow-diag; intersection and union: Och and Ney 2003, §4.2.
"""

from collections.abc import Callable, Collection

Link = tuple[int, int]

_NEIGHBOURS = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]


def intersection(forward: Collection[Link], backward: Collection[Link]) -> set[Link]:
    """What both found: few links, nearly all of them right."""
    return set(forward) & set(backward)


def union(forward: Collection[Link], backward: Collection[Link]) -> set[Link]:
    """What either found: most of the right links, and more that are wrong."""
    return set(forward) | set(backward)


def grow_diagonal(forward: Collection[Link], backward: Collection[Link]) -> set[Link]:
    """The intersection, and what it grows into.

    A link of the union joins where it is a neighbour, diagonals too, of one that is in already and
    one of its two words has no link yet; again, until none joins. Links are looked at in the order
    of their words, so that the result never depends on the order given.
    """
    either = union(forward, backward)
    grown = intersection(forward, backward)
    grows = True
    while grows:
        grows = False
        for i, j in sorted(grown):
            for di, dj in _NEIGHBOURS:
                link = i + di, j + dj
                if link in either - grown and _joins(link, grown):
                    grown.add(link)
                    grows = True
    return grown


def _joins(link: Link, links: set[Link]) -> bool:
    """Whether a word of the link has none in `links`."""
    sources, targets = {i for i, _ in links}, {j for _, j in links}
    return link[0] not in sources or link[1] not in targets


WAYS: dict[str, Callable[[Collection[Link], Collection[Link]], set[Link]]] = {
    "intersection": intersection,
    "union": union,
    "grow_diag": grow_diagonal,
}
