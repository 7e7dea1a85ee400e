"""Files of sound, read as they were meant, and refused in one sentence."""

import io
import wave

import numpy as np
import pytest
from scipy.io import wavfile

from attention_jax.data.sounds import as_wav, read_wav
from attention_jax.errors import UserError

SOUND = np.sin(np.arange(200) / 5).astype(np.float32) * 0.7


@pytest.fixture
def saved(tmp_path):
    def save(samples, rate=4000):
        wavfile.write(tmp_path / "sound.wav", rate, samples)
        return tmp_path / "sound.wav"

    return save


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / "sound.wav"
    path.write_bytes(as_wav(SOUND, 4000))
    found = read_wav(path, 4000)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, SOUND, atol=1e-4)
    with wave.open(io.BytesIO(as_wav(2 * SOUND, 8000))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
        assert np.frombuffer(file.readframes(200), "<i2").max() == 32767


@pytest.mark.parametrize(
    "samples",
    [
        np.round(SOUND * 127 + 128).astype(np.uint8),
        np.round(SOUND * 2**31).astype(np.int32),
        SOUND,
        SOUND.astype(np.float64),
        np.stack([SOUND, SOUND], axis=1),
    ],
    ids=["8 bits", "32 bits", "float", "double", "stereo"],
)
def test_every_kind_of_numbers_means_the_same_sound(samples, saved):
    np.testing.assert_allclose(read_wav(saved(samples), 4000), SOUND, atol=0.01)


def test_channels_are_averaged(saved):
    both = np.stack([SOUND, np.zeros_like(SOUND)], axis=1)
    np.testing.assert_allclose(read_wav(saved(both), 4000), SOUND / 2)


def test_parts_that_are_no_sound_are_passed_over(tmp_path):
    path = tmp_path / "sound.wav"
    tagged = bytearray(as_wav(SOUND, 4000)) + b"id3 " + (4).to_bytes(4, "little") + b"abcd"
    tagged[4:8] = (len(tagged) - 8).to_bytes(4, "little")
    path.write_bytes(tagged)
    assert len(read_wav(path, 4000)) == 200


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"no sound", "is no .wav file that can be used"),
        (b"", "is no .wav file that can be used"),
        (as_wav(SOUND, 4000)[:20], "is no .wav file that can be used"),
        (as_wav(SOUND, 8000), "has 8000 samples a second and 4000 are wanted"),
        (as_wav(SOUND[:0], 4000), "holds no samples"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(content, sentence, tmp_path):
    path = tmp_path / "sound.wav"
    path.write_bytes(content)
    with pytest.raises(UserError, match=sentence) as error:
        read_wav(path, 4000)
    assert "\n" not in str(error.value)


def test_samples_that_are_no_numbers_and_missing_files_are_one_sentence(saved, tmp_path):
    with pytest.raises(UserError, match="no finite numbers"):
        read_wav(saved(np.full(9, np.nan, np.float32)), 4000)
    with pytest.raises(UserError, match="cannot be read"):
        read_wav(tmp_path / "none.wav", 4000)
