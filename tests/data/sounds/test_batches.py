"""Sounds as data: by number alone, training apart from evaluation, and a user's files."""

import jax
import numpy as np
import pytest

from attention_jax import experiment
from attention_jax.data.sounds import Recordings, SoundData, as_wav
from attention_jax.errors import UserError


def make_data(manual_dir=None, arg="smoke", **values):
    config = experiment.find(f"audio/wavenet:{arg}").config()
    experiment.override(config, values)
    return SoundData(config, manual_dir)


@pytest.fixture
def recorded(tmp_path):
    """DIR/train, DIR/validation, DIR/test: sounds whose every sample is another."""
    lengths = {"train": (300, 40, 150), "validation": (130,), "test": (250,)}
    first = 0
    for split, sounds in lengths.items():
        (tmp_path / split).mkdir()
        for number, length in enumerate(sounds):
            samples = (first + np.arange(length)) / 32767
            (tmp_path / split / f"{number}.wav").write_bytes(as_wav(samples, 4000))
            first += length
    return tmp_path


def whole(sound):
    """Its samples as the whole numbers that stand in the file."""
    return np.round(np.asarray(sound, np.float64) * 32768).astype(int)


def test_a_crop_never_depends_on_its_batch():
    large, small = make_data(batch_size=8).train()[1], make_data(batch_size=2).train()
    for position in range(4):
        for name, array in small[4 + position].items():
            np.testing.assert_array_equal(array, large[name][2 * position : 2 * position + 2])


def test_each_process_reads_its_own_rows(monkeypatch):
    data = make_data()
    crops, pieces = data.train()[3], list(data.split("test"))[1]
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    for process in range(2):
        monkeypatch.setattr(jax, "process_index", lambda process=process: process)
        mine = make_data()
        for part, all_rows in [(mine.train()[3], crops), (list(mine.split("test"))[1], pieces)]:
            for name, array in part.items():
                np.testing.assert_array_equal(array, all_rows[name][2 * process : 2 * process + 2])
    monkeypatch.setattr(jax, "process_count", lambda: 3)
    with pytest.raises(UserError, match="use a multiple of 3"):
        make_data()


def test_training_never_sees_a_sound_of_a_split_and_splits_never_change():
    seen = {}
    for seed in (0, 1):
        data = make_data(seed=seed, **{"data.crop": 120})
        for name in ("train", *data.splits):
            batches = [data.train()[n] for n in range(3)] if name == "train" else data.split(name)
            seen[name, seed] = {bytes(row) for b in batches for row in b["samples"][b["mask"]]}
    for name in ("validation", "test"):
        assert seen[name, 0] == seen[name, 1]
    assert not seen["train", 0] & seen["train", 1]
    assert not seen["train", 0] & (seen["validation", 0] | seen["test", 0])
    assert not seen["validation", 0] & seen["test", 0]


def test_a_split_says_which_rows_fill_up_and_which_are_to_be_continued():
    data = make_data()
    batches = list(data.split("test"))
    assert len(batches) == len(data.split("test")) == 2
    index = np.concatenate([batch["index"] for batch in batches])
    np.testing.assert_array_equal(index, [0, 1, 2, 3, 4, 5, -1, -1])
    np.testing.assert_array_equal(np.concatenate([b["mask"] for b in batches]), index >= 0)
    prompt = np.concatenate([batch["prompt"] for batch in batches])
    np.testing.assert_array_equal(prompt, [40, 40, -1, -1, -1, -1, -1, -1])
    assert {batch["samples"].shape for batch in batches} == {(4, 120)}


def test_recordings_are_cropped_everywhere_alike_often_and_cut_without_a_gap(recorded):
    sounds = Recordings(recorded, "train", 4000)
    words = np.linspace(0, 2**64 - 1, 3000, endpoint=False).astype(np.uint64)[:, None]
    crops, length = sounds.crop(words, 100)
    firsts = whole(crops[:, 0])
    # 201 places in the first sound, one in the second, 51 in the third.
    places, counts = np.unique(firsts, return_counts=True)
    np.testing.assert_array_equal(places, [*range(201), 300, *range(340, 391)])
    assert counts.min() >= 11
    assert counts.max() <= 13
    np.testing.assert_array_equal(length, np.where(firsts == 300, 40, 100))
    for crop, first, real in zip(whole(crops), firsts, length, strict=True):
        np.testing.assert_array_equal(crop[:real], first + np.arange(real))
        assert not crop[real:].any()
    pieces, length = sounds.pieces(100)
    np.testing.assert_array_equal(length, [100, 100, 100, 40, 100, 50])
    together = np.concatenate([piece[:n] for piece, n in zip(whole(pieces), length, strict=True)])
    np.testing.assert_array_equal(together, np.arange(490))


def test_recordings_are_data_like_melodies(recorded):
    data = make_data(recorded, arg="smoke,recordings")
    assert data.train()[0]["samples"].shape == (4, 64)
    assert "3 recordings" in data.report()
    (batch,) = data.split("test")
    np.testing.assert_array_equal(batch["length"], [120, 120, 10, 10])
    np.testing.assert_array_equal(batch["mask"], [True, True, True, False])
    assert not len(data.scale)
    before = data.hash()
    (recorded / "train" / "0.wav").write_bytes(as_wav(np.zeros(300), 4000))
    assert make_data(recorded, arg="smoke,recordings").hash() != before


def test_a_sound_too_short_for_its_prompt_is_never_continued(recorded):
    data = make_data(recorded, arg="smoke,recordings", **{"decode.sounds": 9})
    (batch,) = data.split("test")
    np.testing.assert_array_equal(batch["prompt"], [40, 40, -1, -1])


def test_inputs_are_files_to_go_on_from_and_seconds_from_nothing(recorded):
    data = make_data(batch_size=2)
    (batch, rest) = data.inputs([str(recorded / "test" / "0.wav"), "0.01", "0.02"])
    np.testing.assert_array_equal(batch["prompt"], [250, 0])
    np.testing.assert_array_equal(batch["length"], [4250, 40])
    np.testing.assert_array_equal(whole(batch["samples"][0, :250]), 620 + np.arange(250))
    assert not batch["samples"][0, 250:].any()
    assert list(rest["mask"]) == [True, False]
    assert list(rest["index"]) == [2, -1]
    assert rest["samples"].shape == batch["samples"].shape


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("nowhere.wav", "there is no file nowhere.wav"),
        ("0", "'0' is no length of a sound"),
        ("-1", "'-1' is no length of a sound"),
        ("nan", "'nan' is no length of a sound"),
        ("inf", "'inf' is no length of a sound"),
        ("61", "61 would become 61 seconds and the limit is 60"),
    ],
)
def test_an_input_that_cannot_be_used_is_one_sentence(line, sentence):
    with pytest.raises(UserError, match=sentence):
        make_data().inputs([line])


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"data.name": "speech"}, "choose tones or recordings"),
        ({"data.crop": 1}, "data.crop is 1: make it 2 or more"),
        ({"data.seconds": 0.01}, "less than a crop of 64 samples"),
        ({"data.test_size": 0}, "test_size is 0"),
        ({"decode.prompt": -1.0}, "prompt -1"),
        ({"batch_size": 0}, "batch size of 0"),
    ],
)
def test_data_that_cannot_be_are_one_sentence(values, sentence):
    with pytest.raises(UserError, match=sentence):
        make_data(**values)


def test_missing_recordings_and_unknown_splits_are_one_sentence(recorded):
    with pytest.raises(UserError, match="give --manual_dir=DIR"):
        make_data(arg="smoke,recordings").train()
    (recorded / "test" / "0.wav").unlink()
    with pytest.raises(UserError, match=r"test has no \.wav files"):
        make_data(recorded, arg="smoke,recordings").split("test")
    with pytest.raises(UserError, match="choose validation, test"):
        make_data().split("train")
