"""Episodes against their promises, drawn from classes whose images say what they are."""

import itertools

import jax
import numpy as np
import pytest

from attention_jax.data.episodes.batches import (
    Episodes,
    EvaluationBatches,
    TrainingBatches,
    distinct,
)

WAYS, SHOTS, QUERIES = 3, 2, 4
COUNT = 600


class Told:
    """Classes of few images; an image of one pixel is (its class, its number)."""

    names = tuple("abcdef")
    groups = ("",) * 6
    drawings = np.array([4, 4, 5, 6, 4, 9])
    words = 0

    def draw(self, classes, numbers, words):
        assert words.shape == (len(classes), self.words)
        return np.stack([classes, numbers], -1).astype(np.uint8)[:, None, None]


class Endless(Told):
    """As many images as are asked for; all of an image is random."""

    drawings = None
    words = 1

    def draw(self, classes, numbers, words):
        assert words.shape == (len(classes), self.words)
        return words.view(np.uint8).reshape(-1, 2, 2, 2)


def episodes(pool=None, ways=WAYS, shots=SHOTS, queries=QUERIES, seed=0, stream="test"):
    return Episodes(pool or Told(), ways, shots, queries, seed, stream)


@pytest.fixture(scope="module")
def drawn():
    return episodes().draw(0, COUNT)


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def test_the_labels_always_say_of_which_class_an_image_is(drawn):
    for images, labels in (("support", "labels"), ("queries", "targets")):
        told = np.take_along_axis(drawn["classes"], drawn[labels], axis=1)
        np.testing.assert_array_equal(drawn[images][..., 0, 0, 0], told)
    assert drawn["support"].shape == (COUNT, WAYS * SHOTS, 1, 1, 2)
    assert drawn["queries"].shape == (COUNT, QUERIES, 1, 1, 2)
    assert np.all(drawn["shots"] == SHOTS)


def test_no_image_and_no_class_is_in_an_episode_twice(drawn):
    images = np.concatenate([drawn["support"], drawn["queries"]], axis=1)
    for own, classes in zip(images.reshape(COUNT, -1, 2), drawn["classes"], strict=True):
        assert len(np.unique(own, axis=0)) == len(own)
        assert len(set(classes)) == WAYS
    # Not beyond the images that a class has, and all of those.
    for one, have in enumerate(Told.drawings):
        own = images[images[..., 0, 0, 0] == one][:, 0, 0, 1]
        np.testing.assert_array_equal(np.unique(own), np.arange(have))


def test_every_class_is_shown_as_often_and_asked_about_as_evenly_as_can_be(drawn):
    for labels in drawn["labels"]:
        np.testing.assert_array_equal(np.bincount(labels, minlength=WAYS), SHOTS)
    asked = np.stack([np.bincount(labels, minlength=WAYS) for labels in drawn["targets"]])
    np.testing.assert_array_equal(np.sort(asked, axis=1), np.tile([1, 1, 2], (COUNT, 1)))
    # Which class it is that is asked about twice is nothing a model could learn.
    np.testing.assert_allclose((asked == 2).mean(0), 1 / WAYS, atol=0.07)


def test_a_place_tells_nothing_about_a_label_and_a_label_nothing_about_a_class(drawn):
    for labels in ("labels", "targets"):
        for place in drawn[labels].T:
            np.testing.assert_allclose(np.bincount(place) / COUNT, 1 / WAYS, atol=0.07)
    for label in drawn["classes"].T:
        np.testing.assert_allclose(np.bincount(label) / COUNT, 1 / len(Told.names), atol=0.06)


def test_a_single_query_is_of_each_class_alike_often():
    targets = episodes(queries=1).draw(0, COUNT)["targets"]
    np.testing.assert_allclose(np.bincount(targets[:, 0]) / COUNT, 1 / WAYS, atol=0.07)


def test_every_choice_of_distinct_numbers_is_alike_likely():
    chance = np.array(list(itertools.product(*((np.arange(n) + 0.5) / n for n in (4, 3, 2)))))
    found = distinct(chance, np.full(len(chance), 4))
    expected = np.array(list(itertools.permutations(range(4), 3)))
    np.testing.assert_array_equal(np.unique(found, axis=0), expected)
    # A limit for each row; the last of them has no choice.
    found = distinct(np.full((3, 3), 1 - 2**-53), np.array([9, 5, 3]))
    np.testing.assert_array_equal(found, [[8, 7, 6], [4, 3, 2], [2, 1, 0]])


@pytest.mark.parametrize("pool", [Told(), Endless()], ids=lambda pool: type(pool).__name__)
def test_an_episode_follows_from_its_number_alone(pool):
    together = episodes(pool).draw(0, 12)
    alone = episodes(pool).draw(7, 1)
    same(alone, {name: array[7:8] for name, array in together.items()})
    for other in (episodes(pool, seed=1), episodes(pool, stream="validation")):
        assert not np.array_equal(other.draw(0, 12)["classes"], together["classes"])


def test_no_two_drawings_share_their_dice():
    drawn = episodes(Endless()).draw(0, 50)
    images = np.concatenate([drawn["support"], drawn["queries"]], axis=1)
    assert len(np.unique(images.reshape(-1, 8), axis=0)) == images.shape[0] * images.shape[1]


def training(shots=3, seed=0, batch_size=4):
    kinds = {n: episodes(shots=n, queries=WAYS, seed=seed) for n in range(1, shots + 1)}
    return TrainingBatches(kinds, batch_size, seed)


def test_training_draws_each_number_of_shots_and_every_position_again():
    run = training()
    first = [run[position] for position in range(60)]
    shots = np.array([batch["shots"][0] for batch in first])
    np.testing.assert_allclose(np.bincount(shots)[1:] / 60, 1 / 3, atol=0.15)
    for batch, number in zip(first, shots, strict=True):
        assert batch["support"].shape[1] == WAYS * number
        assert np.all(batch["shots"] == number)
        assert np.all(batch["mask"])
    same(training()[41], first[41])
    every = np.concatenate([batch["index"] for batch in first])
    np.testing.assert_array_equal(every, np.arange(240))
    assert not np.array_equal(training(seed=1)[0]["classes"], first[0]["classes"])


def test_the_numbers_of_a_run_without_end_never_overflow():
    index = training()[10**10]["index"]
    assert index.dtype == np.int32
    assert np.all(index >= 0)


def test_two_processes_share_a_batch_without_a_seam(monkeypatch):
    whole = {"train": training()[5], "test": EvaluationBatches([episodes()], 7, 4)[1]}
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    for process in range(2):
        monkeypatch.setattr(jax, "process_index", lambda process=process: process)
        rows = slice(2 * process, 2 * process + 2)
        parts = {"train": training()[5], "test": EvaluationBatches([episodes()], 7, 4)[1]}
        for name, part in parts.items():
            same(part, {key: array[rows] for key, array in whole[name].items()})


def test_evaluation_goes_through_each_kind_and_masks_what_fills_up():
    kinds = [episodes(shots=1), episodes(shots=2)]
    split = EvaluationBatches(kinds, 6, 4)
    found = list(split)
    assert len(split) == len(found) == 4
    assert [list(batch["index"]) for batch in found] == [
        [0, 1, 2, 3],
        [4, 5, -1, -1],
        [6, 7, 8, 9],
        [10, 11, -1, -1],
    ]
    for batch in found:
        np.testing.assert_array_equal(batch["mask"], batch["index"] >= 0)
    assert [batch["shots"][0] for batch in found] == [1, 1, 2, 2]
    assert split.episodes == 12
    row = {name: array[1:2] for name, array in found[3].items() if name not in ("index", "mask")}
    same(split.find(11), row)
    assert split.find(12) is None
