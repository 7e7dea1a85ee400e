"""The Python face does what the commands do, and leaves what they leave."""

import json
import tempfile
from pathlib import Path

import pytest
from matplotlib.figure import Figure

import attention_jax
from attention_jax.cli import main
from attention_jax.errors import UserError
from attention_jax.training.interruption import Stop
from attention_jax.viz import draw_map

SMOKE = "translation/rnnsearch:smoke"


@pytest.fixture(scope="module")
def loaded(data_dir, tmp_path_factory):
    """Trained from Python, with a tuple and two numbers changed; no program is another for it."""
    overrides = {"data.buckets": (64, 256), "decode.temperature": 0.5, "keep": 1}
    workdir = tmp_path_factory.mktemp("python") / "new"
    return attention_jax.train(SMOKE, overrides, workdir, data_dir=data_dir)


def test_what_python_trained_the_commands_can_use(loaded, capsys):
    assert loaded.step == 4
    assert loaded.config.data.buckets == (64, 256)
    assert loaded.config.decode.temperature == 0.5
    kept = {path.name for path in (loaded.workdir / "checkpoints").iterdir() if path.name.isdigit()}
    assert kept == {"4"}
    assert main(["predict", f"--workdir={loaded.workdir}", "--json", "3 hours"]) == 0
    assert loaded.predict(["3 hours"]) == [json.loads(capsys.readouterr().out)]


def test_what_python_trained_can_be_loaded_and_measured(loaded, data_dir):
    again = attention_jax.load(loaded.workdir, data_dir=data_dir)
    assert again.predict(["3 hours"]) == loaded.predict(["3 hours"])
    found = again.evaluate("test")
    kept = loaded.workdir / "predictions"
    assert json.loads((kept / "test_metrics.json").read_text())["metrics"] == found.metrics
    lines = (kept / "test.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == found.predictions
    assert any(one.gold for one in found.maps)


def test_every_phrase_has_its_own_map(loaded):
    first, second = loaded.maps(["3 hours", "Sunday, November 22, 2026"])
    assert first.keys == ["3", "hours", "</s>"]
    assert second.title == "Sunday, November 22, 2026"
    assert first.weights.shape == (len(first.queries), 3)
    assert isinstance(draw_map(first), Figure)


def test_given_translations_are_scored_and_drawn(loaded):
    lines, targets = ["3 hours", "5 days"], ["3 heures", "5 jours"]
    records = loaded.predict(lines, targets)
    assert [record["prediction"] for record in records] == targets
    assert all(record["score"] < record["score_per_token"] < 0 for record in records)
    first, _ = loaded.maps(lines, targets)
    assert (first.kind, first.queries) == ("given", ["3", "heures", "</s>"])
    with pytest.raises(UserError, match="2 inputs and 1 targets"):
        loaded.predict(lines, targets[:1])


def test_what_was_loaded_is_what_is_measured(loaded, data_dir):
    mean = attention_jax.load(loaded.workdir, "average:1", data_dir=data_dir)
    mean.evaluate("validation")
    kept = loaded.workdir / "predictions" / "validation_metrics.json"
    assert "steps 4" in json.loads(kept.read_text())["notes"]["checkpoint"]


def test_another_config_in_a_workdir_that_has_run_is_refused(loaded, data_dir):
    with pytest.raises(UserError, match=r"was trained with config\.data\.buckets = \[64, 256\]"):
        attention_jax.train(SMOKE, {}, loaded.workdir, data_dir=data_dir)


def test_a_misspelt_override_is_named():
    with pytest.raises(UserError, match=r"did you mean config\.model\.hidden"):
        attention_jax.train(SMOKE, {"model.hiden": 8})


@pytest.mark.parametrize(
    ("stop", "raised"), [(Stop.INTERRUPTED, KeyboardInterrupt), (Stop.TERMINATED, SystemExit)]
)
def test_a_stopped_training_never_passes_for_a_finished_one(
    stop, raised, data_dir, tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "mkdtemp", lambda prefix: str(tmp_path / prefix))
    stopped = type("Stopped", (), {"stop": stop})
    monkeypatch.setattr("attention_jax.runs.train", lambda built, folder: stopped)
    with pytest.raises(raised):
        attention_jax.train(SMOKE, data_dir=data_dir)
    assert [path.name for path in Path(tmp_path).iterdir()] == ["attention_jax_"]
