"""The run report: reads workdirs, finished or not, and writes one page.

Only files are read, never a checkpoint: so it works while a run trains, and after it died.
"""

import contextlib
import json
import logging
import math
import os
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attention_jax import experiment, workdir
from attention_jax.errors import UserError
from attention_jax.viz.report import Map, Progress, Run, Split, render

_log = logging.getLogger(__name__)

# A run that is silent for longer, and for longer than ten of its rows took, counts as stopped.
_SILENT_SECONDS = 300


def write(folders: Sequence[Path], output: Path | None, split: str) -> Path:
    """Writes the report of one run, or of several side by side.

    Args:
      folders: workdirs, or folders of several seeds; one given twice is shown once.
      output: the file; default: report.html in the folder, or comparison.html in the first of
        several, so that its own report stays.
      split: whose predictions and maps to show where a run has them; else what it has.

    Returns:
      The file.

    Raises:
      UserError: for a folder that holds no run or whose config.json is damaged, or when the file
        cannot be written.
    """
    given = [run for folder in folders for run in _runs_in(folder)]
    unique = list({folder.resolve(): folder for folder in reversed(given)}.values())[::-1]
    if len(unique) < len(given):
        _log.warning("a workdir was given more than once: it is shown once")
    runs = [
        _read_run(folder, label, split)
        for folder, label in zip(unique, _labels(unique), strict=True)
    ]
    page = render(runs, split, time.strftime("%Y-%m-%d %H:%M"))
    if output is None:
        output = folders[0] / ("report.html" if len(unique) == 1 else "comparison.html")
    scratch = output.with_name(f".{output.name}.tmp")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        # A lone surrogate, which JSON can hold, has no bytes in UTF-8.
        scratch.write_bytes(page.encode("utf-8", "replace"))
        os.replace(scratch, output)
    except OSError as error:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)
        raise UserError(
            f"{output} cannot be written ({error.strerror}): choose another --output or make room"
        ) from error
    return output


def _runs_in(folder: Path) -> list[Path]:
    """The folder itself, or the runs of its seeds that have begun."""
    if (folder / "config.json").exists() or not (folder / workdir.SEEDS).exists():
        return [folder]
    seeds = [path.parent for path in folder.glob("seed_*/config.json")]
    return sorted(seeds, key=lambda path: (len(path.name), path.name)) or [folder]


def _labels(folders: Sequence[Path]) -> list[str]:
    """The shortest ends of the paths that tell them apart."""
    parts = [folder.resolve().parts for folder in folders]
    for length in range(1, max(map(len, parts)) + 1):
        labels = ["/".join(part[-length:]) for part in parts]
        if len(set(labels)) == len(labels):
            break
    return labels


def _read_run(folder: Path, label: str, split: str) -> Run:
    stored = workdir.read_config(folder)
    notices: list[str] = []
    rows = _rows(folder / "metrics.jsonl", notices)
    splits = _splits(folder, rows, split, notices)
    measured = [one.name for one in splits]
    shown = next((s for s in (split, *measured) if _file(folder, s, ".jsonl").exists()), "")
    if split not in measured:
        notices.append(_not_yet(folder, split, shown))
    elif not shown:
        notices.append("No predictions are kept yet: the first evaluation writes them.")
    config = experiment.flatten(stored["config"])
    name = f"{stored['experiment']}:{stored['arg']}" if stored["arg"] else stored["experiment"]
    command = ["attention-jax", "train", f"--config={name}", f"--workdir={folder}"]
    return Run(
        label,
        str(folder),
        name,
        str(stored["version"]),
        str(stored["code"]),
        " \\\n  ".join([shlex.join(command), *map(shlex.quote, stored["overrides"])]),
        config,
        frozenset(o.removeprefix("--config.").partition("=")[0] for o in stored["overrides"]),
        _progress(folder, config, rows, splits),
        rows,
        splits,
        shown,
        _json_lines(_file(folder, shown, ".jsonl"), notices) if shown else [],
        _maps(_file(folder, shown, "_maps.json"), notices) if shown else None,
        _pictures(folder / "pictures"),
        notices,
    )


def _file(folder: Path, split: str, ending: str) -> Path:
    return folder / "predictions" / f"{split}{ending}"


def _not_yet(folder: Path, split: str, shown: str) -> str:
    instead = f"Shown instead: {shown}. " if shown else ""
    command = shlex.join(["attention-jax", "evaluate", f"--workdir={folder}", f"--split={split}"])
    return f"The split {split} has not been evaluated yet. {instead}To evaluate it: {command}"


def _json_lines(path: Path, notices: list[str]) -> list[dict[str, Any]]:
    """The objects of a file's lines; a last line still under way is left out, damage is told."""
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        notices.append(f"{path} cannot be read ({error.strerror}) and is left out.")
        return []
    found, damaged = [], []
    for number, line in enumerate(lines, start=1):
        try:
            value = json.loads(line.decode("utf-8")) if line.strip() else None
        except ValueError:
            # Every row ends its line: what follows the last end is still being written.
            value = None if number == len(lines) else line
        if isinstance(value, dict):
            found.append(value)
        elif value is not None:
            damaged.append(number)
    if damaged:
        lost = f"line {damaged[0]} is damaged and left out"
        if len(damaged) > 1:
            lost = f"{len(damaged)} lines are damaged and left out, the first of them {damaged[0]}"
        notices.append(f"{path}: {lost}.")
    return found


def _rows(path: Path, notices: list[str]) -> list[dict[str, Any]]:
    rows = _json_lines(path, notices)
    usable = [
        row
        for row in rows
        if isinstance(row.get("step"), int) and isinstance(row.get("split"), str)
    ]
    if len(usable) < len(rows):
        lost = len(rows) - len(usable)
        notices.append(f"{path}: {lost} of its rows lacks a step or a split and is left out.")
    if not usable:
        notices.append("No metrics are written yet: learning curves begin with the first row.")
    return usable


def _splits(
    folder: Path, rows: Sequence[dict[str, Any]], wanted: str, notices: list[str]
) -> list[Split]:
    """Every split that was measured: by its own file, else by its last row."""
    found: dict[str, Split] = {}
    for row in rows:
        if row["split"] != "train":
            found[row["split"]] = Split(row["split"], row["step"], _numbers(row))
    for path in sorted((folder / "predictions").glob("*_metrics.json")):
        name = path.name.removesuffix("_metrics.json")
        value = _json_file(path, notices)
        try:
            if value is not None:
                main = value.get("main_metric")
                found[name] = Split(
                    name,
                    value["step"],
                    _numbers(value["metrics"]),
                    {str(k): str(v) for k, v in value["notes"].items()},
                    (str(main[0]), str(main[1])) if main else None,
                )
        except (KeyError, TypeError, AttributeError, IndexError):
            notices.append(f"{path} is damaged and left out.")
    looked_at = {row["split"] for row in rows}
    return sorted(found.values(), key=lambda s: (s.name != wanted, s.name not in looked_at, s.name))


def _numbers(row: dict[str, Any]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in row.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and name != "step"
    }


def _json_file(path: Path, notices: list[str]) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        notices.append(f"{path} is damaged ({error}) and left out.")
        return None


def _maps(path: Path, notices: list[str]) -> list[Map] | None:
    value = _json_file(path, notices)
    if value is None:
        return None
    try:
        return [_map(one) for one in value["maps"]]
    except (KeyError, TypeError, ValueError) as error:
        notices.append(f"{path} is damaged ({error}) and left out.")
        return None


def _map(value: dict[str, Any]) -> Map:
    one = Map(**value)
    shape = {len(row) for row in one.weights}
    if len(one.weights) != len(one.queries) or not shape <= {len(one.keys)}:
        raise ValueError(f"the weights of example {one.example} do not fit its labels")
    return one


def _pictures(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def _progress(
    folder: Path, config: dict[str, Any], rows: Sequence[dict[str, Any]], splits: Sequence[Split]
) -> Progress:
    """Finished, training or stopped, concluded from steps and from the age of the last row."""
    steps = config.get("steps", 0)
    step = max((row["step"] for row in rows), default=0)
    file = folder / ("metrics.jsonl" if rows else "config.json")
    age = max(0.0, time.time() - file.stat().st_mtime)
    of = f"step {step:,} of {steps:,}"
    if step and step >= steps and any(r["step"] == step and r["split"] != "train" for r in rows):
        return Progress("finished", f"Finished: {of}.", step, steps)
    if _lost_patience(config, rows, splits):
        return Progress("finished", f"Finished at {of}: it no longer improved.", step, steps)
    last = f"its last row is {_ago(age)} old" if rows else f"it began {_ago(age)} ago"
    if age < max(_SILENT_SECONDS, 10 * _row_seconds(config, rows)):
        return Progress("training", f"Still training, it seems: {of}; {last}.", step, steps)
    sentence = f"Stopped before its end, it seems: {of}; {last}. The same command goes on."
    return Progress("stopped", sentence, step, steps)


def _lost_patience(
    config: dict[str, Any], rows: Sequence[dict[str, Any]], splits: Sequence[Split]
) -> bool:
    patience = config.get("patience", 0)
    for split in splits:
        values = [
            row[split.main_metric[0]] * (1 if split.main_metric[1] == "max" else -1)
            for row in rows
            if split.main_metric and row["split"] == split.name and split.main_metric[0] in row
        ]
        if patience and values and len(values) - 1 - values.index(max(values)) >= patience:
            return True
    return False


def _row_seconds(config: dict[str, Any], rows: Sequence[dict[str, Any]]) -> float:
    rates = [row["steps_per_second"] for row in rows if row.get("steps_per_second")]
    return config.get("log_every", 1) / rates[-1] if rates else 0.0


def _ago(seconds: float) -> str:
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = math.floor(seconds / size)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{seconds:.0f} seconds"
