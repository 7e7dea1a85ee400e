"""Numbers of a trained workdir or of a baseline: shown, or kept as a record."""

import dataclasses
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import ml_collections
from rich.console import Console
from rich.table import Table

from attention_jax import experiment, results, seeds, workdir
from attention_jax import trained as trained_runs
from attention_jax.errors import UserError
from attention_jax.training import timesheet
from attention_jax.training.loop import Progressed
from attention_jax.viz.curves import Bucket, by_length, length_curve
from attention_jax.viz.save import save_figures


@dataclasses.dataclass(frozen=True)
class Measured:
    """Metrics, and what must be known to measure them again.

    Attributes:
      metrics: of one seed numbers; of several their means and intervals (`results.over_seeds`).
      notes: metric -> how it was computed (a sacreBLEU signature).
      commands: as a record holds them.
      seconds: wall time, training included.
      times: what the training took; goes into the record beside the metrics.
    """

    metrics: dict[str, results.Metric]
    notes: dict[str, str]
    commands: list[str]
    config_hash: str
    seeds: list[int]
    data: dict[str, str]
    seconds: float
    times: dict[str, results.Metric] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class How:
    """The options of an evaluation."""

    split: str = "test"
    checkpoint: str = "best"
    data_dir: Path | None = None
    manual_dir: Path | None = None

    @property
    def data_arguments(self) -> list[str]:
        """As a record's commands say where the raw data is."""
        return [] if self.manual_dir is None else ["--manual_dir=DATA"]


def trained(run: workdir.Workdir, how: How) -> Measured:
    """Evaluates a workdir; predictions and pictures go there too.

    Raises:
      UserError: for a split or checkpoint that is not there.
    """
    return ensemble([run], how)


def ensemble(runs: Sequence[workdir.Workdir], how: How) -> Measured:
    """Evaluates the models of several workdirs together; predictions and pictures go to the first.

    Raises:
      UserError: for a split or checkpoint that is not there, or models that cannot go together.
    """
    built = [run.build(how.data_dir, how.manual_dir) for run in runs]
    folders = [run.path for run in runs]
    # Before a checkpoint is read: a mistake in the name should not take that long to show.
    batches = built[0].data.split(how.split)
    began = time.monotonic()
    restored = trained_runs.ready(built, folders, how.checkpoint)
    evaluation = trained_runs.evaluate(restored, folders[0], how.split, batches)
    spent = time.monotonic() - began
    done = [trained_runs.progress(folder) for folder in folders]
    return Measured(
        dict(evaluation.metrics),
        restored.task.notes | restored.notes,
        _commands({name: (run, run.overrides) for name, run in _named(runs).items()}, how),
        *_identity(built, runs[0].source.name),
        sum(one.seconds for one in done) + spent,
        _times(done),
    )


def _named(runs: Sequence[workdir.Workdir]) -> dict[str, workdir.Workdir]:
    """Runs by what stands for their folders in a record: W, or the members W/0, W/1 ..."""
    return {f"W/{n}" if len(runs) > 1 else "W": run for n, run in enumerate(runs)}


def over_seeds(runs: Sequence[workdir.Workdir], how: How) -> Measured:
    """Evaluates the runs of several seeds: the mean of each metric, and its interval.

    Raises:
      UserError: for a split or checkpoint that is not there.
    """
    each = [trained(run, how) for run in runs]
    return dataclasses.replace(
        each[0],
        metrics=_gather([one.metrics for one in each]),
        commands=_commands({"W": (runs[0], seeds.train_overrides(runs))}, how),
        seeds=[seed for one in each for seed in one.seeds],
        seconds=sum(one.seconds for one in each),
        times=_gather([one.times for one in each]),
    )


def _gather(each: Sequence[dict[str, results.Metric]]) -> dict[str, results.Metric]:
    return {
        name: results.over_seeds([results.mean(metrics[name]) for metrics in each])
        for name in each[0]
        if all(name in metrics for metrics in each)
    }


def _commands(
    trainings: Mapping[str, tuple[workdir.Workdir, Sequence[str]]], how: How
) -> list[str]:
    """That train and evaluate this again: folder -> the run in it and its overrides."""
    commands = [
        ["train", f"--config={run.source.spec}", f"--workdir={folder}", *overrides]
        for folder, (run, overrides) in trainings.items()
    ]
    folders = ",".join(trainings)
    measure = ["evaluate", f"--workdir={folders}", f"--split={how.split}"]
    measure += [] if how.checkpoint == "best" else [f"--checkpoint={how.checkpoint}"]
    (first, _), *_ = trainings.values()
    commands.append([*measure, *first.decoding])
    return [shlex.join(["attention-jax", *words, *how.data_arguments]) for words in commands]


def _times(done: Sequence[Progressed]) -> dict[str, results.Metric]:
    """What the training took, and what part of it went beside the updates (`Timesheet`).

    train_seconds   wall time, from the first step on, over all starts; of an ensemble, of all
    train_overhead  of it, 0 to 1, the main thread's input, logging and checkpoints
    train_reading   the time in which batches were read, on the same scale: see `timesheet`
    """
    times: dict[str, results.Metric] = {"train_seconds": sum(one.seconds for one in done)}
    # Not in the checkpoints of version 0.1.0. Shares of several runs have no common whole.
    if len(done) == 1 and done[0].duties:
        times["train_overhead"] = timesheet.overhead(done[0].duties)
        times["train_reading"] = timesheet.shares(done[0].duties)[timesheet.READING]
    return times


def baseline(
    spec: str,
    overrides: Sequence[str],
    name: str,
    how: How,
) -> Measured:
    """Measures what needs no training on the data of an experiment.

    Raises:
      UserError: when the experiment has no such baseline or split.
    """
    source = experiment.find(spec)
    config = source.config()
    experiment.parse_flags(config, overrides)
    data_dir = how.data_dir or experiment.default_data_dir()
    folders = experiment.Folders(None, data_dir, how.manual_dir)
    built = source.module.build(config, folders)
    if name not in built.baselines:
        known = ", ".join(built.baselines) or "none"
        raise UserError(f"{source.name} has no baseline {name!r}: it has {known}")
    began = time.monotonic()
    metrics = built.baselines[name](how.split)
    command = ["attention-jax", "evaluate", f"--config={spec}", f"--baseline={name}"]
    command += [f"--split={how.split}", *overrides, *how.data_arguments]
    return Measured(
        dict(metrics),
        {},
        [shlex.join(command)],
        *_identity([built], source.name),
        time.monotonic() - began,
    )


def show(measured: Measured) -> None:
    """A table of the metrics on standard output, and how they were computed."""
    table = Table(box=None, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in measured.metrics.items():
        table.add_row(name, results.show(value))
    console = Console()
    console.print(table)
    for name, note in measured.notes.items():
        console.print(f" {name}: {note}", highlight=False, markup=False, soft_wrap=True)
    if any(isinstance(value, dict) for value in measured.metrics.values()):
        console.print(f" mean of {len(measured.seeds)} seeds (95 % interval, Student's t)")


def plain(measured: Measured) -> dict[str, float]:
    """Metric -> number; of several seeds the mean, and its interval's ends as "bleu/low" and
    "bleu/high".
    """
    numbers: dict[str, float] = {}
    for name, value in measured.metrics.items():
        numbers[name] = results.mean(value)
        if isinstance(value, dict):
            numbers |= {f"{name}/low": value["low"], f"{name}/high": value["high"]}
    return numbers


def record(measured: Measured, name: str, root: Path | None = None) -> Path:
    """Keeps the numbers in docs/results/NAME.json of the repository.

    Args:
      measured: what was measured.
      name: of the record.
      root: of the repository; default: the current folder.

    Raises:
      UserError: outside a repository.
    """
    root = root or Path()
    require_repository(root)
    return results.write_record(root, as_record(measured, name, root))


def require_repository(root: Path) -> None:
    """Raises UserError where no record can be kept: better before a long measurement than after."""
    if not (root / results.FOLDER).is_dir():
        raise UserError(
            f"there is no folder {results.FOLDER} here to record in: run --record from the "
            "repository's root"
        )


def as_record(measured: Measured, name: str, root: Path) -> results.Record:
    """What `record` keeps.

    Raises:
      UserError: the name is no plain word, or a metric is no finite number.
    """
    return results.make_record(
        root,
        name,
        measured.commands,
        measured.metrics | measured.times,
        config_hash=measured.config_hash,
        seeds=measured.seeds,
        data=measured.data,
        seconds=measured.seconds,
        notes="; ".join(f"{metric}: {note}" for metric, note in measured.notes.items()),
        times=list(measured.times),
    )


def draw_beside(
    measured: Measured, names: Sequence[str], folder: Path, split: str, root: Path | None = None
) -> Path:
    """Draws BLEU by source length beside recorded runs, in the workdir's pictures.

    Args:
      measured: what was measured just now.
      names: of records in docs/results; those of one system in several splits are its parts.
      folder: the workdir.
      split: that was measured.
      root: of the repository; default: the current folder.

    Raises:
      UserError: for a record that does not exist.
    """
    records = results.read_records(root or Path())
    for name in names:
        if name not in records:
            raise UserError(f"there is no record {name!r}: choose from {', '.join(records)}")
    series = {"this run": _means_by_length(measured.metrics)}
    for name in names:
        series[f"{name} (recorded)"] = _means_by_length(records[name].metrics)
    figure = length_curve(series, metric="BLEU")
    return save_figures({"length_beside": figure}, folder / "pictures", split)[0]


def _means_by_length(metrics: Mapping[str, results.Metric]) -> dict[Bucket, float]:
    return by_length({name: results.mean(value) for name, value in metrics.items()}, "bleu")


def _identity(
    built: Sequence[experiment.Experiment], name: str
) -> tuple[str, list[int], dict[str, str]]:
    first, *others = (one.config for one in built)
    data = {first.data.name if "data" in first else name: built[0].data.hash()}
    config = first
    if others:
        members = {f"members_{n}": one.config for n, one in enumerate(built)}
        config = ml_collections.ConfigDict(members)
    return experiment.config_hash(config), [one.config.seed for one in built], data
