"""A caption and what its words name, and how a batch holds them.

Every batch of `data.captions` has

    images        uint8 [batch, height, width, channels]; or, in their place,
    features      float32 [batch, positions, features]
    inputs        int32 [batch, time]: BOS, then the caption, then PAD: what a step is told
    targets       int32 [batch, time]: the caption, then EOS, then PAD: what it should say
    targets_mask  bool [batch, time]: True up to EOS; False in a row that fills up a batch
    boxes         float32 [batch, time, boxes, 4]: y0, x0, y1, x1 of what `targets[:, time]` names,
                  as shares of the image's height and width; 0 where there is nothing
    boxed         bool [batch, time, boxes]: which boxes there are; never any of a special token
    index         int32 [batch]: the number of the example, -1 where there is none
    mask          bool [batch]

In evaluation an example is an image and its targets are its first caption; `index` is then the
image's place in `CaptionData.references`. In training an example is a pair of image and caption.
What a user gives has images (or features), `index` and `mask` only.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from attention_jax.data import words
from attention_jax.data.tokenizers import BOS, EOS, PAD, WordTokenizer

Box = tuple[float, float, float, float]
"""y0, x0, y1, x1, as shares of the image's height and width."""


class Told(NamedTuple):
    """A caption and what its words name."""

    words: tuple[str, ...]
    """Of a plain text: none has a joiner mark."""
    named: tuple[tuple[Box, ...], ...]
    """For each word the boxes of all that it may name; mostly none."""


def plain(caption: str) -> str:
    """The words of a caption in lower case, without punctuation, a space between two.

    Captions are learned and scored in this form, as Karpathy's token lists have it.
    """
    pieces = (words.join([word]) for word in words.split(caption.lower()))
    return " ".join(piece for piece in pieces if any(map(str.isalnum, piece)))


def arrays(
    told: Sequence[Told], tokenizer: WordTokenizer, time: int, most: int, real: np.ndarray
) -> dict[str, np.ndarray]:
    """`inputs`, `targets`, `targets_mask`, `boxes` and `boxed` of a batch.

    Args:
      told: a caption a row, of at most `time` - 1 words.
      tokenizer: of the captions.
      time: steps of the batch.
      most: boxes of a word.
      real: False for rows that fill up the batch, bool [batch].
    """
    targets = np.full((len(told), time), PAD, np.int32)
    boxes = np.zeros((len(told), time, most, 4), np.float32)
    boxed = np.zeros(boxes.shape[:-1], bool)
    lengths = np.zeros(len(told), np.int32)
    for row, (said, named) in enumerate(told):
        tokens = [*tokenizer.encode(" ".join(said)), EOS]
        targets[row, : len(tokens)] = tokens
        lengths[row] = len(tokens)
        for step, found in enumerate(named):
            if found:
                boxes[row, step, : len(found)] = found
                boxed[row, step, : len(found)] = True
    within = np.arange(time) < lengths[:, None]
    shifted = np.concatenate([np.full((len(told), 1), BOS, np.int32), targets[:, :-1]], axis=1)
    return {
        "inputs": np.where(within, shifted, np.int32(PAD)),
        "targets": targets,
        "targets_mask": within & real[:, None],
        "boxes": boxes,
        "boxed": boxed,
    }
