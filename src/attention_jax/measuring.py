"""Numbers of a trained workdir or of a baseline: shown, or kept as a record."""

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from attention_jax import experiment, results, workdir
from attention_jax import trained as trained_runs
from attention_jax.errors import UserError
from attention_jax.viz.curves import by_length, length_curve
from attention_jax.viz.save import save_figures


@dataclasses.dataclass(frozen=True)
class Measured:
    """Metrics, and what must be known to measure them again.

    Attributes:
      notes: metric -> how it was computed (a sacreBLEU signature).
      seconds: wall time, training included.
    """

    metrics: dict[str, float]
    notes: dict[str, str]
    command: str
    config_hash: str
    seed: int
    data: dict[str, str]
    seconds: float


def trained(
    run: workdir.Workdir,
    data_dir: Path | None,
    manual_dir: Path | None,
    split: str,
    checkpoint: str = "best",
) -> Measured:
    """Evaluates a workdir; predictions and pictures go there too.

    Raises:
      UserError: for a split or checkpoint that is not there.
    """
    built = run.build(data_dir, manual_dir)
    began = time.monotonic()
    evaluation = trained_runs.evaluate(built, run.path, split, checkpoint)
    spent = time.monotonic() - began
    train = " ".join([f"train --config={run.source.spec} --workdir=W", *run.overrides])
    return Measured(
        evaluation.metrics,
        dict(built.task.notes),
        f"attention-jax {train} && attention-jax evaluate --workdir=W --split={split}",
        *_identity(built, run.source.name),
        trained_runs.training_seconds(run.path) + spent,
    )


def baseline(
    spec: str,
    overrides: Sequence[str],
    name: str,
    split: str,
    data_dir: Path | None,
    manual_dir: Path | None,
) -> Measured:
    """Measures what needs no training on the data of an experiment.

    Raises:
      UserError: when the experiment has no such baseline or split.
    """
    source = experiment.find(spec)
    config = source.config()
    experiment.parse_flags(config, overrides)
    folders = experiment.Folders(None, data_dir or experiment.default_data_dir(), manual_dir)
    built = source.module.build(config, folders)
    if name not in built.baselines:
        known = ", ".join(built.baselines) or "none"
        raise UserError(f"{source.name} has no baseline {name!r}: it has {known}")
    began = time.monotonic()
    metrics = built.baselines[name](split)
    command = f"attention-jax evaluate --config={spec} --baseline={name} --split={split}"
    return Measured(
        metrics,
        {},
        " ".join([command, *overrides]),
        *_identity(built, source.name),
        time.monotonic() - began,
    )


def show(measured: Measured) -> None:
    """A table of the metrics on standard output, and how they were computed."""
    table = Table(box=None, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in measured.metrics.items():
        table.add_row(name, f"{value:.4g}")
    console = Console()
    console.print(table)
    for name, note in measured.notes.items():
        console.print(f" {name}: {note}", highlight=False, markup=False, soft_wrap=True)


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
    if not (root / results.FOLDER).is_dir():
        raise UserError(
            f"there is no folder {results.FOLDER} here to record in: run --record from the "
            "repository's root"
        )
    return results.write_record(
        root,
        name,
        measured.command,
        measured.metrics,
        config_hash=measured.config_hash,
        seeds=[measured.seed],
        data=measured.data,
        seconds=measured.seconds,
        notes="; ".join(f"{metric}: {note}" for metric, note in measured.notes.items()),
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
    series = {"this run": by_length(measured.metrics, "bleu")}
    for name in names:
        means = {metric: results.mean(value) for metric, value in records[name].metrics.items()}
        series[f"{name} (recorded)"] = by_length(means, "bleu")
    figure = length_curve(series, metric="BLEU")
    return save_figures({"length_beside": figure}, folder / "pictures", split)[0]


def _identity(built: experiment.Experiment, name: str) -> tuple[str, int, dict[str, str]]:
    config = built.config
    data = {config.data.name if "data" in config else name: built.data.hash()}
    return experiment.config_hash(config), config.seed, data
