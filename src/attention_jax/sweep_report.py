"""The page about a sweep: `report.html` in its folder."""

import collections
import json
import shlex
import time
from pathlib import Path

from attention_jax import workdir
from attention_jax.errors import UserError
from attention_jax.sweep import Sweep
from attention_jax.sweep_live import STATES, told
from attention_jax.sweep_study import Search
from attention_jax.viz.report.sweep import Found, Trial, render


def write(sweep: Sweep) -> Path:
    """Writes the page of a sweep of which some trials have finished.

    Returns:
      The file.

    Raises:
      UserError: when it cannot be written.
    """
    page = render(_found(sweep), sweep.study, time.strftime("%Y-%m-%d %H:%M"))
    file = sweep.folder / "report.html"
    with workdir.writable(sweep.folder):
        file.write_text(page, encoding="utf-8")
    return file


def rewrite(folder: Path) -> Path:
    """Writes the page of the sweep that the folder holds.

    Raises:
      UserError: where a database holds its study, or no trial has finished; and as `write`.
    """
    about = json.loads((folder / workdir.SWEEP).read_text(encoding="utf-8"))
    if about["storage"]:
        raise UserError(
            f"the study of {folder} lies in {about['storage']}: give the sweep's own command, "
            "which writes the page"
        )
    asked = {name: about[name] for name in ("sampler", "pruner", "metric", "direction")}
    spec, *overrides = about["command"]
    sweep = Sweep(spec, overrides, folder, search=Search(**asked))
    if not sweep.finished:
        raise UserError(f"no trial of {folder} has finished: there is nothing to show")
    return write(sweep)


def _found(sweep: Sweep) -> Found:
    trials = [
        Trial(
            trial.number,
            sweep.best(trial),
            STATES[trial.state],
            sweep.seconds(trial.number),
            {key: told(value) for key, value in sweep.choices(trial.params).items()},
        )
        for trial in sweep.trials
    ]
    # A trial that was ended early may have led then: the best is one that went to its end.
    trials.sort(key=lambda trial: (trial.state != "done", sweep.rank(trial.value)))
    counts = collections.Counter(trial.state for trial in trials)
    best = sweep.choices(sweep.study.trials[trials[0].number].params)
    flags = [f"--config.{key}={value}" for key, value in best.items()]
    command = ["attention-jax", "train", f"--config={sweep.spec}", "--workdir=W"]
    return Found(
        sweep.spec,
        str(sweep.folder),
        sweep.goal[0],
        ", ".join(f"{count} {state}" for state, count in counts.items())
        + f"; {sweep.wall_seconds:,.0f} seconds",
        shlex.join([*command, *sweep.overrides, *flags]),
        trials,
    )
