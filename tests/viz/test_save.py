"""Pictures on disk, and no trace of drawing them anywhere else."""

import subprocess
import sys

import numpy as np

from attention_jax.viz import alignment_map, save_figures
from attention_jax.viz.save import save_sounds


def test_each_figure_becomes_a_png_with_a_plain_name(tmp_path):
    figure = alignment_map(np.eye(2), ["a", "b"], ["c", "d"])
    paths = save_figures({"alignment_0": figure, "by/length": figure}, tmp_path / "new", "test")
    assert [path.name for path in paths] == ["test_alignment_0.png", "test_by_length.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
    assert sorted((tmp_path / "new").iterdir()) == paths


def test_each_sound_becomes_a_wav_with_a_plain_name(tmp_path):
    save_sounds({"sound_0": b"RIFF", "a/b": b""}, tmp_path / "new", "test")
    names = {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()}
    assert names == {"test_sound_0.wav": b"RIFF", "test_a_b.wav": b""}


def test_the_same_numbers_give_the_same_bytes(tmp_path):
    def bytes_of(folder):
        figure = alignment_map(np.eye(2), ["a", "b"], ["c", "d"], gold=[(0, 0)], title="t")
        return save_figures({"map": figure}, tmp_path / folder, "test")[0].read_bytes()

    assert bytes_of("one") == bytes_of("two")


def test_importing_and_drawing_never_touch_pyplot():
    code = (
        "import sys, attention_jax.viz as viz; viz.alignment_map([[1.0]], ['a'], ['b']);"
        "viz.curves([{'step': 1, 'split': 'train', 'loss': 2.0}]);"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
