"""Unknown words in a translation, replaced by way of the source word that was looked at.

Luong, Pham, Manning 2015, §4.1 ("unk replacement"), after Jean 2015, §3.3: the source word with the
most attention is translated with a dictionary, or copied where the dictionary lacks it. Only word
tokenizers have unknown words; subwords and characters spell every word out.
"""

from collections.abc import Callable, Sequence

import numpy as np

from attention_jax.data import words
from attention_jax.data.tokenizers import UNK, WordTokenizer
from attention_jax.data.vocabulary import is_text
from attention_jax.typing import Float


def replaced(
    tokens: Sequence[int],
    weights: Float[np.ndarray, "queries keys"],
    source: str,
    tokenizer: WordTokenizer,
    translate: Callable[[str], str],
) -> str:
    """The text of a translation without unknown words.

    Args:
      tokens: of the translation.
      weights: attention of each of them over the source's words; what follows the words (the end of
        sentence, padding) is never copied.
      source: the sentence, whose words are those of `words.split`.
      tokenizer: of the translation.
      translate: a source word -> what stands in for it; both with joiner marks.
    """
    pieces = words.split(source)
    text = []
    for place, (number, real) in enumerate(zip(tokens, is_text(tokens), strict=True)):
        if real and number == UNK and pieces:
            text.append(translate(pieces[int(np.argmax(weights[place, : len(pieces)]))]))
        elif real:
            text.append(tokenizer.entries[number])
    return words.join(text)
