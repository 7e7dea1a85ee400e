"""Splits, a user's own episodes, and every mistake as one sentence."""

import ml_collections
import numpy as np
import pytest
from PIL import Image

from attention_jax.data.episodes import EpisodeData, make_pools
from attention_jax.data.episodes.images import ImagePool, Images
from attention_jax.data.episodes.pool import SPLITS
from attention_jax.errors import UserError

SIDE = 4


class Pools:
    """A few grey images; training's are below 100, validation's and test's above."""

    side, channels, dark_ink = SIDE, 1, True

    def pool(self, split):
        counts = np.array([6, 6, 5 if split == "test" else 6], np.int32)
        grey = np.arange(counts.sum(), dtype=np.uint8) + 50 * SPLITS.index(split)
        images = np.broadcast_to(grey[:, None, None, None], (len(grey), SIDE, SIDE, 1))
        names = [f"{split} {n}" for n in range(3)]
        return ImagePool(Images(images, counts, np.array(names), np.array(["A", "A", "B"])))

    def hash(self):
        return "pools"


def config(batch_size=4, **data):
    values = {"ways": 3, "shots": 2, "queries": 3, "test_queries": 5, "seed": 0}
    values |= {"name": "glyphs", "limit": 0, "split": "alphabets", "side": SIDE, "channels": 1}
    values |= {"validation_episodes": 6, "test_episodes": 4}
    return ml_collections.ConfigDict({"seed": 0, "batch_size": batch_size, "data": values | data})


def data(**values):
    return EpisodeData(Pools(), config(**values))


def test_a_split_holds_its_own_classes_and_each_number_of_shots():
    episodes = data()
    assert episodes.splits == ("validation", "test")
    for split, sizes in (("validation", [1, 1, 2, 2]), ("test", [1, 2])):
        batches = list(episodes.split(split))
        assert [batch["shots"][0] for batch in batches] == sizes
        least = 50 * SPLITS.index(split)
        for batch in batches:
            assert batch["support"].min() >= least
            assert batch["support"].max() < least + 50
            assert batch["queries"].shape == (4, 5, SIDE, SIDE, 1)
    assert episodes.train()[0]["support"].max() < 50
    assert episodes.train()[0]["queries"].shape == (4, 3, SIDE, SIDE, 1)
    assert len(data(shots=1).split("test")) == 1


def test_a_split_of_one_number_of_shots_is_a_part_of_test_and_others_can_be_asked_for():
    episodes = data()
    for part, whole in (("test_1shot", 0), ("test_2shot", 1)):
        (alone,), among = episodes.split(part), episodes.split("test")[whole]
        np.testing.assert_array_equal(alone["support"], among["support"])
    (three,) = data(test_queries=3).split("test_3shot")
    assert three["support"].shape[1] == 9


def test_no_seed_of_training_changes_what_is_measured():
    for seed in (0, 1):
        values = config()
        values.seed = seed
        found = EpisodeData(Pools(), values).split("test")[0]["support"]
        np.testing.assert_array_equal(found, data().split("test")[0]["support"])
    assert not np.array_equal(data(seed=1).split("test")[0]["support"], found)


def test_the_report_counts_and_the_hash_tells_settings_apart():
    lines = data().report().splitlines()
    assert lines[0] == "  train: 3 classes of 2 alphabets, 6 images of each"
    assert lines[2] == "  test: 3 classes of 2 alphabets, 5 to 6 images of each"
    assert data().names("test_1shot") == data().names("test") == ["test 0", "test 1", "test 2"]
    assert data().groups("test") == ["A", "A", "B"]
    assert data().hash() == data().hash() != data(shots=1).hash()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"ways": 1}, "config.data.ways is 1: an episode needs 2 classes or more"),
        ({"shots": 0}, "config.data.shots is 0: make it 1 or more"),
        ({"test_queries": 0}, "config.data.test_queries is 0: make it 1 or more"),
        ({"test_episodes": 0}, "config.data.test_episodes is 0: make it 1 or more"),
        ({"batch_size": 0}, "a batch size of 0 does not divide among 1 processes"),
        ({"ways": 4}, "config.data.ways is 4 and validation has 3 classes: ask for fewer"),
        (
            {"shots": 4},
            "an episode of 4 shots and 5 queries takes 6 images of a class and test 2 of test has "
            "5: lower config.data.shots or config.data.test_queries",
        ),
        (
            {"queries": 15, "test_queries": 1},
            "an episode of 2 shots and 15 queries takes 7 images of a class and train 0 of train "
            "has 6: lower config.data.shots or config.data.queries",
        ),
    ],
)
def test_what_no_episode_can_be_made_of_is_said_before_training(values, sentence):
    with pytest.raises(UserError) as error:
        data(**values).train()
    assert sentence in str(error.value)


@pytest.mark.parametrize("name", ["dev", "test_0shot", "test_shot", "test_3", "validation_1shot"])
def test_a_split_that_is_not_there_is_named(name):
    with pytest.raises(UserError, match=f"no split '{name}': choose validation, test, or"):
        data().split(name)


def test_a_data_set_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="'mnist': choose glyphs, omniglot or folders"):
        make_pools(config(name="mnist").data, tmp_path)


def draw(path, grey, size=SIDE):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (size, size), grey).save(path)


@pytest.fixture
def own(tmp_path):
    """A folder with an episode: its images are 10, 11 | 20, 21 | 30, 31, and 40, 41 are asked."""
    for place, name in enumerate(["one", "three", "two"], start=1):
        for n in range(2):
            draw(tmp_path / "support" / name / f"{n}.png", 10 * place + n)
    for n in range(2):
        draw(tmp_path / "queries" / f"{n}.png", 40 + n)
    return tmp_path


def test_a_users_own_episode_is_ink_of_the_training_kind_in_random_order(own):
    episodes = data()
    batch, again = episodes.inputs([str(own), str(own)])
    grey = 255 - batch["support"][0, :, 0, 0, 0].astype(int)
    assert sorted(grey) == [10, 11, 20, 21, 30, 31]
    np.testing.assert_array_equal(grey // 10 - 1, batch["labels"][0])
    assert np.any(np.diff(grey) < 0)
    np.testing.assert_array_equal(255 - batch["queries"][0, :, 0, 0, 0], [40, 41])
    assert "targets" not in batch
    assert [batch["index"][0], again["index"][0]] == [0, 1]
    assert batch["shots"] == [2]
    names = episodes.names("input")
    for each in (batch, again):
        assert [names[one] for one in each["classes"][0]] == ["one", "three", "two"]
    assert episodes.groups("input") == [""] * 6


def test_a_number_is_an_episode_of_test_with_its_answers():
    episodes = data()
    (batch,) = episodes.inputs(["5"])
    expected = episodes.split("test")[1]
    assert expected["index"][1] == 5
    for name in ("support", "labels", "queries", "targets", "shots"):
        np.testing.assert_array_equal(batch[name], expected[name][1:2])
    named = [episodes.names("input")[one] for one in batch["classes"][0]]
    assert named == [episodes.names("test")[one] for one in expected["classes"][1]]
    with pytest.raises(UserError, match="no episode 8 of test: give one below 8, or a folder"):
        episodes.inputs(["8"])


def test_every_mistake_in_a_users_own_episode_is_one_sentence(own, tmp_path):
    def says(sentence):
        with pytest.raises(UserError) as error:
            data().inputs([str(own)])
        assert sentence in str(error.value)

    with pytest.raises(UserError, match="nowhere has no folder support"):
        data().inputs([str(tmp_path / "nowhere")])
    draw(own / "support" / "four" / "0.png", 1)
    says("support has 4 folders and the model tells 3 classes apart")
    (own / "support" / "four" / "0.png").unlink()
    (own / "support" / "four").rmdir()
    (own / "support" / "two" / "1.png").unlink()
    says("have 1 to 2 images: give each as many as the others, from 1 to 2")
    draw(own / "support" / "two" / "1.png", 1, size=SIDE - 1)
    says(f"1.png has 3 x 3 pixels and images of {SIDE} x {SIDE} are asked for: give a larger one")
    (own / "support" / "two" / "1.png").write_text("no image")
    says("1.png cannot be read as an image")
    for path in (own / "queries").iterdir():
        path.unlink()
    says("queries has no .png or .jpg")
    (own / "queries").rmdir()
    says("has no folder queries")
