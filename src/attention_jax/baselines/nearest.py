"""Nearest neighbour in pixels: the class of the most similar image, with nothing learned."""

from collections.abc import Callable

import numpy as np

from attention_jax.data.episodes import EpisodeData
from attention_jax.tasks.few_shot_outputs import by_shots


def classify(support: np.ndarray, labels: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """The label of the support image at the smallest Euclidean distance, for each query.

    Args:
      support: images [episodes, support, ...].
      labels: their classes, integers [episodes, support].
      queries: images [episodes, queries, ...] of the same size.

    Returns:
      labels [episodes, queries]; of images equally near, the one that comes first.
    """
    told, asked = (
        images.reshape(*images.shape[:2], -1).astype(np.float64) for images in (support, queries)
    )
    # |query - image|² but for |query|², which is the same for all images.
    away = np.square(told).sum(-1)[:, None] - 2 * asked @ told.swapaxes(1, 2)
    return np.take_along_axis(labels, away.argmin(-1), axis=1)


def for_data(data: EpisodeData) -> dict[str, Callable[[str], dict[str, float]]]:
    """Baseline -> its metrics on a split: `nearest`."""
    return {"nearest": lambda split: _measure(data, split)}


def _measure(data: EpisodeData, split: str) -> dict[str, float]:
    """As `tasks.few_shot` measures a model."""
    right, shots = [], []
    for batch in data.split(split):
        real = {name: array[batch["mask"]] for name, array in batch.items()}
        said = classify(real["support"], real["labels"], real["queries"])
        right.append((said == real["targets"]).mean(1))
        shots.append(real["shots"])
    each = np.concatenate(right)
    ways = batch["classes"].shape[1]
    return {"accuracy": float(each.mean())} | by_shots(ways, np.concatenate(shots), each)
