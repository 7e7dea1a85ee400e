"""The memory experiments as a user meets them: their arguments, their mistakes, their way back."""

import json

import jax
import numpy as np
import pytest

from attention_jax import experiment, runs
from attention_jax.cli import main
from attention_jax.training.writers import read_rows

NAMES = [name for name in experiment.names() if name.startswith("memory/")]
SMOKE = "--config=memory/copy:smoke"


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """The workdir of a finished smoke run."""
    workdir = tmp_path_factory.mktemp("copied")
    assert main(["train", SMOKE, f"--workdir={workdir}"]) == 0
    return workdir


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("arg", ["paper", "lstm", "paper,lstm", "paper,control"])
def test_every_variant_is_a_model_that_can_be(name, arg):
    built = experiment.load(f"{name}:{arg}")
    state = jax.eval_shape(built.task.init, jax.random.key(0), built.task.example())
    assert sum(leaf.size for leaf in jax.tree.leaves(state.params)) > 1000
    assert type(built.task.model).__name__ == ("LSTMControl" if "control" in arg else "NTM")
    assert built.config.optimizer.name == "adam"
    if arg == "paper":
        assert (built.config.model.slots, built.config.model.word) == (128, 20)


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("model.slots=0", "slots is 0"),
        ("model.slots=4 --config.model.max_shift=2", "lower max_shift or raise slots"),
        ("sequences.min_length=9", "min_length is 9 and max_length is 3"),
        ("model.controller=gru", "choose feed_forward or lstm"),
    ],
)
def test_a_machine_that_cannot_be_is_one_sentence(override, sentence, says, tmp_path):
    overrides = f"--config.{override}".split()
    assert sentence in says("train", SMOKE, f"--workdir={tmp_path}", *overrides)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("[[0, 1, 1]]", "vector 1 of input 1 has 3 values and this model takes 4"),
        ("[[0, 1, 1, 0]", "input 1 is no JSON"),
        (json.dumps([[0, 1, 1, 0]] * 400), "takes 801 steps and the limit is 512"),
    ],
)
def test_a_sequence_that_cannot_be_used_is_one_sentence(line, sentence, says, copied):
    assert sentence in says("predict", f"--workdir={copied}", line)


def test_sequences_come_from_a_file_and_more_steps_may_be_allowed(copied, tmp_path, capsys):
    lines = [json.dumps([[0, 1, 1, 0]] * length) for length in (300, 1)]
    (tmp_path / "lines.jsonl").write_text("\n".join(lines) + "\n")
    arguments = [f"--workdir={copied}", f"--input={tmp_path}/lines.jsonl"]
    assert main(["predict", *arguments, "--config.decode.max_steps=601"]) == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [np.shape(one) for one in said] == [(300, 4), (1, 4)]


def test_a_split_of_another_length_can_be_evaluated(copied, capsys):
    arguments = ["evaluate", f"--workdir={copied}", "--json"]
    assert main([*arguments, "--split=test_5"]) == 0
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert metrics["bits_per_sequence/length_5"] == pytest.approx(metrics["bits_per_sequence"])
    assert 0 <= metrics["read_head_accuracy"] <= 1
    assert main([*arguments, "--split=tset"]) == 2
    assert "test_30 for the length 30" in capsys.readouterr().err


def test_the_report_shows_attention_and_curves(copied, tmp_path):
    arguments = ["report", str(copied), "--split=validation", f"--output={tmp_path}/page.html"]
    assert main(arguments) == 0
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "bits per sequence" in page
    assert 'id="maps"' in page


def test_a_resumed_curriculum_is_bit_equal_to_one_never_interrupted(tmp_path):
    def train(folder, steps):
        values = {"steps": steps, "data.curriculum": 6, "model.initial": "random"}
        # A cosine ends with the steps, which are fewer in the first part.
        values["optimizer.schedule.name"] = "constant"
        folder.mkdir(exist_ok=True)
        built = experiment.load("memory/copy:smoke", values)
        runs.train(built, folder, verbose=False)

    train(tmp_path / "whole", 5)
    train(tmp_path / "parts", 3)
    train(tmp_path / "parts", 5)

    def losses(folder):
        rows = read_rows(folder / "metrics.jsonl")
        return {row["step"]: row["loss"] for row in rows if row["split"] == "train"}

    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")
