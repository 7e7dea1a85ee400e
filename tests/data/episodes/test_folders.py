"""A user's own folders of images."""

import os

import numpy as np
import pytest
from PIL import Image

from attention_jax.data.episodes.folders import FolderPools, ImageFolders
from attention_jax.errors import UserError

CLASSES = {"train": ["cat", "dog", "eel"], "validation": ["fox", "gnu"], "test": ["hen", "ibex"]}
NONE = np.zeros((1, 0), np.uint64)


@pytest.fixture
def own(tmp_path):
    """Classes of 2, 3, 4 ... images, each of one colour."""
    manual_dir = tmp_path / "own"
    for split, names in CLASSES.items():
        for name in names:
            folder = manual_dir / split / name
            folder.mkdir(parents=True)
            for number in range(2 + names.index(name)):
                Image.new("RGB", (9, 8), (number, 50, ord(name[0]))).save(folder / f"{number}.png")
    return manual_dir


def test_a_split_is_its_folders_and_is_prepared_once(own, tmp_path):
    data_dir = tmp_path / "data"
    pools = FolderPools(6, 3, data_dir, own)
    for split, names in CLASSES.items():
        pool = pools.pool(split)
        assert pool.names == names
        assert pool.groups == [""] * len(names)
        np.testing.assert_array_equal(pool.drawings, 2 + np.arange(len(names)))
        found = pool.draw(np.array([1]), np.array([2]), NONE)
        assert found.shape == (1, 6, 6, 3)
        assert np.all(found == [2, 50, ord(names[1][0])])
    hashed = pools.hash()
    # Without the files, and only of this size.
    again = FolderPools(6, 3, data_dir, None)
    assert again.pool("test").names == CLASSES["test"]
    assert again.hash() == hashed
    with pytest.raises(UserError, match="no folders of images of 7 x 7 x 3 are prepared yet: put"):
        FolderPools(7, 3, data_dir, None).pool("test")


def test_other_files_are_another_version(own):
    before = ImageFolders(own, 6, 3).name
    assert before == ImageFolders(own, 6, 3).name != ImageFolders(own, 6, 1).name
    os.utime(own / "train" / "cat" / "0.png", (1, 1))
    assert before != ImageFolders(own, 6, 3).name


def test_every_mistake_is_one_sentence(own, tmp_path):
    def says(sentence, side=6, channels=3, manual_dir=own):
        with pytest.raises(UserError) as error:
            FolderPools(side, channels, tmp_path / "data", manual_dir).pool("train")
        assert sentence in str(error.value)

    says("config.data.side is 0: give the width of an image", side=0)
    says("config.data.channels is 2: choose 1 (grey) or 3 (colour)", channels=2)
    says("train: images lie in DIR/{train,validation,test}/CLASS", manual_dir=tmp_path / "none")
    says("has 9 x 8 pixels and images of 9 x 9 are asked for: give a larger one", side=9)
    (own / "train" / "cat" / "0.png").write_bytes(b"no image")
    says("0.png cannot be read as an image: replace it or delete it")
    (own / "train" / "cat" / "0.png").unlink()
    says("cat has 1 .png or .jpg and a class needs 2: one to be shown, one to be asked about")
    (own / "train" / "cat" / "1.png").unlink()
    (own / "train" / "cat").rmdir()
    (own / "test" / "dog").mkdir()
    for number in range(2):
        Image.new("RGB", (9, 8)).save(own / "test" / "dog" / f"{number}.png")
    says("has a class dog in train and in test: classes of one split must be new to the others")
    for name in ("dog", "eel"):
        for path in (own / "train" / name).iterdir():
            path.unlink()
        (own / "train" / name).rmdir()
    says("train has no folders: make one for each class, with its images")
