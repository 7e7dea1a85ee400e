"""Several seeds are ordinary runs, and their mean is never given for fewer of them than asked."""

import json
import shutil

import pytest

from attention_jax import results, runs, seeds
from attention_jax.cli import main
from attention_jax.errors import UserError
from attention_jax.training.interruption import Stop
from attention_jax.training.loop import Progressed
from attention_jax.training.timesheet import Timesheet

SMOKE = "--config=translation/rnnsearch:smoke"
QUIET = ["--config.log_every=2", "--config.keep=1"]
ANOTHER = ["--config.seed=6", "--config.model.hidden=9"]


@pytest.fixture(scope="module")
def two(data_dir, tmp_path_factory):
    """The folder of seeds 5 and 6."""
    folder = tmp_path_factory.mktemp("two")
    given = [SMOKE, f"--workdir={folder}", f"--data_dir={data_dir}", "--config.seed=5", *QUIET]
    assert main(["train", *given, "--seeds=2"]) == 0
    return folder


def evaluate(folder, data_dir, *options):
    return main(["evaluate", f"--workdir={folder}", f"--data_dir={data_dir}", *options])


def test_each_seed_is_an_ordinary_run(two, data_dir, capsys):
    numbers = []
    for seed in (5, 6):
        capsys.readouterr()
        assert evaluate(two / f"seed_{seed}", data_dir, "--json") == 0
        numbers.append(json.loads(capsys.readouterr().out.splitlines()[-1]))
        assert (two / f"seed_{seed}" / "metrics.jsonl").is_file()
    assert numbers[0]["loss"] != numbers[1]["loss"]
    assert evaluate(two, data_dir, "--json") == 0
    together = json.loads(capsys.readouterr().out.splitlines()[-1])
    of_loss = results.over_seeds([one["loss"] for one in numbers])
    assert [together[f"loss{end}"] for end in ("", "/low", "/high")] == list(of_loss.values())
    assert together.keys() > numbers[0].keys()


def test_the_record_says_how_to_make_it_again(two, data_dir, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs" / "results").mkdir(parents=True)
    options = ["--record=both", "--config.decode.max_length=7", "--checkpoint=last"]
    assert evaluate(two, data_dir, *options) == 0
    shown = capsys.readouterr().out
    assert " to " in shown
    assert "Student's t" in shown
    record = results.read_records(tmp_path)["both"]
    assert record.commands == [
        f"attention-jax train {SMOKE} --workdir=W {' '.join(QUIET)} --config.seed=5 --seeds=2",
        "attention-jax evaluate --workdir=W --split=test --checkpoint=last "
        "--config.decode.max_length=7",
    ]
    assert record.seeds == [5, 6]
    assert record.metrics["loss"].keys() == {"mean", "low", "high"}
    assert record.times == ["train_seconds", "train_overhead", "train_reading"]
    assert 0 < results.mean(record.metrics["train_overhead"]) < 1
    assert set(record.times) <= record.metrics.keys()


def test_a_stop_ends_all_and_the_time_limit_is_of_the_whole_command(
    tmp_path, data_dir, monkeypatch
):
    given = [SMOKE, f"--workdir={tmp_path}", f"--data_dir={data_dir}", "--seeds=3"]
    limits = []

    def train(experiment, folder, time_limit):
        limits.append(time_limit)
        stop = Stop.NO if len(limits) < 2 else Stop.TERMINATED
        done = Progressed(duties=Timesheet({}).seconds)
        return runs.Trained(stop, done, compilations=0, compiling=0, seconds=0)

    monkeypatch.setattr(runs, "train", train)
    assert main(["train", *given, "--time_limit=100"]) == 143
    assert len(limits) == 2
    assert 0 < limits[1] < limits[0] < 100


def test_seeds_that_are_not_there_are_never_left_out(two, data_dir, tmp_path, capsys):
    (tmp_path / "seeds.json").write_text(json.dumps({"seeds": [5, 6, 7]}))
    for seed in (5, 6):
        shutil.copytree(two / f"seed_{seed}", tmp_path / f"seed_{seed}")
    assert evaluate(tmp_path, data_dir) == 2
    assert "seed_7 has not begun: run the same" in capsys.readouterr().err
    config = tmp_path / "seed_6" / "config.json"
    config.write_text(config.read_text().replace('"steps": 4', '"steps": 9'))
    assert evaluate(tmp_path, data_dir) == 2
    assert "seed_6 stopped at step 4 of 9: run the same" in capsys.readouterr().err
    (tmp_path / "seeds.json").write_text("{")
    with pytest.raises(UserError, match=r"seeds.json is damaged"):
        seeds.reopen(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", SMOKE, "--seeds=0", "--workdir={new}"], "--seeds=0 trains nothing"),
        (["train", SMOKE, "--seeds=two", "--workdir={new}"], "invalid int value"),
        (["train", SMOKE, "--workdir={two}"], "holds the runs of --seeds"),
        (["train", SMOKE, "--seeds=2", "--workdir={two}/seed_5"], "holds a single run"),
        (
            ["train", SMOKE, "--seeds=2", "--workdir={two}", *ANOTHER],
            "config.model.hidden = 8, not 9",
        ),
        (["predict", "--workdir={two}", "3 hours"], "name one, {two}/seed_K"),
    ],
)
def test_mistakes_are_told_in_one_sentence(arguments, sentence, two, tmp_path, capsys):
    names = {"two": two, "new": tmp_path / "new"}
    assert main([argument.format(**names) for argument in arguments]) == 2
    assert sentence.format(**names) in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
