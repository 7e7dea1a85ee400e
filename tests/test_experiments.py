"""Every experiment's `:smoke` trains, evaluates and predicts from its workdir."""

import json
import shutil

import pytest

import attention_jax
from attention_jax import experiment
from attention_jax.cli import main

# Of a task, or of one experiment where each differs.
MAIN_METRIC = {
    "translation": "bleu",
    "memory": "bits_per_sequence",
    "meta_learning": "accuracy/3way_1shot",
    "pointing": "tour_length",
    "pointing/sorting": "exact_match",
    "pointing/convex_hull": "accuracy",
    "pointing/delaunay": "coverage",
    "audio": "bits_per_sample",
    "captioning": "bleu4",
}
INPUTS = {
    "translation": ["Sunday, November 22, 2026", "3 hours"],
    "memory/copy": ["[[0, 1, 1, 0], [1, 1, 0, 0]]", "[[1, 0, 0, 1]]"],
    "memory/repeat_copy": ['{"vectors": [[0, 1, 1, 0]], "repeats": 3}'],
    "memory/associative_recall": ["[[0,0,0,1,1,0], [1,1,0,1,0,0], [0,1,1,0,0,1], [1,1,0,1,0,0]]"],
    "memory/ngrams": ["[0, 1, 1, 0, 1, 1]"],
    "meta_learning": ["0", "5"],
    "pointing": ["[[0.1, 0.2], [0.9, 0.3], [0.5, 0.8], [0.5, 0.4]]", "[[3, 0], [0, 4], [0, 0]]"],
    "pointing/sorting": ["[0.5, 0.1, 0.9]"],
    "audio": ["0.02", "0.01"],
    "captioning": ["0", "5"],
    "memory/priority_sort": ["[[0,1,1,0,1,0,0.5], [1,1,0,0,0,1,-0.9], [1,0,0,1,0,1,0.7]]"],
}


@pytest.mark.parametrize("name", experiment.names())
def test_smoke_trains_evaluates_and_predicts(name, data_dir, tmp_path, capsys):
    folders = [f"--workdir={tmp_path}", f"--data_dir={data_dir}"]
    assert main(["train", f"--config={name}:smoke", *folders]) == 0
    assert main(["evaluate", *folders, "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])
    task = name.split("/")[0]
    assert (MAIN_METRIC.get(name) or MAIN_METRIC[task]) in metrics
    pictures = tmp_path / "own"
    inputs = INPUTS.get(name) or INPUTS[task]
    assert main(["predict", *folders, f"--pictures={pictures}", *inputs]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(inputs)
    assert (tmp_path / "predictions" / "test.jsonl").is_file()
    assert list((tmp_path / "pictures").glob("*.png"))


@pytest.mark.parametrize("name", experiment.names())
def test_every_default_has_a_sweep_whose_keys_exist(name):
    source = experiment.find(name)

    class First:
        def suggest_categorical(self, name, choices):
            return choices[0]

    values = source.module.sweep(First())
    assert values
    experiment.override(source.config(), values)


@pytest.mark.parametrize("name", experiment.names())
def test_the_docstring_says_what_and_how(name):
    text = experiment.find(name).path.read_text(encoding="utf-8")
    assert f"attention-jax train --config={name}" in text


def test_a_loaded_model_predicts_what_the_command_does(trained, capsys):
    loaded = attention_jax.load(trained)
    assert main(["predict", f"--workdir={trained}", "--json", "3 hours"]) == 0
    assert loaded.predict(["3 hours"]) == [json.loads(capsys.readouterr().out)]
    assert loaded.step == 4


def test_a_workdir_outlives_the_files_it_was_trained_on(trained, tmp_path, caplog):
    raw, data_dir, workdir = (tmp_path / name for name in ("raw", "data", "w"))
    raw.mkdir()
    for language in ("de", "en"):
        for name in ("train", "val", "test_2016_flickr"):
            (raw / f"{name}.{language}").write_text(f"{name} {language}\n" + "long " * 10_000)
    shutil.copytree(trained, workdir)
    record = json.loads((workdir / "config.json").read_text())
    record["config"]["data"].update(name="multi30k", source="de", target="en")
    (workdir / "config.json").write_text(json.dumps(record))
    folders = [f"--workdir={workdir}", f"--data_dir={data_dir}"]
    assert main(["evaluate", *folders, f"--manual_dir={raw}"]) == 0
    shutil.rmtree(raw)
    assert main(["evaluate", *folders]) == 0
    evaluated = (workdir / "predictions" / "test.jsonl").read_text().splitlines()
    assert [json.loads(line)["source"] for line in evaluated] == ["test_2016_flickr de"]
    assert "1 of the 2 pairs of test are left out" in caplog.text
    shutil.rmtree(data_dir)
    assert main(["predict", *folders, "3 hours"]) == 0
    assert main(["evaluate", *folders]) == 2
