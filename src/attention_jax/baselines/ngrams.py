"""The best that anyone can do on dynamic N-grams: counting (Graves 2014, §4.4, eq. 10).

Before the table is known, the chance that a bit after a context is 1 is
(N1 + 1/2) / (N0 + N1 + 1), where N0 and N1 count the zeros and ones that followed it so far.
"""

from collections.abc import Callable

import numpy as np

from attention_jax.data.memory_sequences import MemoryData, NGrams


def for_data(data: MemoryData) -> dict[str, Callable[[str], dict[str, float]]]:
    """Baseline -> its metrics on a split: `optimum` on dynamic N-grams, none elsewhere."""
    if not isinstance(data.sequences, NGrams):
        return {}
    order = data.sequences.order
    return {"optimum": lambda split: _measure(data, order, split)}


def optimum(bits: np.ndarray, order: int) -> np.ndarray:
    """The chance that each bit is 1, given all before it.

    Args:
      bits: 0 or 1, [batch, time].
      order: of the table; a context is the order - 1 bits before.

    Returns:
      [batch, time]; 1/2 for the bits that lack a whole context.
    """
    contexts = 2 ** (order - 1)
    counts = np.zeros((len(bits), contexts, 2))
    rows, context = np.arange(len(bits)), np.zeros(len(bits), np.int64)
    chances = np.full(bits.shape, 0.5)
    for step, bit in enumerate(np.asarray(bits, np.int64).T):
        if step >= order - 1:
            zeros, ones = counts[rows, context].T
            chances[:, step] = (ones + 0.5) / (zeros + ones + 1)
            counts[rows, context, bit] += 1
        context = (2 * context + bit) % contexts
    return chances


def _measure(data: MemoryData, order: int, split: str) -> dict[str, float]:
    """As `tasks.memory` measures a model."""
    bits, errors = [], []
    for batch in data.split(split):
        right = batch["targets"][batch["mask"], :, 0] > 0.5
        chances = optimum(right, order)
        bits.append(-np.log2(np.where(right, chances, 1 - chances)).sum(1))
        errors.append(((chances > 0.5) != right).sum(1))
    return {
        "bits_per_sequence": float(np.concatenate(bits).mean()),
        "error": float(np.concatenate(errors).mean()),
    }
