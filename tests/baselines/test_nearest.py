"""Nearest neighbour in pixels, against a loop."""

import numpy as np

from attention_jax.baselines.nearest import classify, for_data

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


def test_rows_that_fill_up_a_batch_never_count():
    told = np.array([[[0.0], [9.0]]] * 3)
    asked = np.array([[[1.0], [8.0]], [[1.0], [2.0]], [[1.0], [8.0]]])
    batch = {
        "support": told,
        "labels": np.array([[0, 1]] * 3),
        "queries": asked,
        "targets": np.array([[0, 1], [0, 1], [1, 0]]),
        "classes": np.array([[0, 1]] * 3),
        "shots": np.ones(3, int),
        "mask": np.array([True, True, False]),
    }

    class Data:
        def split(self, name):
            assert name == "validation"
            return [batch]

    metrics = for_data(Data())["nearest"]("validation")
    assert metrics["accuracy"] == metrics["accuracy/2way_1shot"] == 0.75
    assert np.isclose(metrics["accuracy_margin/2way_1shot"], 1.96 * 0.25)
