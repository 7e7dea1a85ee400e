"""A first-order Markov model of sound: each level from the one before it, by counting.

p(x_t = b | x_{t-1} = a) = (N_ab + 1/2) / (N_a + levels / 2), where N_ab counts how often b followed
a in training (Krichevsky & Trofimov 1981) and N_a how often anything did.
"""

from collections.abc import Callable, Iterable

import jax.numpy as jnp
import numpy as np

from attention_jax.data.sounds import SoundData
from attention_jax.ops import mu_law
from attention_jax.typing import Batch

_BATCHES = 1000


def for_data(
    data: SoundData, levels: int, steps: int
) -> dict[str, Callable[[str], dict[str, float]]]:
    """Baseline -> its metrics on a split: `markov`.

    It counts in the first 1,000 batches of training, or in `steps` where these are fewer.
    """

    def measure(split: str) -> dict[str, float]:
        batches, training = data.split(split), data.train()
        counts = transitions((training[n] for n in range(min(steps, _BATCHES))), levels)
        return {"bits_per_sample": bits_per_sample(counts, batches)}

    return {"markov": measure}


def transitions(batches: Iterable[Batch], levels: int) -> np.ndarray:
    """How often each level followed each other one, [levels + 1, levels].

    The last row is for those that follow none: the first of each sound.
    """
    counts = np.zeros((levels + 1, levels), np.int64)
    for batch in batches:
        np.add.at(counts, _pairs(batch, levels), 1)
    return counts


def bits_per_sample(counts: np.ndarray, batches: Iterable[Batch]) -> float:
    """-log2 of the chance of each sample, their mean."""
    levels = counts.shape[1]
    chances = (counts + 0.5) / (counts.sum(1, keepdims=True) + levels / 2)
    bits = np.concatenate([-np.log2(chances[_pairs(batch, levels)]) for batch in batches])
    return float(bits.mean())


def _pairs(batch: Batch, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Each real sample's level, behind that of the one before it."""
    codes = np.asarray(mu_law.encode(jnp.asarray(batch["samples"]), levels))
    before = np.pad(codes[:, :-1], ((0, 0), (1, 0)), constant_values=levels)
    real = (np.arange(codes.shape[1]) < batch["length"][:, None]) & batch["mask"][:, None]
    return before[real], codes[real]
