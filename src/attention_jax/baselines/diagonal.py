"""Alignment without looking at the words: straight from the first pair to the last."""

Link = tuple[int, int]


def align(source_count: int, target_count: int) -> set[Link]:
    """Links target word j to source word round(j * source_count / target_count), halves up.

    Args:
      source_count: words of the source.
      target_count: words of the target.

    Returns:
      links (i, j) of source and target words from 0, one for each target word; none where the
      source has no word. The last source word is the furthest.
    """
    if not source_count:
        return set()
    return {
        # In whole numbers: round(j * I / J) = floor((2 j I + J) / 2 J), and no halves are lost.
        (min((2 * j * source_count + target_count) // (2 * target_count), source_count - 1), j)
        for j in range(target_count)
    }
