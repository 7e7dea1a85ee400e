"""Nearest neighbour in pixels, against a loop."""

import numpy as np

from attention_jax.baselines.nearest import classify

RNG = np.random.default_rng(0)


def test_the_nearest_image_lends_its_label():
    support, queries = RNG.uniform(size=(3, 6, 4, 4, 1)), RNG.uniform(size=(3, 5, 4, 4, 1))
    labels = RNG.integers(4, size=(3, 6))
    found = classify(support, labels, queries)
    assert found.shape == (3, 5)
    for episode in range(3):
        for query in range(5):
            away = [np.linalg.norm(queries[episode, query] - image) for image in support[episode]]
            assert found[episode, query] == labels[episode, int(np.argmin(away))]


def test_of_equally_near_images_the_first_lends_its_label():
    support = np.array([[[0, 0], [0, 0], [255, 255]]], np.uint8)
    queries = np.array([[[1, 0], [200, 255]]], np.uint8)
    assert classify(support, np.array([[2, 1, 0]]), queries).tolist() == [[2, 0]]
