"""A sweep trains a grid, measures it once, and keeps it as a table, a picture and a record."""

import contextlib
import io
import json
import shutil

import pytest

from attention_jax import experiment, results, runs, sweep, sweep_trials, sweep_workers
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


def test_a_trial_is_never_trained_or_measured_twice(recorded, data_dir, capsys):
    files = recorded / "W" / "trials" / "0" / "predictions" / "test_metrics.json"
    before = files.stat().st_mtime_ns, results.read_records(recorded)["grid"].metrics
    assert run(recorded, data_dir, "--record=grid") == 0
    assert "recorded in docs/results/grid.json" in capsys.readouterr().err
    assert (files.stat().st_mtime_ns, results.read_records(recorded)["grid"].metrics) == before
    assert run(recorded, data_dir) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["trial", "bleu", "cell", "hidden"]


def test_another_sweep_never_mixes_with_the_one_of_the_folder(recorded, data_dir, capsys):
    for options, arg in ((["--config.batch_size=4"], ""), ([], ":wide")):
        assert run(recorded, data_dir, *options, arg=arg) == 2
        assert "choose another --workdir" in capsys.readouterr().err


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


def test_no_two_processes_train_one_trial_and_none_is_lost(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    one, other = (sweep.Sweep(f"{tmp_path}/mine.py:wide", [], tmp_path / "W") for _ in range(2))
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


def test_a_trial_whose_process_died_while_choosing_is_replaced(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    trials = sweep.Sweep(f"{tmp_path}/mine.py", [], tmp_path / "W")
    trials.study.ask()
    number, lock = trials._next(0)
    lock.close()
    assert number == 1


def test_overlapping_trials_count_once_in_the_sweeps_time(tmp_path):
    trials = sweep.Sweep("translation/seq2seq:smoke", [], tmp_path)
    for spans in ([[0, 10], [20, 30]], [[5, 12]], [[40, 41]]):
        trial = trials.study.ask()
        trials.study.tell(trial, 1.0)
        trials.study.set_user_attr(f"spans {trial.number}", spans)
    assert [trials.seconds(number) for number in range(3)] == [20, 7, 1]
    assert trials.wall_seconds == 12 + 10 + 1


def test_a_trial_that_diverges_fails_and_the_next_one_begins(tmp_path, monkeypatch, capsys):
    (tmp_path / "mine.py").write_text(MINE)
    trials = sweep.Sweep(f"{tmp_path}/mine.py", [], tmp_path / "W")

    def diverge(*_):
        raise NonFiniteLossError("the loss of step 1 is nan")

    monkeypatch.setattr(runs, "train", diverge)
    assert trials.run() is Stop.NO
    assert capsys.readouterr().err.count("the loss of step 1 is nan") == 2
    assert not trials.finished
    with pytest.raises(UserError, match="has finished: there is nothing"):
        sweep_trials.measure(trials, "test")


def test_workers_pass_on_what_is_said_and_how_it_ended(capfd):
    assert sweep_workers.run(["sweep"], 2) == 2
    said = sorted(capfd.readouterr().err.splitlines())
    assert [line[:17] for line in said] == ["0: attention-jax:", "1: attention-jax:"]
    assert all("--config" in line for line in said)


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
        ("attention_family", "", 18),
        ("attention_family", "all", 46),
        ("britz", "", 20),
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
