"""The audio experiment as a user meets it: sounds in, sounds out, and mistakes."""

import json

import numpy as np
import pytest
from scipy.io import wavfile

from attention_jax.cli import main
from attention_jax.data.sounds import as_wav

SMOKE = "--config=audio/wavenet:smoke"
# At 4,000 samples a second.
GIVEN = 0.5 * np.sin(np.arange(80) / 3)


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    """The workdir of a finished smoke run."""
    workdir = tmp_path_factory.mktemp("heard")
    assert main(["train", SMOKE, f"--workdir={workdir}"]) == 0
    return workdir


@pytest.fixture
def own(tmp_path):
    (tmp_path / "own.wav").write_bytes(as_wav(GIVEN, 4000))
    return tmp_path / "own.wav"


def test_an_evaluation_leaves_sounds_to_be_heard(heard):
    names = {path.name for path in (heard / "predictions").glob("*.wav")}
    each = {f"validation_sound_{n}{which}.wav" for n in (0, 1) for which in ("", "_real")}
    assert names == each
    rate, samples = wavfile.read(heard / "predictions" / "validation_sound_0.wav")
    assert (rate, len(samples)) == (4000, 120)
    assert (heard / "pictures" / "validation_sound_0.png").is_file()


def test_a_users_own_sound_is_continued_and_others_are_drawn_from_nothing(
    heard, own, tmp_path, capsys
):
    shown, seconds = tmp_path / "shown", "--config.decode.seconds=0.02"
    lines = [str(own), "0.01"]
    arguments = ["predict", f"--workdir={heard}", "--json", seconds, f"--pictures={shown}"]
    assert main([*arguments, *lines]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["given_seconds"], first["drawn_seconds"]) == (0.02, 0.02)
    assert (second["given_seconds"], second["drawn_seconds"]) == (0.0, 0.01)
    names = [f"input_sound_{n}.{kind}" for n in (0, 1) for kind in ("png", "wav")]
    assert sorted(path.name for path in shown.iterdir()) == names
    _, samples = wavfile.read(shown / "input_sound_0.wav")
    assert len(samples) == 160
    # As near as 16 levels are.
    np.testing.assert_allclose(samples[:80] / 32767, GIVEN, atol=0.15)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("nowhere.wav", "there is no file nowhere.wav"),
        ("100", "the limit is 60"),
        (__file__, "is no .wav file that can be used"),
    ],
)
def test_an_input_that_cannot_be_used_is_one_sentence(line, sentence, heard, capsys):
    assert main(["predict", f"--workdir={heard}", line]) == 2
    said = capsys.readouterr().err
    assert sentence in said.splitlines()[-1]
    assert "Traceback" not in said


def test_recordings_that_are_not_there_are_one_sentence_and_leave_no_workdir(tmp_path, capsys):
    workdir = tmp_path / "w"
    assert main(["train", f"{SMOKE},recordings", f"--workdir={workdir}"]) == 2
    assert "give --manual_dir=DIR" in capsys.readouterr().err
