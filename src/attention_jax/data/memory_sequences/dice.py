"""Random words, counted: those of sequence n follow from a seed, a stream and n alone.

They are 64 bits of Philox, whose words NumPy promises for good; n says where in its counter a
sequence begins. So a batch is made in one go, and its sequences do not depend on its size.
"""

import numpy as np

_PER_BLOCK = 4  # Philox gives four words for each value of its counter.


def random_words(seed: int, stream: int, first: int, count: int, words: int) -> np.ndarray:
    """The words of sequences first .. first + count - 1, uint64 [count, words]."""
    blocks = -(-words // _PER_BLOCK)
    key = (stream % 2**64) * 2**64 + seed % 2**64
    dice = np.random.Philox(key=key, counter=first * blocks)
    return dice.random_raw(count * blocks * _PER_BLOCK).reshape(count, -1)[:, :words]


def uniform(words: np.ndarray) -> np.ndarray:
    """In [0, 1), as NumPy's own generators make doubles."""
    return (words >> np.uint64(11)) * 2.0**-53


def integers(words: np.ndarray, low: int, high: int, level: float = 1.0) -> np.ndarray:
    """Uniform from low to high; at a level below 1 from so much of the range, 0 is low alone."""
    kinds = round(level * (high - low)) + 1
    return low + (uniform(words) * kinds).astype(np.int64)


def bits(words: np.ndarray, length: int, width: int) -> np.ndarray:
    """0 or 1, uint8 [batch, length, width], of uint64 [batch, words]."""
    octets = np.ascontiguousarray(words, "<u8").view(np.uint8)
    return np.unpackbits(octets, axis=-1, count=length * width).reshape(-1, length, width)


def words_for(bits: int) -> int:
    """How many words hold so many bits."""
    return -(-bits // 64)
