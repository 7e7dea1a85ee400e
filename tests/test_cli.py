"""The commands, as a user types them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from attention_jax.cli import main
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


def test_the_last_line_of_json_is_one_object_of_numbers_and_predictions_are_kept(
    trained, data_dir, capsys
):
    assert main(["evaluate", f"--workdir={trained}", f"--data_dir={data_dir}", "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {"loss", "perplexity", "bleu", "chrf", "exact_match", "aer"} <= metrics.keys()
    assert all(isinstance(value, float) for value in metrics.values())
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


def test_a_sample_is_the_same_each_time(trained, capsys):
    decode = [
        "--config.decode.sample=True",
        "--config.decode.n_best=3",
        "--config.decode.top_p=0.9",
    ]
    said = []
    for _ in range(2):
        assert main(["predict", f"--workdir={trained}", "--json", "3 hours", *decode]) == 0
        said.append(json.loads(capsys.readouterr().out))
    assert said[0] == said[1]
    assert len(said[0]["n_best"]) == 3


def test_given_translations_are_scored_and_aligned(trained, tmp_path, capsys):
    (tmp_path / "lines.txt").write_text("3 hours\n5 days\n")
    (tmp_path / "targets.txt").write_text("3 heures\n5 jours\n")
    files = [f"--input={tmp_path}/lines.txt", f"--target={tmp_path}/targets.txt"]
    assert main(["predict", f"--workdir={trained}", *files]) == 0
    scores = [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()]
    assert main(["predict", f"--workdir={trained}", "--json", *files]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["prediction"] for record in records] == ["3 heures", "5 jours"]
    assert scores == [f"{record['score']:.4f}" for record in records]
    assert all(len(record["alignment"].split()) == 2 for record in records)


def test_unknown_words_are_looked_up_in_a_dictionary_that_is_kept(data_dir, tmp_path, capsys):
    # With four words a side nearly all are unknown.
    train = [SMOKE, f"--workdir={tmp_path}", f"--data_dir={data_dir}", "--config.tokenizer.size=8"]
    assert main(["train", *train]) == 0
    drawn = ["--config.decode.sample=True", "--config.decode.n_best=8"]
    arguments = ["predict", f"--workdir={tmp_path}", "--json", "3 hours", *drawn]

    def said(*options):
        capsys.readouterr()
        assert main([*arguments, *options]) == 0
        return json.loads(capsys.readouterr().out)["n_best"]

    assert any("<unk>" in text for text, _ in said())
    assert not (tmp_path / "dictionary.json").exists()
    learned = said("--config.decode.unknown=dictionary", f"--data_dir={data_dir}")
    assert not any("<unk>" in text for text, _ in learned)
    entries = json.loads((tmp_path / "dictionary.json").read_text("utf-8"))
    read = {entries["hours"], entries.get("3", "3")}
    assert any(word in text for text, _ in learned for word in read)
    assert said("--config.decode.unknown=dictionary", f"--data_dir={tmp_path}/none") == learned


def test_the_mean_of_checkpoints_is_measured_and_says_so(trained, data_dir, tmp_path, capsys):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    arguments = [f"--workdir={tmp_path}", "--checkpoint=average:2"]
    assert main(["evaluate", *arguments, f"--data_dir={data_dir}"]) == 0
    assert "checkpoint: mean of the parameters of steps 2, 4" in capsys.readouterr().out
    measured = json.loads((tmp_path / "predictions" / "test_metrics.json").read_text())
    assert measured["notes"]["checkpoint"] == "mean of the parameters of steps 2, 4"
    assert main(["predict", *arguments, "3 hours"]) == 0


def test_an_ensemble_leaves_what_its_members_measured_alone(trained, data_dir, tmp_path, capsys):
    for name in ("one", "two"):
        shutil.copytree(trained, tmp_path / name)
    arguments = [f"--workdir={tmp_path}/one,{tmp_path}/two"]
    for folder in ("predictions", "pictures"):
        shutil.rmtree(tmp_path / "one" / folder)
    assert main(["evaluate", *arguments, f"--data_dir={data_dir}"]) == 0
    assert "mean of the probabilities of one (step 4), two (step 4)" in capsys.readouterr().out
    left = {path.name for path in (tmp_path / "one").glob("p*s/*")}
    assert all(name.startswith("test_ensemble") for name in left)
    assert {"test_ensemble.jsonl", "test_ensemble_metrics.json", "test_ensemble_maps.json"} <= left
    assert main(["predict", *arguments, "--json", "3 hours"]) == 0
    together = json.loads(capsys.readouterr().out)
    assert main(["predict", f"--workdir={trained}", "--json", "3 hours"]) == 0
    alone = json.loads(capsys.readouterr().out)
    assert together["prediction"] == alone["prediction"]
    assert together["score"] == pytest.approx(alone["score"], rel=1e-5)


def test_a_workdir_of_an_earlier_version_is_used_and_trained_on(
    trained, data_dir, tmp_path, capsys
):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    stored = json.loads((tmp_path / "config.json").read_text())
    for section, kept in {"decode": 5, "tokenizer": 2}.items():
        old = ("beams", "length_penalty", "n_best", "max_length", "max_source", "kind", "size")
        of_old = {key: value for key, value in stored["config"][section].items() if key in old}
        assert len(of_old) == kept
        stored["config"][section] = of_old
    (tmp_path / "config.json").write_text(json.dumps(stored))
    assert main(["predict", f"--workdir={tmp_path}", "3 hours"]) == 0
    train = ["train", SMOKE, f"--workdir={tmp_path}", f"--data_dir={data_dir}"]
    assert main([*train, "--config.decode.sample=True"]) == 2
    assert "trained with config.decode.sample = False, not True" in capsys.readouterr().err
    assert main(train) == 0


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
