"""A run that is interrupted, resumed, stopped or poisoned behaves as promised."""

import json
import os
import shutil
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.training.toys import TOYS, ToyBatches, ToyData, ToyRollouts

from attention_jax import experiment, runs, trained
from attention_jax.errors import NonFiniteLossError, UserError
from attention_jax.training.checkpoints import Checkpoints
from attention_jax.training.devices import Devices
from attention_jax.training.interruption import Stop
from attention_jax.training.timesheet import DUTIES
from attention_jax.training.writers import read_rows


def make(task, data=None, **values):
    config = experiment.default_config()
    config.update(batch_size=16, devices=1, log_every=1, checkpoint_every=2)
    config.update(values)
    return experiment.Experiment(config, task, data or ToyData())


def train(task, workdir, **values):
    workdir.mkdir(exist_ok=True)
    data = values.pop("data", None)
    time_limit = values.pop("time_limit", 0)
    return runs.train(make(task, data, **values), workdir, time_limit=time_limit, verbose=False)


def last_state(task, workdir):
    devices = Devices("jit", 1)
    checkpoints = Checkpoints(workdir / "checkpoints", read_only=True)
    like = devices.like(jax.eval_shape(task.init, jax.random.key(0), task.example()))
    state, _ = checkpoints.restore(like)
    checkpoints.close()
    return jax.device_get(state)


def losses(workdir):
    rows = read_rows(workdir / "metrics.jsonl")
    return [(row["step"], row["split"], row["loss"]) for row in rows]


@pytest.mark.parametrize("parallel", ["jit", "pmap"])
@pytest.mark.parametrize("toy", TOYS)
def test_a_resumed_run_is_bit_equal_to_one_never_interrupted(toy, parallel, tmp_path):
    task = TOYS[toy]()
    options = {"parallel": parallel, "devices": 2}
    train(task, tmp_path / "whole", steps=7, **options)
    train(task, tmp_path / "parts", steps=3, **options)
    train(task, tmp_path / "parts", steps=7, **options)
    jax.tree.map(
        np.testing.assert_array_equal,
        last_state(task, tmp_path / "parts"),
        last_state(task, tmp_path / "whole"),
    )
    # Only the shorter run's last step, evaluated because it was the last, stands out.
    expected = losses(tmp_path / "whole")
    assert [row for row in losses(tmp_path / "parts") if row in expected] == expected


def test_rows_written_after_the_last_checkpoint_are_taken_back(tmp_path):
    train(ToyRollouts(), tmp_path, steps=4)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": 5, "split": "train", "loss": 0.0}) + "\n")
        file.write('{"step": 6, "spl')
    train(ToyRollouts(), tmp_path, steps=6)
    steps = [step for step, split, _ in losses(tmp_path) if split == "train"]
    assert steps == [1, 2, 3, 4, 5, 6]


def test_a_checkpoint_cut_short_falls_back_to_the_one_before(tmp_path, caplog):
    train(ToyRollouts(), tmp_path / "whole", steps=6)
    train(ToyRollouts(), tmp_path / "cut", steps=4)
    for file in (tmp_path / "cut" / "checkpoints" / "4" / "state").rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    train(ToyRollouts(), tmp_path / "cut", steps=6)
    assert "checkpoint 4" in caplog.text
    assert losses(tmp_path / "cut")[-1] == losses(tmp_path / "whole")[-1]


def test_no_readable_checkpoint_is_a_users_problem_with_a_remedy(tmp_path):
    train(ToyRollouts(), tmp_path, steps=2)
    shutil.rmtree(tmp_path / "checkpoints" / "2" / "state")
    with pytest.raises(UserError, match="delete the folder to start again"):
        train(ToyRollouts(), tmp_path, steps=4)


class Poisoned(ToyData):
    """Batches that are fine until the fifth."""

    def train(self):
        class Batches(ToyBatches):
            def __getitem__(self, position):
                batch = super().__getitem__(position)
                if position == 4:
                    batch["x"] = np.full_like(batch["x"], np.nan)
                return batch

        return Batches()


def test_a_loss_that_is_no_number_halts_and_keeps_the_last_good_checkpoint(tmp_path):
    with pytest.raises(NonFiniteLossError, match=r"nan at step 5; the checkpoint of step 4"):
        train(TOYS["reinforce"](), tmp_path, steps=8, data=Poisoned())
    state = last_state(TOYS["reinforce"](), tmp_path)
    assert state.step == 4
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state))


class Signalling(ToyData):
    """Sends this process a signal while its fourth batch is read."""

    def __init__(self, number):
        super().__init__()
        self._number = number

    def train(self):
        number = self._number

        class Batches(ToyBatches):
            def __getitem__(self, position):
                if position == 3:
                    os.kill(os.getpid(), number)
                return super().__getitem__(position)

        return Batches()


@pytest.mark.parametrize(
    ("number", "stop"), [(signal.SIGTERM, Stop.TERMINATED), (signal.SIGINT, Stop.INTERRUPTED)]
)
def test_a_signal_saves_and_stops(number, stop, tmp_path):
    ended = train(ToyRollouts(), tmp_path, steps=10_000, data=Signalling(number))
    assert ended.stop is stop
    assert ended.done.step < 10_000
    assert last_state(ToyRollouts(), tmp_path).step == ended.done.step


def test_a_signal_cuts_an_evaluation_short_and_the_resumed_run_makes_it(tmp_path):
    class Signalling(ToyData):
        passes = 0

        def split(self, name):
            def batches():
                Signalling.passes += 1
                if Signalling.passes == 3:
                    os.kill(os.getpid(), signal.SIGTERM)
                yield from ToyData.split(self, name)

            class Again:
                def __iter__(self):
                    return batches()

            return Again()

    train(ToyRollouts(), tmp_path / "whole", steps=6, evaluate_every=2)
    ended = train(ToyRollouts(), tmp_path / "cut", steps=6, evaluate_every=2, data=Signalling())
    assert (ended.stop, ended.done.step, ended.done.evaluated) == (Stop.TERMINATED, 4, 2)
    train(ToyRollouts(), tmp_path / "cut", steps=6, evaluate_every=2)
    assert losses(tmp_path / "cut") == losses(tmp_path / "whole")


def test_the_time_limit_saves_and_stops(tmp_path):
    ended = train(ToyRollouts(), tmp_path, steps=10_000, time_limit=0.01)
    assert ended.stop is Stop.TIME_LIMIT
    assert last_state(ToyRollouts(), tmp_path).step == ended.done.step < 10_000


def test_patience_ends_a_run_that_no_longer_improves(tmp_path):
    class Unchanging(ToyRollouts):
        def norm(self, state):
            return jnp.float32(1)

    ended = train(Unchanging(), tmp_path, steps=50, evaluate_every=2, patience=3)
    assert ended.stop is Stop.NO
    assert (ended.done.step, ended.done.best_step) == (8, 2)
    again = train(Unchanging(), tmp_path, steps=50, evaluate_every=2, patience=3)
    assert again.done.step == 8


def test_the_best_checkpoint_outlives_newer_ones(tmp_path):
    class FirstIsBest(ToyRollouts):
        def norm(self, state):
            return jnp.float32(state.step)

    train(FirstIsBest(), tmp_path, steps=10, evaluate_every=2, checkpoint_every=2)
    kept = Checkpoints(tmp_path / "checkpoints", read_only=True)
    assert kept.steps == [2, 8, 10]
    train(FirstIsBest(), tmp_path, steps=14, evaluate_every=2, checkpoint_every=2)
    assert Checkpoints(tmp_path / "checkpoints", read_only=True).steps == [2, 12, 14]
    restored = trained.restore(make(FirstIsBest()), tmp_path, "best")
    assert restored.step == 2
    assert trained.restore(make(FirstIsBest()), tmp_path, "last").step == 14
    assert trained.restore(make(FirstIsBest()), tmp_path, "12").step == 12
    with pytest.raises(UserError, match="lacks a checkpoint of step 4"):
        trained.restore(make(FirstIsBest()), tmp_path, "4")
    # The best is no neighbour of the newest.
    with pytest.raises(UserError, match=r"keeps 2: train with --config\.keep=3"):
        trained.restore(make(FirstIsBest()), tmp_path, "average:3")


def test_another_seed_does_not_go_on_with_a_run(tmp_path):
    train(ToyRollouts(), tmp_path, steps=2)
    with pytest.raises(UserError, match=r"another config\.seed"):
        train(ToyRollouts(), tmp_path, steps=4, seed=1)


def test_a_run_compiles_once(tmp_path):
    assert train(ToyRollouts(), tmp_path, steps=5).compilations == 1


def test_what_the_time_went_into_is_kept_over_a_resume(tmp_path):
    train(ToyRollouts(), tmp_path, steps=4, evaluate_every=2)
    first = trained.progress(tmp_path)
    main_thread = [first.duties[duty] for duty in DUTIES]
    assert min(main_thread) > 0
    assert sum(main_thread) == pytest.approx(first.seconds, rel=0.05)
    ended = train(ToyRollouts(), tmp_path, steps=8, evaluate_every=2)
    then = trained.progress(tmp_path)
    assert then.duties == ended.done.duties
    assert all(then.duties[duty] > first.duties[duty] for duty in DUTIES)
    assert "% checkpoints" in runs.farewell(ended, tmp_path)


def test_time_of_steps_that_were_lost_is_never_taken_over(tmp_path):
    train(ToyRollouts(), tmp_path, steps=4)
    whole = trained.progress(tmp_path)
    # As after a kill: the newest checkpoint is not the one at which the last start ended.
    shutil.rmtree(tmp_path / "checkpoints" / "4")
    assert 0 < trained.progress(tmp_path).seconds < whole.seconds


def test_a_checkpoint_from_before_time_was_accounted_goes_on(tmp_path, monkeypatch):
    save = Checkpoints.save

    def save_as_before(self, step, state, progress):
        save(self, step, state, {k: v for k, v in progress.items() if k != "duties"})

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoints, "save", save_as_before)
        train(ToyRollouts(), tmp_path, steps=4)
    assert train(ToyRollouts(), tmp_path, steps=6).done.step == 6
