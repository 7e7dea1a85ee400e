"""A sweep trains a grid, measures it once, and keeps it as a table, a picture and a record."""

import contextlib
import io
import json
import re
import shutil
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from rich.console import Console

from attention_jax import (
    experiment,
    results,
    runs,
    sweep,
    sweep_live,
    sweep_report,
    sweep_study,
    sweep_trials,
    sweep_workers,
    workdir,
)
from attention_jax.cli import main
from attention_jax.errors import NonFiniteLossError, UserError
from attention_jax.layers.attention import make_attention
from attention_jax.training.interruption import Stop

MINE = '''"""A small grid."""

from attention_jax import experiment

_seq2seq = experiment.find("translation/seq2seq").module
build = _seq2seq.build


def get_config(arg=""):
    config = _seq2seq.get_config("smoke").unlock()
    config.steps = config.evaluate_every = config.checkpoint_every = 2
    return config.lock()


def sweep(trial, arg):
    hidden = trial.suggest_categorical("hidden", [4, 8] if arg == "wide" else [4])
    cell = trial.suggest_categorical("cell", ["lstm", "gru"])
    return {"model.cell": cell, "model.hidden": hidden}
'''


def run(root, data_dir, *options, arg=""):
    """The status of the sweep's command, given in the repository's root."""
    spec = f"--config={root}/mine.py{arg}"
    with contextlib.chdir(root):
        return main(["sweep", spec, "--workdir=W", f"--data_dir={data_dir}", *options])


@pytest.fixture(scope="module")
def swept(data_dir, tmp_path_factory):
    """A repository with an experiment whose sweep is trained and recorded, and what was printed."""
    root = tmp_path_factory.mktemp("repository")
    (root / "docs" / "results").mkdir(parents=True)
    (root / "mine.py").write_text(MINE)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert run(root, data_dir, "--record=grid", "--workers=2") == 0
    return root, printed.getvalue()


@pytest.fixture
def recorded(swept):
    return swept[0]


def test_a_grid_is_measured_drawn_and_recorded(swept):
    recorded, printed = swept
    head, *lines = printed.splitlines()
    assert head.split() == ["trial", "perplexity", "bleu", "exact_match", "cell", "hidden"]
    assert sorted(line.split()[-2:] for line in lines) == [["gru", "4"], ["lstm", "4"]]
    assert (recorded / "W" / "pictures" / "test_grid.png").is_file()

    record = results.read_records(recorded)["grid"]
    names = ("lstm_hidden_4", "gru_hidden_4")
    assert {f"bleu/{name}" for name in names} <= record.metrics.keys()
    assert {f"seconds/{name}" for name in names} | {"seconds", "longest_seconds"} == {*record.times}
    seconds = [record.metrics[f"seconds/{name}"] for name in names]
    assert max(seconds) <= record.metrics["seconds"] <= sum(seconds)
    command = "attention-jax sweep --config=mine.py --workdir=W --workers=2 --record=grid"
    assert record.commands == [command]
    assert list(record.data) == ["cldr_phrases"]
    assert "tok:13a" in record.notes

    # What a row of the page names is what the trial's own file has.
    numbers = {}
    for number in (0, 1):
        folder = recorded / "W" / "trials" / str(number)
        measured = json.loads((folder / "predictions" / "test_metrics.json").read_text())
        cell = json.loads((folder / "config.json").read_text())["config"]["model"]["cell"]
        numbers[cell] = measured["metrics"]["perplexity"]
    for cell, number in numbers.items():
        value = f"grid:perplexity/{cell}_hidden_4"
        assert results.evaluate(value, results.read_records(recorded)) == pytest.approx(number)


def test_a_dashboard_is_told_what_the_numbers_are(recorded):
    storage = sweep_study.Search().open(recorded / "W")
    study = optuna.load_study(study_name=None, storage=storage)
    assert study.metric_names == ["bleu"]


def test_a_trial_is_never_trained_or_measured_twice(recorded, data_dir, capsys):
    files = recorded / "W" / "trials" / "0" / "predictions" / "test_metrics.json"
    before = files.stat().st_mtime_ns, results.read_records(recorded)["grid"].metrics
    assert run(recorded, data_dir, "--record=grid") == 0
    assert "recorded in docs/results/grid.json" in capsys.readouterr().err
    assert (files.stat().st_mtime_ns, results.read_records(recorded)["grid"].metrics) == before
    assert run(recorded, data_dir) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["trial", "bleu", "cell", "hidden"]


def test_another_sweep_never_mixes_with_the_one_of_the_folder(recorded, data_dir, capsys):
    others = [["--config.batch_size=4"], ["--sampler=tpe", "--trials=3"]]
    for options, arg in [*((other, "") for other in others), ([], ":wide")]:
        assert run(recorded, data_dir, *options, arg=arg) == 2
        assert "choose another --workdir" in capsys.readouterr().err


def test_a_worker_with_another_version_of_the_code_is_refused(recorded, data_dir, tmp_path, capsys):
    shutil.copytree(recorded, tmp_path / "there")
    moved = tmp_path / "there" / "W" / workdir.SWEEP
    about = json.loads(moved.read_text())
    for key, old in (("version", "0.0.1"), ("code", "0123456789abcdef")):
        moved.write_text(json.dumps(about | {key: old}))
        with pytest.raises(UserError, match=f"begun with the {key} {old}, and this is"):
            sweep.Sweep(about["command"][0], [], tmp_path / "there" / "W", data_dir)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--workers=0"], "--workers must be 1 or more"),
        (["--sampler=random"], "--sampler=random never ends: say --trials=N"),
        (["--direction=max"], "--direction is of --metric"),
        (["--metric=aer"], "not the main one, bleu: say --direction"),
        (["--pruner=median", "--config.evaluate_every=0"], "set --config.evaluate_every"),
        (["--storage=nonsense"], "the storage 'nonsense' cannot be used"),
        (
            ["--storage=sqlite:////nowhere/study.db"],
            "cannot be used (unable to open database file)",
        ),
        (["--storage=oracle://me:secret@there/x"], "oracle://me:***@there/x needs a driver"),
    ],
)
def test_a_search_that_cannot_be_is_one_sentence(options, sentence, tmp_path, data_dir, capsys):
    (tmp_path / "mine.py").write_text(MINE)
    assert run(tmp_path, data_dir, *options) == 2
    said = capsys.readouterr().err.splitlines()
    assert sentence in said[-1]
    assert said[-1].startswith("attention-jax: ")


def test_a_choice_that_the_config_lacks_is_told_before_anything_is_trained(tmp_path, data_dir):
    (tmp_path / "mine.py").write_text(MINE.replace('"model.cell"', '"model.sell"'))
    trials = sweep.Sweep(f"{tmp_path}/mine.py", [], tmp_path / "W", data_dir)
    with pytest.raises(UserError, match=r"sweep\(trial\) of .*no key 'model.sell': did you mean"):
        trials.run()
    assert not (tmp_path / "W" / "trials").exists()
    assert not trials.trials


def test_a_record_needs_its_folder_before_anything_is_trained(recorded, data_dir, tmp_path, capsys):
    shutil.copy(recorded / "mine.py", tmp_path)
    assert run(tmp_path, data_dir, "--record=grid") == 2
    assert "run --record from the repository's root" in capsys.readouterr().err
    assert not (tmp_path / "W").exists()


def test_a_recorded_sweep_is_made_again_by_its_command(recorded, data_dir, monkeypatch, capsys):
    row = '[[section]]\ntitle = "t"\n[[section.row]]\nwhat = "w"\nvalue = "grid:seconds"\n'
    (recorded / "docs" / "results" / "expected.toml").write_text(row)
    path = recorded / "docs" / "results" / "grid.json"
    # By one process: there is nothing left for two.
    before = path.read_text().replace(" --workers=2", "")
    path.write_text(before)
    monkeypatch.chdir(recorded)
    # In the folder where it is done, so that the test trains nothing again.
    assert main(["results", "--rerun=grid", f"--data_dir={data_dir}", "--workdir=W"]) == 0
    assert "grid holds" in capsys.readouterr().out
    assert path.read_text() == before


def test_a_sweep_goes_on_with_the_trial_that_was_interrupted(data_dir, tmp_path, capsys):
    spec = "translation/seq2seq:smoke"
    trials = sweep.Sweep(spec, ["--config.steps=2"], tmp_path, data_dir)
    assert trials.run(1) is Stop.NO
    begun = trials.study.ask()
    values = trials._values(begun)
    again = sweep.Sweep(spec, ["--config.steps=2"], tmp_path, data_dir)
    assert again.run(2) is Stop.NO
    assert [trial.number for trial in again.finished] == [0, 1]
    assert again.finished[1].params == begun.params
    assert again.choices(begun.params) == values
    assert (tmp_path / "trials" / "1" / "metrics.jsonl").is_file()
    sweep_trials.print_table(again)
    assert "learning_rate" in capsys.readouterr().out


def test_no_two_processes_train_one_trial_and_none_is_lost(data_dir, tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    spec = f"{tmp_path}/mine.py:wide"
    one, other = (sweep.Sweep(spec, [], tmp_path / "W", data_dir) for _ in range(2))
    taken = [worker._next(0) for worker in (one, other, one, other)]
    assert [number for number, _ in taken] == [0, 1, 2, 3]
    params = [trial.params for trial in one.study.get_trials()]
    assert all(params.count(each) == 1 for each in params)
    # All are in somebody's hands; then the process that held the third is gone.
    assert one._next(0) is None
    assert other._next(4) is None
    taken[2][1].close()
    taken[2] = one._next(4)
    assert taken[2][0] == 2
    for _, lock in taken:
        lock.close()


def test_a_trial_whose_process_died_while_choosing_is_replaced(data_dir, tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    trials = sweep.Sweep(f"{tmp_path}/mine.py", [], tmp_path / "W", data_dir)
    trials.study.ask()
    number, lock = trials._next(0)
    lock.close()
    assert number == 1


def test_overlapping_trials_count_once_in_the_sweeps_time(data_dir, tmp_path):
    trials = sweep.Sweep("translation/seq2seq:smoke", [], tmp_path, data_dir)
    for spans in ([[0, 10], [20, 30]], [[5, 12]], [[40, 41]]):
        trial = trials.study.ask()
        trials.study.tell(trial, 1.0)
        trials.study.set_user_attr(f"spans {trial.number}", spans)
    assert [trials.seconds(number) for number in range(3)] == [20, 7, 1]
    assert trials.wall_seconds == 12 + 10 + 1


def test_a_trial_that_diverges_fails_and_the_next_one_begins(
    data_dir, tmp_path, monkeypatch, capsys
):
    (tmp_path / "mine.py").write_text(MINE)
    trials = sweep.Sweep(f"{tmp_path}/mine.py", [], tmp_path / "W", data_dir)

    def diverge(*_, **__):
        raise NonFiniteLossError("the loss of step 1 is nan")

    monkeypatch.setattr(runs, "train", diverge)
    assert trials.run() is Stop.NO
    assert capsys.readouterr().err.count("the loss of step 1 is nan") == 2
    assert not trials.finished
    with pytest.raises(UserError, match="has finished: there is nothing"):
        sweep_trials.measure(trials, "test")


SEARCHED = MINE.replace(
    'trial.suggest_categorical("hidden", [4, 8] if arg == "wide" else [4])',
    'trial.suggest_int("hidden", 1, 60)',
)


@pytest.fixture
def rehearsed(monkeypatch):
    """Training as a rehearsal: two evaluations, whose BLEU is the hidden size and then half."""
    widths = []

    def train(built, folder, *, watch):
        widths.append(built.config.model.hidden)
        for step, share in ((1, 1.0), (2, 0.5)):
            watch(step, {"bleu": widths[-1] * share, "loss": 1.0})
        return SimpleNamespace(stop=Stop.NO)

    monkeypatch.setattr(runs, "train", train)
    return widths


@pytest.mark.parametrize("storage", ["", "sqlite:///{}/study.db"])
@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_search_trains_as_many_trials_as_told_and_never_one_twice(
    sampler, storage, rehearsed, data_dir, tmp_path
):
    (tmp_path / "mine.py").write_text(SEARCHED)
    search = sweep_study.Search(sampler=sampler, storage=storage.format(tmp_path))
    flags = [f"{tmp_path}/mine.py", [], tmp_path / "W", data_dir]
    assert sweep.Sweep(*flags, search=search).run(5) is Stop.NO
    both = [sweep.Sweep(*flags, search=search) for _ in range(2)]
    assert [joined.run(8) for joined in both] == [Stop.NO, Stop.NO]
    assert len(rehearsed) == len(both[0].finished) == 8
    # The same choices in a search that was never left.
    again = [f"{tmp_path}/mine.py", [], tmp_path / "again", data_dir]
    assert sweep.Sweep(*again, search=search).run(8) is Stop.NO
    assert rehearsed[8:] == rehearsed[:8]
    assert both[0].study.best_value == max(rehearsed)


def test_a_trial_that_lags_is_ended_early_and_never_the_best(rehearsed, data_dir, tmp_path):
    (tmp_path / "mine.py").write_text(SEARCHED)
    search = sweep_study.Search(sampler="random", pruner="median")
    flags = ["--config.evaluate_every=1"]
    trials = sweep.Sweep(f"{tmp_path}/mine.py", flags, tmp_path / "W", data_dir, None, search)
    assert trials.run(12) is Stop.NO
    pruned = [trial for trial in trials.trials if trial.state is TrialState.PRUNED]
    first = [trial.intermediate_values[1] for trial in trials.trials[: pruned[0].number]]
    assert pruned[0].intermediate_values == {1: pytest.approx(pruned[0].params["hidden"])}
    assert pruned[0].intermediate_values[1] < np.median(first)
    assert len(trials.finished) + len(pruned) == 12
    page = sweep_report.write(trials).read_text()
    best = max(trials.finished, key=lambda trial: trial.value)
    assert f"--config.model.hidden={best.params['hidden']}</pre>" in page
    assert f"{len(pruned)} pruned" in page
    with io.StringIO() as screen:
        console = Console(file=screen, width=120)
        console.print(sweep_live.table(trials))
        rows = [line.split() for line in screen.getvalue().splitlines()]
    assert rows[0] == ["trial", "state", "step", "bleu", "cell", "hidden"]
    assert rows[1][0] == str(best.number)
    assert {row[1] for row in rows[1:]} == {"done", "pruned"}


def test_another_metric_is_what_trials_are_compared_by(rehearsed, data_dir, tmp_path):
    (tmp_path / "mine.py").write_text(SEARCHED)
    spec = f"{tmp_path}/mine.py"
    for metric, at in (("loss", "W"), ("lost", "V")):
        search = sweep_study.Search(sampler="random", metric=metric, direction="min")
        trials = sweep.Sweep(spec, [], tmp_path / at, data_dir, None, search)
        if metric == "loss":
            assert trials.run(1) is Stop.NO
            assert trials.finished[0].value == 1.0
        else:
            with pytest.raises(UserError, match="no metric 'lost': they have bleu, loss"):
                trials.run(1)


def test_workers_pass_on_what_is_said_and_how_it_ended():
    said = []
    assert sweep_workers.run(["sweep"], 2, lambda *line: said.append(line)) == 2
    assert sorted(worker for worker, _ in said) == [0, 1]
    assert all(re.match("attention-jax: .*--config", line) for _, line in said)


@pytest.mark.parametrize(
    ("choices", "name"),
    [
        ({"data.name": "reversal", "model.kind": "local_p"}, "reversal_local_p"),
        ({"optimizer.learning_rate": 0.001, "model.hidden": 128}, "learning_rate_0_001_hidden_128"),
        ({"data.buckets": (16, 32), "model.tied": True}, "buckets_16_32_tied_True"),
    ],
)
def test_choices_are_one_word_that_a_row_can_name(choices, name):
    assert sweep_trials.choice_name(choices) == name
    assert results.names_in(f"family:aer/{name}") == [("family", f"aer/{name}")]


class Answers:
    """A trial that answers with these places, and after them with the first; counts the choices."""

    def __init__(self, places):
        self.places, self.counts = places, []

    def suggest_categorical(self, name, choices):
        asked = len(self.counts)
        self.counts.append(len(choices))
        return choices[self.places[asked] if asked < len(self.places) else 0]


def grid(choose):
    """Everything a sweep can choose."""
    found, left = [], [()]
    while left:
        places = left.pop()
        answers = Answers(places)
        chosen = choose(answers)
        if len(answers.counts) == len(places):
            found.append(chosen)
        else:
            left += [(*places, n) for n in range(answers.counts[len(places)])]
    return found


@pytest.mark.parametrize(
    ("name", "arg", "count"),
    [
        ("luong", "", 16),
        ("luong", "tatoeba", 6),
        ("luong", "multi30k,kind=global", 6),
        ("luong", "multi30k,kind=local_p", 5),
        ("luong", "score=location,kind=hard", 1),
        ("attention_family", "", 18),
        ("attention_family", "all", 46),
        ("britz", "", 20),
        ("britz", "attention", 8),
    ],
)
def test_every_choice_of_a_grid_is_valid_and_has_a_name_of_its_own(name, arg, count):
    source = experiment.find(f"translation/{name}")
    choose = source.module.sweep
    found = grid((lambda trial: choose(trial, arg)) if arg else choose)
    assert len(found) == count
    assert len({sweep_trials.choice_name(chosen) for chosen in found}) == count
    for chosen in found:
        config = source.config().unlock()
        experiment.override(config, chosen)
        if name != "britz" and config.model.kind != "none":
            sizes = {"query_features": 4, "alignment": 4, "max_source": 4, "radius": 2}
            make_attention(config.model.kind, config.model.score, **sizes)
