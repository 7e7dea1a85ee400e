"""A record is made again by its own commands, and nothing but the verdict comes of it."""

import dataclasses
import json
import shutil

import pytest

from attention_jax import results, runs
from attention_jax.cli import main
from attention_jax.training.interruption import Stop
from attention_jax.training.loop import Progressed
from attention_jax.training.timesheet import Timesheet

SMOKE = "--config=translation/rnnsearch:smoke"
EXPECTED = """
[[section]]
title = "Translation"
[[section.row]]
what = "loss"
value = "ours:loss"
bar = "<= 100"
status = "reached"
"""


@pytest.fixture(scope="module")
def recorded(trained, data_dir, tmp_path_factory):
    """A repository with the record `ours` of a trained workdir, and `lookup` of a baseline."""
    root = tmp_path_factory.mktemp("recorded")
    (root / "docs" / "results").mkdir(parents=True)
    (root / "docs" / "results" / "expected.toml").write_text(EXPECTED)
    folder = f"--data_dir={data_dir}"
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(root)
        assert main(["evaluate", f"--workdir={trained}", folder, "--record=ours"]) == 0
        baseline = ["--baseline=lookup", "--record=lookup"]
        assert main(["evaluate", SMOKE, folder, *baseline]) == 0
    return root


@pytest.fixture
def root(recorded, tmp_path, monkeypatch):
    """The same, to be changed."""
    shutil.copytree(recorded, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def change(root, name, **fields):
    record = dataclasses.replace(results.read_records(root)[name], **fields)
    results.write_record(root, record)
    return record


def rerun(name, data_dir, *options):
    return main(["results", f"--rerun={name}", f"--data_dir={data_dir}", *options])


def test_a_run_is_trained_again_and_holds(root, data_dir, tmp_path, capsys, caplog):
    before = {path: path.read_bytes() for path in (root / "docs").rglob("*") if path.is_file()}
    assert rerun("ours", data_dir, f"--workdir={tmp_path}/again") == 0
    assert (tmp_path / "again" / "checkpoints" / "4").is_dir()
    assert "ours holds: the same but for rounding" in capsys.readouterr().out
    assert "the code is not that of the record's commit" in caplog.text
    assert {p: p.read_bytes() for p in (root / "docs").rglob("*") if p.is_file()} == before


def test_an_ensemble_is_measured_again(root, trained, data_dir, tmp_path, capsys):
    for member in ("0", "1"):
        shutil.copytree(trained, tmp_path / "again" / member)
    folders = ",".join(f"{tmp_path}/again/{member}" for member in ("0", "1"))
    arguments = ["evaluate", f"--workdir={folders}", f"--data_dir={data_dir}", "--record=both"]
    assert main(arguments) == 0
    record = results.read_records(root)["both"]
    assert record.commands == [
        f"attention-jax train {SMOKE} --workdir=W/0",
        f"attention-jax train {SMOKE} --workdir=W/1",
        "attention-jax evaluate --workdir=W/0,W/1 --split=test",
    ]
    assert record.seeds == [0, 0]
    assert rerun("both", data_dir, f"--workdir={tmp_path}/again") == 0
    assert "both holds: the same but for rounding" in capsys.readouterr().out


def test_a_number_or_a_bar_that_no_longer_holds_exits_with_1(
    root, trained, data_dir, tmp_path, capsys, caplog
):
    shutil.copytree(trained, tmp_path / "again")
    metrics = results.read_records(root)["ours"].metrics
    change(root, "ours", metrics=metrics | {"chrf": 99.0}, hardware="an abacus")
    path = root / "docs" / "results" / "expected.toml"
    path.write_text(EXPECTED.replace("<= 100", "<= 1"))
    assert rerun("ours", data_dir, f"--workdir={tmp_path}/again") == 1
    shown = capsys.readouterr().out
    assert "ours does not hold: chrf; loss: " in shown
    assert "against <= 1 is missed, declared reached" in shown
    assert "hardware is another (an abacus" in caplog.text


def test_a_baseline_is_measured_again(root, data_dir, capsys):
    assert rerun("lookup", data_dir) == 0
    assert "lookup holds" in capsys.readouterr().out


def test_a_benchmark_is_run_again_without_recording(root, data_dir, capsys):
    record = change(root, "lookup", commands=["python benchmarks/measure.py --record"])
    (root / "benchmarks").mkdir()
    printed = [{"name": "other"}, dataclasses.asdict(record), "that was all"]
    lines = "".join(f"print({json.dumps(line)!r})\n" for line in printed)
    script = root / "benchmarks" / "measure.py"
    script.write_text(f"import sys\nassert sys.argv[1:] == []\n{lines}")
    assert rerun("lookup", data_dir) == 0
    assert "lookup holds: the same but for rounding" in capsys.readouterr().out
    (root / "benchmarks" / "__main__.py").write_text(script.read_text())
    change(root, "lookup", commands=["python -m benchmarks --record"])
    assert rerun("lookup", data_dir) == 0
    change(root, "lookup", commands=["python benchmarks/measure.py --record"])
    script.write_text("print('nothing')")
    assert rerun("lookup", data_dir) == 2
    assert "printed no record lookup" in capsys.readouterr().err
    script.write_text("raise SystemExit(3)")
    assert rerun("lookup", data_dir) == 2
    assert "failed with status 3" in capsys.readouterr().err


def test_a_training_that_is_stopped_passes_its_status_on(root, data_dir, tmp_path, monkeypatch):
    done = Progressed(duties=Timesheet({}).seconds)
    stopped = runs.Trained(Stop.TERMINATED, done, compilations=0, compiling=0, seconds=0)
    monkeypatch.setattr(runs, "train", lambda *arguments, **options: stopped)
    assert rerun("ours", data_dir, f"--workdir={tmp_path}/again") == 143


@pytest.mark.parametrize(
    ("commands", "options", "sentence"),
    [
        ([], [], "holds no command"),
        (["rm -r W"], [], "cannot be run again"),
        (["python benchmarks/../elsewhere.py"], [], "cannot be run again"),
        (["attention-jax train --config=x --workdir=W"], [], "cannot be run again"),
        (["attention-jax evaluate --config=x"], ["--workdir=w"], "trains nothing"),
    ],
)
def test_a_record_that_cannot_be_made_again_says_so(
    commands, options, sentence, root, data_dir, capsys
):
    change(root, "ours", commands=commands)
    assert rerun("ours", data_dir, *options) == 2
    assert sentence in capsys.readouterr().err


def test_other_mistakes_are_told_in_one_sentence(root, data_dir, capsys):
    assert rerun("theirs", data_dir) == 2
    assert "no record 'theirs': choose from lookup, ours" in capsys.readouterr().err
    assert main(["results", "--workdir=w"]) == 2
    assert "with --rerun=NAME only" in capsys.readouterr().err
    assert main(["results", "--check", "--rerun=ours"]) == 2
    assert "not allowed with" in capsys.readouterr().err
