"""Omniglot in both forms, very small: the same images, disjoint splits, mistakes named."""

import importlib
import json

import numpy as np
import pytest
from PIL import Image

from attention_jax.data import prepared
from attention_jax.data.episodes import omniglot
from attention_jax.data.episodes.omniglot import ORIGINAL, Archive, OmniglotPools, Originals
from attention_jax.errors import UserError

DRAWINGS = 2
HELD_OUT = [name for own in omniglot.ALPHABETS.values() for name in own]
ALPHABETS = [*(f"Other_{n:02}" for n in range(22)), *HELD_OUT]


def inks(alphabets):
    """(alphabet, character) -> bits; two characters in the first alphabet, else one."""
    random = np.random.default_rng(len(alphabets))
    names = [(alphabet, f"character{n:02}") for alphabet in alphabets for n in (1, 2)]
    names = [name for name in names if name[1] == "character01" or name[0] == alphabets[0]]
    return {name: random.random((DRAWINGS, ORIGINAL, ORIGINAL)) < 0.1 for name in names}


def save_archive(folder, drawn, **changed):
    folder.mkdir(parents=True)
    # In no order, as the published file is.
    names = sorted(drawn, reverse=True)
    packed = np.packbits(np.stack([drawn[n] for n in names]).reshape(len(names), DRAWINGS, -1), -1)
    labels = json.dumps({str(number): list(name) for number, name in enumerate(names)})
    arrays = {"ink105_packed": packed, "labels": np.array(labels)} | changed
    np.savez(folder / "background.npz", **{k: v for k, v in arrays.items() if v is not None})


def save_originals(folder, drawn):
    for (alphabet, character), bits in drawn.items():
        own = folder / alphabet / character
        own.mkdir(parents=True)
        for number, ink in enumerate(bits):
            Image.fromarray(~ink).save(own / f"0001_{number:02}.png")


@pytest.fixture(scope="module")
def background():
    return inks(ALPHABETS)


@pytest.fixture(scope="module")
def archive(background, tmp_path_factory):
    manual_dir = tmp_path_factory.mktemp("archive")
    save_archive(manual_dir / "omniglot", background)
    return manual_dir


@pytest.fixture(scope="module")
def folders(background, tmp_path_factory):
    manual_dir = tmp_path_factory.mktemp("originals")
    save_originals(manual_dir / "images_background", background)
    evaluation = inks([f"Late_{n}" for n in range(4)])
    save_originals(manual_dir / "images_evaluation", evaluation)
    return manual_dir


@pytest.fixture(scope="module")
def pools(archive, data_dir):
    found = OmniglotPools("alphabets", data_dir, archive)
    return found, {split: found.pool(split) for split in ("train", "validation", "test")}


def test_no_alphabet_is_in_two_splits_and_only_training_is_turned(pools):
    _, splits = pools
    alphabets = {split: {*pool.groups} for split, pool in splits.items()}
    sizes = {split: len(own) for split, own in alphabets.items()}
    assert sizes == {"train": 22, "validation": 3, "test": 5}
    assert len(set().union(*alphabets.values())) == 30
    for split, pool in splits.items():
        upright = [name for name in pool.names if " turned " not in name]
        assert len(pool.names) == len(upright) * (4 if split == "train" else 1)
        assert len(set(pool.names)) == len(pool.names)


def test_what_is_prepared_is_the_ink_at_a_quarter_of_the_size(pools, background):
    _, splits = pools
    pool = splits["test"]
    alphabet, character = pool.names[0].split("/")
    found = pool.draw(np.array([0, 0]), np.array([0, 1]), np.zeros((2, 0), np.uint64))
    for image, ink in zip(found, background[alphabet, character], strict=True):
        small = Image.fromarray(255 * ink.astype(np.uint8)).resize((28, 28), Image.LANCZOS)
        np.testing.assert_array_equal(image[..., 0], np.asarray(small))


def test_who_no_longer_has_the_files_reads_what_was_prepared(pools, data_dir, monkeypatch):
    monkeypatch.setattr(prepared, "prepare", None)
    made, splits = pools
    again = OmniglotPools("alphabets", data_dir, None)
    assert again.pool("test").names == splits["test"].names
    assert again.hash() == made.hash()
    arrays = data_dir / "omniglot" / "arrays"
    (other,) = arrays.glob("*-background.npz")
    (arrays / "other-background.npz").write_bytes(other.read_bytes())
    with pytest.raises(UserError, match="say with --manual_dir from which files"):
        OmniglotPools("alphabets", data_dir, None).pool("test")
    (arrays / "other-background.npz").unlink()


def test_both_forms_are_the_same_images(archive, folders):
    one = Archive(archive / "omniglot" / "background.npz")
    other = Originals(folders)
    assert other.splits == ("background", "evaluation")
    assert one.name != other.name
    for mine, same in zip(one.read("background"), other.read("background"), strict=True):
        assert mine[:2] == same[:2]
        np.testing.assert_array_equal(mine.images, same.images)


def test_the_papers_split_divides_the_characters_of_both_sets(folders, tmp_path, monkeypatch):
    with pytest.raises(UserError, match=r"36 characters of Omniglot .*=paper divides 1623"):
        OmniglotPools("paper", tmp_path, folders).pool("test")
    monkeypatch.setitem(omniglot.ALL, "paper", 36)
    monkeypatch.setattr(omniglot, "CHARACTERS", {"test": 10, "validation": 4})
    pools = OmniglotPools("paper", tmp_path, folders)
    names = {split: pools.pool(split).names for split in ("train", "validation", "test")}
    assert [len(own) for own in names.values()] == [22 * 4, 4, 10]
    characters = [name.partition(" turned ")[0] for own in names.values() for name in {*own}]
    assert len(set(characters)) == 36
    assert {name.split("_")[0] for name in characters} >= {"Other", "Late"}


def test_every_mistake_is_one_sentence(archive, folders, tmp_path):
    def says(sentence, split="alphabets", manual_dir=tmp_path):
        with pytest.raises(UserError) as error:
            OmniglotPools(split, tmp_path / "data", manual_dir).pool("train")
        assert sentence in str(error.value)

    says("config.data.split is 'letters': choose alphabets or paper", split="letters")
    says("put images_background (from brendenlake/omniglot on GitHub", manual_dir=None)
    says("has neither images_background nor background.npz")
    says("put images_background and images_evaluation (from", split="paper", manual_dir=archive)
    few = tmp_path / "few"
    save_archive(few, inks(ALPHABETS[:2]))
    says("there are 2 alphabets of Omniglot and config.data.split=alphabets", manual_dir=few)
    other = tmp_path / "other"
    save_archive(other, inks(ALPHABETS[:2]), labels=None)
    says("background.npz is not Omniglot with ink105_packed and labels", manual_dir=other)
    (other / "background.npz").write_bytes(b"no archive")
    says("background.npz is not Omniglot with ink105_packed and labels", manual_dir=other)
    own = tmp_path / "images_background" / "Greek" / "character01"
    own.mkdir(parents=True)
    Image.new("1", (ORIGINAL, ORIGINAL)).save(own / "1.png")
    says("character01 has 1 images and a character needs 2")
    Image.new("1", (28, 28)).save(own / "2.png")
    says("2.png has 28 x 28 pixels and Omniglot's images 105 x 105")
    (own / "2.png").write_bytes(b"no image")
    says("2.png cannot be read as an image")


def test_tfds_own_omniglot_may_be_there_too():
    importlib.import_module("attention_jax.data.episodes.builder")
    importlib.import_module("tensorflow_datasets.image_classification.omniglot")
