"""Images as they are read, and classes of them."""

import numpy as np
import pytest
from PIL import Image

from attention_jax.data.episodes.images import ImagePool, Images, image_files, read_image
from attention_jax.errors import UserError

HALF = np.zeros((6, 10), np.uint8)
HALF[:, 5:] = 200


@pytest.fixture
def file(tmp_path):
    return tmp_path / "image.png"


def test_the_middle_square_is_resized(file):
    Image.fromarray(np.repeat(HALF, 10, 0).repeat(10, 1)).save(file)
    found = read_image(file, 6, 1)
    assert found.shape == (6, 6, 1)
    assert found.dtype == np.uint8
    assert np.all(found[:, :2] < 20)
    assert np.all(found[:, 4:] > 180)
    # Not resized, nothing is changed.
    Image.fromarray(HALF).save(file)
    np.testing.assert_array_equal(read_image(file, 6, 1)[..., 0], HALF[:, 2:8])


def test_dark_ink_becomes_bright_on_nothing(file):
    Image.fromarray(255 - HALF).save(file)
    np.testing.assert_array_equal(read_image(file, 6, 1, dark_ink=True)[..., 0], HALF[:, 2:8])


def test_colours_stay_colours_and_grey_becomes_three(file):
    Image.new("RGB", (4, 4), (10, 20, 30)).save(file)
    np.testing.assert_array_equal(read_image(file, 4, 3)[0, 0], [10, 20, 30])
    assert read_image(file, 4, 1).shape == (4, 4, 1)
    Image.new("L", (4, 4), 7).save(file)
    np.testing.assert_array_equal(read_image(file, 4, 3)[0, 0], [7, 7, 7])


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_never_black(file, mode):
    clear = Image.new(mode, (4, 4))
    if mode == "P":
        clear.putpalette([0] * 768)
        clear.info["transparency"] = 0
    clear.save(file)
    assert np.all(read_image(file, 4, 1) == 255)


def test_an_image_stands_as_its_camera_held_it(tmp_path):
    file = tmp_path / "image.JPEG"
    exif = Image.Exif()
    exif[0x0112] = 6  # To be turned to the right.
    Image.fromarray(HALF[:, 2:8]).save(file, exif=exif, quality=95)
    found = read_image(file, 6, 1)[..., 0].astype(int)
    assert np.all(found[3:] > 150)
    assert np.all(found[:3] < 50)


def test_what_cannot_be_read_is_named(file):
    Image.fromarray(HALF).save(file)
    whole = file.read_bytes()
    for broken in (b"", b"no image", whole[:40], whole[:-25], whole[:30] + b"\0" * 20 + whole[50:]):
        file.write_bytes(broken)
        with pytest.raises(UserError, match=r"image\.png cannot be read as an image: replace it"):
            read_image(file, 6, 1)
    Image.fromarray(HALF).save(file)
    with pytest.raises(UserError, match="has 10 x 6 pixels and images of 7 x 7 are asked for"):
        read_image(file, 7, 1)


def test_only_images_are_taken_from_a_folder(tmp_path):
    for name in ("b.PNG", "a.jpg", "c.jpeg", "notes.txt", ".DS_Store"):
        (tmp_path / name).touch()
    assert [path.name for path in image_files(tmp_path)] == ["a.jpg", "b.PNG", "c.jpeg"]


def test_a_turned_class_is_turned_to_the_left_and_each_image_found_by_its_number():
    counts = np.array([2, 3, 2], np.int32)
    images = np.arange(7 * 2 * 2, dtype=np.uint8).reshape(7, 2, 2, 1)
    made = Images(images, counts, np.array(["x", "y", "z"]), np.array(["A", "A", "B"]))
    pool = ImagePool(made, np.array([1, 2]), (0, 1, 2, 3))
    assert pool.names[:3] == ["y", "y turned 90", "y turned 180"]
    assert pool.groups == ["A"] * 4 + ["B"] * 4
    np.testing.assert_array_equal(pool.drawings, [3] * 4 + [2] * 4)
    classes, numbers = np.array([0, 1, 3, 4, 6]), np.array([2, 0, 1, 1, 0])
    found = pool.draw(classes, numbers, np.zeros((5, 0), np.uint64))
    for drawn, number, turns in zip(found, [4, 2, 3, 6, 5], [0, 1, 3, 0, 2], strict=True):
        np.testing.assert_array_equal(drawn, np.rot90(images[number], turns))
    # What was drawn is the batch's own.
    assert not np.shares_memory(found, images)
    whole = ImagePool(made)
    assert whole.names == ["x", "y", "z"]
