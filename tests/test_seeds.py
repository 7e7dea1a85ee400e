"""Several seeds are ordinary runs, and their mean is never given for fewer of them than asked."""

import json
import shutil

import pytest

from attention_jax import measuring, results, runs, seeds
from attention_jax.cli import main
from attention_jax.errors import UserError
from attention_jax.training.interruption import Stop
from attention_jax.training.loop import Progressed
from attention_jax.training.timesheet import Timesheet

SPEC = "translation/rnnsearch:smoke"
SMOKE = f"--config={SPEC}"
ANOTHER = ["--config.seed=1", "--config.model.hidden=9"]


@pytest.fixture(scope="module")
def two(trained, data_dir, tmp_path_factory):
    """The folder of seeds 0 and 1, of which the first had been trained before."""
    folder = tmp_path_factory.mktemp("two")
    shutil.copytree(trained, folder / "seed_0")
    given = [SMOKE, f"--workdir={folder}", f"--data_dir={data_dir}"]
    assert main(["train", *given, "--seeds=2"]) == 0
    return folder


def evaluate(folder, data_dir, *options):
    return main(["evaluate", f"--workdir={folder}", f"--data_dir={data_dir}", *options])


def test_the_record_holds_mean_and_interval_and_how_to_make_it_again(
    two, data_dir, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs" / "results").mkdir(parents=True)
    options = ["--record=both", "--config.decode.beams=1", "--checkpoint=last"]
    assert evaluate(two, data_dir, *options) == 0
    shown = capsys.readouterr().out
    assert "Student's t" in shown
    record = results.read_records(tmp_path)["both"]
    assert results.show(record.metrics["loss"]) in shown
    assert record.commands == [
        f"attention-jax train {SMOKE} --workdir=W --seeds=2",
        "attention-jax evaluate --workdir=W --split=test --checkpoint=last --config.decode.beams=1",
    ]
    assert record.seeds == [0, 1]
    losses = [_loss(two / f"seed_{seed}") for seed in (0, 1)]
    assert losses[0] != losses[1]
    assert record.metrics["loss"] == results.over_seeds(losses)
    assert record.times == ["train_seconds", "train_overhead", "train_reading"]
    assert 0 < results.mean(record.metrics["train_overhead"]) < 1
    assert set(record.times) <= record.metrics.keys()


def test_the_command_that_trains_them_names_the_first_seed(tmp_path):
    overrides = ["--config.seed=5", "--config.steps=2"]
    started = seeds.start(tmp_path, SPEC, overrides, 3)
    assert [run.config.seed for run in started] == [5, 6, 7]
    assert [run.path.name for run in started] == ["seed_5", "seed_6", "seed_7"]
    command = ["--config.steps=2", "--config.seed=5", "--seeds=3"]
    assert seeds.train_overrides(started) == command


def _loss(folder):
    measured = json.loads((folder / "predictions" / "test_metrics.json").read_text())
    return measured["metrics"]["loss"]


def test_json_holds_numbers_only():
    interval = {"mean": 2.0, "low": 1.0, "high": 3.0}
    measured = measuring.Measured({"bleu": interval, "aer": 0.5}, {}, [], "", [0, 1], {}, 1.0)
    plain = {"bleu": 2.0, "bleu/low": 1.0, "bleu/high": 3.0, "aer": 0.5}
    assert measuring.plain(measured) == plain


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
    (tmp_path / "seeds.json").write_text(json.dumps({"seeds": [0, 1, 2]}))
    for seed in (0, 1):
        shutil.copytree(two / f"seed_{seed}", tmp_path / f"seed_{seed}")
    assert evaluate(tmp_path, data_dir) == 2
    assert "seed_2 has not begun: run the same" in capsys.readouterr().err
    config = tmp_path / "seed_1" / "config.json"
    config.write_text(config.read_text().replace('"steps": 4', '"steps": 9'))
    assert evaluate(tmp_path, data_dir) == 2
    assert "seed_1 stopped at step 4 of 9: run the same" in capsys.readouterr().err
    (tmp_path / "seeds.json").write_text("{")
    with pytest.raises(UserError, match=r"seeds.json is damaged"):
        seeds.reopen(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", SMOKE, "--seeds=0", "--workdir={new}"], "--seeds=0 trains nothing"),
        (["train", SMOKE, "--seeds=two", "--workdir={new}"], "invalid int value"),
        (["train", SMOKE, "--workdir={two}"], "holds the runs of --seeds"),
        (["train", SMOKE, "--seeds=2", "--workdir={two}/seed_0"], "holds a single run"),
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
