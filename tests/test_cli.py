"""The commands, as a user types them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from attention_jax import sweep
from attention_jax.cli import main
from attention_jax.training.interruption import Stop
from attention_jax.training.writers import read_rows

SMOKE = "--config=translation/rnnsearch:smoke"


def test_list_names_every_experiment_and_what_it_shows(capsys):
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    assert "translation/rnnsearch" in shown
    assert "translation/seq2seq" in shown


def test_evaluate_prints_metrics_with_their_signature(trained, data_dir, capsys):
    assert main(["evaluate", f"--workdir={trained}", f"--data_dir={data_dir}"]) == 0
    shown = capsys.readouterr().out
    assert "exact_match" in shown
    assert "case:mixed" in shown
    assert "tok:13a" in shown


def test_the_last_line_of_json_is_one_object_of_numbers(trained, data_dir, capsys):
    assert main(["evaluate", f"--workdir={trained}", f"--data_dir={data_dir}", "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {"loss", "perplexity", "bleu", "chrf", "exact_match", "aer"} <= metrics.keys()
    assert all(isinstance(value, float) for value in metrics.values())


def test_predictions_are_written_with_their_alignments(trained, data_dir):
    assert main(["evaluate", f"--workdir={trained}", f"--data_dir={data_dir}", "--json"]) == 0
    lines = (trained / "predictions" / "test.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert len(records) == 16
    assert {"source", "prediction", "reference", "score", "alignment"} <= records[0].keys()


def test_n_best_of_a_beam_are_all_told(trained, capsys):
    decode = ["--config.decode.beams=3", "--config.decode.n_best=2"]
    assert main(["predict", f"--workdir={trained}", "--json", "3 hours", *decode]) == 0
    record = json.loads(capsys.readouterr().out)
    assert len(record["n_best"]) == 2
    assert record["n_best"][0] == [record["prediction"], record["score"]]


def test_inputs_come_from_a_file_too(trained, tmp_path, capsys):
    (tmp_path / "lines.txt").write_text("3 hours\n5 days\n")
    assert main(["predict", f"--workdir={trained}", f"--input={tmp_path}/lines.txt"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_record_says_how_the_number_was_made(trained, data_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments = ["evaluate", f"--workdir={trained}", f"--data_dir={data_dir}"]
    assert main([*arguments, "--record=ours"]) == 2
    assert "repository" in capsys.readouterr().err
    (tmp_path / "docs" / "results").mkdir(parents=True)
    assert main([*arguments, "--record=ours"]) == 0
    record = json.loads((tmp_path / "docs" / "results" / "ours.json").read_text())
    assert record["commands"] == [
        f"attention-jax train {SMOKE} --workdir=W",
        "attention-jax evaluate --workdir=W --split=test",
    ]
    assert record["seeds"] == [0]
    assert record["seconds"] > 0
    assert "tok:13a" in record["notes"]
    assert main([*arguments, "--beside=ours"]) == 0
    assert (trained / "pictures" / "test_length_beside.png").is_file()


@pytest.mark.parametrize(
    ("name", "metric"), [("lookup", "bleu"), ("diagonal", "aer"), ("ibm1", "aer")]
)
def test_baselines_need_no_training(name, metric, data_dir, capsys):
    arguments = ["evaluate", SMOKE, f"--baseline={name}", f"--data_dir={data_dir}", "--json"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])[metric] > 0


def test_parallel_text_trains_with_subwords(tmp_path):
    (tmp_path / "pairs.tsv").write_text("one house\tune maison\ntwo houses\tdeux maisons\n" * 20)
    files = [f"--config.data.{split}={tmp_path}/pairs.tsv" for split in ("train", "validation")]
    tokens = ["--config.tokenizer.kind=sentencepiece", "--config.tokenizer.size=30"]
    arguments = [SMOKE, f"--workdir={tmp_path}/w", "--config.data.name=files", *files, *tokens]
    assert main(["train", *arguments]) == 0
    assert (tmp_path / "w" / "tokenizers" / "source.model").is_file()


def test_a_loss_that_is_no_number_has_its_own_exit_status(data_dir, tmp_path, capsys):
    explode = ["--config.optimizer.learning_rate=1e30", "--config.optimizer.clip=0.0"]
    arguments = [SMOKE, f"--workdir={tmp_path}", f"--data_dir={data_dir}", *explode]
    assert main(["train", *arguments]) == 3
    assert "the loss is" in capsys.readouterr().err


def test_sigterm_saves_and_exits_with_143(trained, data_dir, tmp_path):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    command = [sys.executable, "-m", "attention_jax.cli", "train", SMOKE]
    command += [f"--workdir={tmp_path}", f"--data_dir={data_dir}", "--config.steps=100000"]
    process = subprocess.Popen(command, env=os.environ, stderr=subprocess.PIPE, text=True)
    rows = tmp_path / "metrics.jsonl"
    while process.poll() is None and read_rows(rows)[-1]["step"] < 10:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 143, said
    assert "run the same command to go on" in said
    last = max(row["step"] for row in read_rows(rows))
    assert (tmp_path / "checkpoints" / str(last)).is_dir()


def test_a_sweep_goes_on_with_the_trial_that_was_interrupted(data_dir, tmp_path, capsys):
    spec = "translation/seq2seq:smoke"
    trials = sweep.Sweep(spec, ["--config.steps=2"], tmp_path, data_dir)
    assert trials.run(1) is Stop.NO
    begun = trials.study.ask()
    values = trials._choose(begun)
    again = sweep.Sweep(spec, ["--config.steps=2"], tmp_path, data_dir)
    assert again.run(2) is Stop.NO
    assert [trial.number for trial in again.finished] == [0, 1]
    assert again.finished[1].params == begun.params
    assert (tmp_path / "trials" / "1" / "metrics.jsonl").is_file()
    assert values
    sweep.print_table(again)
    assert "learning_rate" in capsys.readouterr().out
