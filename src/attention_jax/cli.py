"""The command line: `attention-jax train | evaluate | predict | report | sweep | list | results`.

Results go to standard output, progress and messages to standard error. Exit status: 0 done or time
limit reached, 2 a user's mistake, 3 a loss that is no number, 130 and 143 after Ctrl-C and SIGTERM
with the checkpoint saved.
"""

import argparse
import logging
import os
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NoReturn

from attention_jax import processes, sweeping, using
from attention_jax.errors import NonFiniteLossError, UserError


class _Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one sentence."""

    def error(self, message: str):
        raise UserError(f"{message} (see {self.prog} --help)")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status."""
    _set_up_libraries()
    try:
        parser = _parser()
        options, rest = parser.parse_known_args(argv)
        overrides = _overrides(rest)
        return options.run(options, overrides)
    except UserError as error:
        print(f"attention-jax: {error}", file=sys.stderr)
        return 2
    except NonFiniteLossError as error:
        print(f"attention-jax: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("attention-jax: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _set_up_libraries() -> None:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    # Before jax is imported. The second start of a run then finds its programs compiled.
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache / "attention_jax" / "compiled"))
    logging.basicConfig(format="attention-jax: %(message)s", level=logging.WARNING)
    logging.getLogger("attention_jax").setLevel(logging.INFO)
    # The last two tell, with tracebacks, what became of a failed write's threads.
    for chatty in ("absl", "asyncio", "concurrent.futures"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)


def _overrides(rest: Sequence[str]) -> list[str]:
    for argument in rest:
        if not argument.startswith("--config."):
            raise UserError(f"there is no option or argument {argument!r} here: see --help")
    return list(rest)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser("attention-jax", description=__doc__.split("\n\n")[0], allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    def command(name: str, run, help: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help, description=help, allow_abbrev=False)
        added.set_defaults(run=run)
        return added

    train = command("train", _train, "train, or go on training, an experiment in a workdir")
    train.add_argument("--config", required=True, metavar="EXPERIMENT[:ARG]", help=_CONFIG_HELP)
    train.add_argument("--workdir", required=True, type=Path)
    train.add_argument("--seeds", type=int, metavar="N", help="config.seed and the N - 1 after it")
    train.add_argument("--time_limit", type=float, default=0, metavar="SECONDS")
    train.add_argument("--profile", action="store_true", help="write a JAX profile to the workdir")
    train.add_argument("--debug_nans", action="store_true", help="stop where a NaN is made")
    processes.add_options(train)
    _folders(train)

    evaluate = command("evaluate", using.evaluate, "measure a trained workdir, or a baseline")
    using.add_evaluate_options(evaluate)
    _folders(evaluate)

    predict = command(
        "predict", using.predict, "predict from what is given, or from a file's lines"
    )
    using.add_predict_options(predict)
    _folders(predict)

    sweep = command("sweep", sweeping.sweep, "train an experiment's variants and compare them")
    sweep.add_argument("--config", required=True, metavar="EXPERIMENT[:ARG]", help=_CONFIG_HELP)
    sweep.add_argument("--workdir", required=True, type=Path)
    sweeping.add_options(sweep)
    _folders(sweep)

    report = command("report", _report, "one page to look at: a run, or several side by side")
    report.add_argument("workdir", nargs="+", type=Path, metavar="W")
    report.add_argument("--split", default="test", help="whose predictions and maps to show")
    report.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="default: W/report.html; of several runs, comparison.html in the first workdir",
    )

    command("list", _list, "the experiments there are, with their numbers")

    results = command("results", _results, "render docs/results.md from its records")
    what = results.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="exit 1 where page and records differ")
    what.add_argument("--rerun", metavar="NAME", help="measure a record again; exit 1 if it fails")
    results.add_argument("--workdir", type=Path, help="of --rerun, to go on after an interruption")
    _folders(results)
    return parser


_CONFIG_HELP = "a name from `list` or a path; --config.KEY=VALUE changes a value"


def _folders(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data_dir", type=Path, help="prepared data (default: the user's cache)")
    parser.add_argument("--manual_dir", type=Path, help="raw data that you bring")


def _train(options, overrides: list[str]) -> int:
    import jax

    from attention_jax import seeds, workdir
    from attention_jax.training.interruption import Stop

    processes.join(options)
    if options.debug_nans:
        jax.config.update("jax_debug_nans", True)
    began = time.monotonic()
    if options.seeds is None:
        several = [workdir.start(options.workdir, options.config, overrides)]
    else:
        several = seeds.start(options.workdir, options.config, overrides, options.seeds)
    stop = Stop.NO
    for run in several:
        experiment = run.build(options.data_dir, options.manual_dir)
        first = jax.process_index() == 0
        with run.claimed() if first else nullcontext():
            if first and options.seeds is not None:
                seeds.claim(options.workdir, several)
            left = options.time_limit and max(options.time_limit - (time.monotonic() - began), 1e-3)
            stop = _train_one(experiment, run.path, left, options.profile)
        if stop is not Stop.NO:
            break
    return stop.status


def _train_one(experiment, folder: Path, time_limit: float, profile: bool):
    """Trains in one workdir, says how it went, and returns why it ended."""
    import jax

    from attention_jax import runs

    profiled = jax.profiler.trace(str(folder / "profile")) if profile else nullcontext()
    with profiled:
        trained = runs.train(experiment, folder, time_limit=time_limit)
    if jax.process_index() == 0:
        print(runs.farewell(trained, folder), file=sys.stderr)
    return trained.stop


def measure(arguments: Sequence[str]):
    """What `evaluate`, or a finished sweep, measures with these arguments, as a
    `measuring.Measured`.
    """
    options, rest = _parser().parse_known_args(arguments)
    if options.run is sweeping.sweep:
        return sweeping.measure(options, _overrides(rest))
    return using.measure(options, _overrides(rest))


def _report(options, overrides: list[str]) -> int:
    from attention_jax import report, workdir

    if overrides:
        raise UserError(f"{overrides[0].partition('=')[0]} has no effect here: a report only reads")
    if sweeps := [folder for folder in options.workdir if (folder / workdir.SWEEP).exists()]:
        from attention_jax import sweep_report

        for folder in sweeps:
            print(sweep_report.rewrite(folder))
        return 0
    print(report.write(options.workdir, options.output, options.split))
    return 0


def _list(options, overrides: list[str]) -> int:
    from attention_jax import listing

    listing.show()
    return 0


def _results(options, overrides: list[str]) -> int:
    from attention_jax import rerun, results

    if options.rerun is not None:
        folders = rerun.Folders(options.workdir, options.data_dir, options.manual_dir)
        return rerun.rerun(options.rerun, folders)
    if options.workdir or options.data_dir or options.manual_dir:
        raise UserError("results takes folders with --rerun=NAME only")
    if not options.check:
        results.render_pages(Path())
        return 0
    problems = results.check(Path())
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def entry() -> NoReturn:
    """The console script. A failure ends the process at once: after a checkpoint that could not be
    written, Orbax's unfinished coroutines complain at shutdown and would change the exit status.
    """
    status = main()
    if status:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(0)


if __name__ == "__main__":
    entry()
