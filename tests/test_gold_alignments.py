"""Alignments that people made, from the file to the error rates of models and baselines."""

import importlib.util
import json
from pathlib import Path

import pytest

import attention_jax
from attention_jax.cli import main
from attention_jax.errors import UserError

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "alignment.py"
LINES = [
    ("The house is old .", "La casa es vieja .", "0-0 1-1 2-2 3-3 4-4"),
    ("I saw 45% of it .", "Vi el 45 % .", "0-0 1-0 2-2 2-3 5-4"),
]

# Subwords of a real corpus are more than these sentences have.
TOKENS = ["--config.tokenizer.kind=word", "--config.tokenizer.size=0"]


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """A manual_dir with a small Tatoeba and two gold pairs."""
    folder = tmp_path_factory.mktemp("raw")
    lines = [f"The house {n} is old.\tLa casa {n} es vieja.\n" for n in range(300)]
    gold = ["\t".join(line) + "\n" for line in LINES]
    for name, text in (
        ("tatoeba_spa_eng/train.en-es.tsv", lines),
        ("alignment_gold/en-es.dev.tsv", gold),
    ):
        (folder / name).parent.mkdir()
        (folder / name).write_text("".join(text))
    return folder


@pytest.fixture(scope="module")
def folders(raw, tmp_path_factory):
    return [f"--manual_dir={raw}", f"--data_dir={tmp_path_factory.mktemp('prepared')}"]


@pytest.fixture(scope="module")
def both(folders, tmp_path_factory):
    """Workdirs of a model of each direction."""
    workdirs = []
    for direction in ("", ",source=es,target=en"):
        workdir = tmp_path_factory.mktemp("run")
        spec = f"--config=translation/luong:tatoeba,smoke{direction}"
        assert main(["train", spec, f"--workdir={workdir}", *TOKENS, *folders]) == 0
        workdirs.append(workdir)
    return workdirs


def printed(capsys):
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_a_model_and_the_baselines_are_measured_by_them(both, folders, capsys):
    evaluate = ["evaluate", "--split=xlwa_dev", "--json", *folders]
    assert main([*evaluate, f"--workdir={both[0]}"]) == 0
    metrics = printed(capsys)
    assert 0 <= metrics["aer"] <= 1
    assert 0 <= metrics["aer_posterior"] <= 1
    baseline = [*evaluate, "--config=translation/luong:tatoeba", *TOKENS]
    assert main([*baseline, "--baseline=diagonal"]) == 0
    diagonal = printed(capsys)["aer"]
    assert main([*baseline, "--baseline=ibm1"]) == 0
    assert 0 < printed(capsys)["aer"] < 1
    assert 0 < diagonal < 0.5


def test_two_directions_are_measured_alone_and_together(both, folders, raw):
    spec = importlib.util.spec_from_file_location("alignment_benchmark", SCRIPT)
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    data_dir = folders[1].partition("=")[2]
    forward, backward = (
        attention_jax.load(path, manual_dir=raw, data_dir=data_dir) for path in both
    )
    metrics = benchmark.measure(forward, backward, "xlwa_dev")
    ways = ("forward", "backward", "intersection", "union", "grow_diag")
    assert metrics.keys() == {f"{name}/{way}" for name in ("aer", "aer_posterior") for way in ways}
    assert all(0 <= rate <= 1 for rate in metrics.values())
    # The forward rate is what `evaluate` says of the same reading.
    found = forward.evaluate("xlwa_dev").metrics
    assert metrics["aer/forward"] == pytest.approx(found["aer"])
    assert metrics["aer_posterior/forward"] == pytest.approx(found["aer_posterior"])
    with pytest.raises(UserError, match="has no gold alignments"):
        benchmark.measure(forward, backward, "validation")
    commands = benchmark._commands([forward, backward], "xlwa_dev", "both")
    assert commands[1].startswith("attention-jax train --config=translation/luong:tatoeba,smoke")
    assert "--workdir=BACKWARD" in commands[1]
