"""`attention-jax sweep`: the command that trains variants of an experiment and compares them."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from attention_jax.errors import UserError


def add_options(parser: argparse.ArgumentParser) -> None:
    """Those of `sweep` that other commands do not have."""
    add = parser.add_argument
    add("--trials", type=int, default=0, metavar="N", help="in all; 0 is the whole grid")
    add("--workers", type=int, default=1, metavar="K", help="trials side by side (default: 1)")
    add("--sampler", choices=("grid", "random", "tpe"), default="grid")
    add("--pruner", choices=("none", "halving", "median"), default="none")
    add("--metric", default="", help="of the evaluations (default: the task's main one)")
    add("--direction", choices=("max", "min"), default="", help="of --metric")
    add("--storage", default="", metavar="URL", help="a database (default: a file in the workdir)")
    add("--split", default="test", help="of --record")
    add("--record", metavar="NAME", help="measure all trials, keep the numbers")


def sweep(options: argparse.Namespace, overrides: Sequence[str]) -> int:
    """Trains what is left to train, shows the trials, and records them where asked."""
    from attention_jax import measuring, sweep_live, sweep_report, sweep_trials, sweep_workers

    _check(options)
    if options.record:
        measuring.require_repository(Path())
    trials = _open(options, overrides)
    # A terminal's table is drawn beside the work.
    if options.workers > 1 or sys.stderr.isatty():
        with sweep_live.show(trials) as say:
            status = sweep_workers.run(_worker(options, overrides), options.workers, say)
    else:
        status = trials.run(options.trials).status
    if not status and options.record:
        how = options.split, options.record, options.workers
        picture, path = sweep_trials.record(trials, *how)
        print(f"drawn in {picture}; recorded in {path}", file=sys.stderr)
    elif trials.finished:
        sweep_trials.print_table(trials)
    if trials.finished:
        print(f"all of it is in {sweep_report.write(trials)}", file=sys.stderr)
    return status


def measure(options: argparse.Namespace, overrides: Sequence[str]):
    """What a finished sweep measures with these options, as a `measuring.Measured`."""
    from attention_jax import sweep_trials

    how = options.split, options.record, options.workers
    return sweep_trials.as_measured(_open(options, overrides), *how)


def _check(options: argparse.Namespace) -> None:
    if options.workers < 1:
        raise UserError("--workers must be 1 or more")
    if options.trials < 0:
        raise UserError("--trials must be 1 or more, or 0 for the whole grid")
    if options.sampler != "grid" and not options.trials:
        raise UserError(f"--sampler={options.sampler} never ends: say --trials=N")
    if options.direction and not options.metric:
        raise UserError("--direction is of --metric: say which")


def _open(options: argparse.Namespace, overrides: Sequence[str]):
    """The sweep that the options name."""
    from attention_jax.sweep import Sweep
    from attention_jax.sweep_study import Search

    asked = ("sampler", "pruner", "metric", "direction", "storage")
    search = Search(**{name: getattr(options, name) for name in asked})
    folders = (options.data_dir, options.manual_dir)
    return Sweep(options.config, overrides, options.workdir, *folders, search)


def _worker(options: argparse.Namespace, overrides: Sequence[str]) -> list[str]:
    """The sweep's command as one of several workers gets it."""
    names = ["config", "workdir", "trials", "sampler", "pruner", "metric", "direction", "storage"]
    names += ["data_dir", "manual_dir"]
    given = {name: getattr(options, name) for name in names}
    return ["sweep", *(f"--{name}={value}" for name, value in given.items() if value), *overrides]
