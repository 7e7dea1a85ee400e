"""Which word of a text each of its tokens belongs to."""

from collections.abc import Iterable

from attention_jax.data import words

NO_WORD = -1


def words_of_pieces(pieces: Iterable[str]) -> list[int]:
    """Numbers of the words, in `words.split` of the joined text, that its pieces belong to.

    Args:
      pieces: the consecutive parts of a text, spaces included; a part may be empty.

    Returns:
      for each piece the number of the first word it holds a character of; `NO_WORD` for a piece
      of nothing but spaces.
    """
    pieces = list(pieces)
    of_characters = _words_of_characters("".join(pieces))
    numbers, start = [], 0
    for piece in pieces:
        inside = of_characters[start : start + len(piece)]
        numbers.append(next((number for number in inside if number != NO_WORD), NO_WORD))
        start += len(piece)
    return numbers


def _words_of_characters(text: str) -> list[int]:
    numbers: list[int] = []
    count = 0
    for chunk in text.split(" "):
        found = [words.join([word]) for word in words.split(chunk)]
        if "".join(found) == chunk:
            for offset, word in enumerate(found):
                numbers += [count + offset] * len(word)
        else:  # The chunk is not in normal form, as only a model's own output can be.
            numbers += [count if found else NO_WORD] * len(chunk)
        count += len(found)
        numbers.append(NO_WORD)
    return numbers[:-1]
