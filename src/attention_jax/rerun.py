"""Measuring a record again, and saying whether its numbers hold. It changes no file in docs/."""

import contextlib
import dataclasses
import json
import logging
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
from rich.console import Console
from rich.table import Table

from attention_jax import cli, measuring, results
from attention_jax.errors import UserError

_log = logging.getLogger(__name__)

_DATA = "--manual_dir=DATA"

_WORKDIR = re.compile(r"--workdir=(W(?:/\d+)?(?:,W/\d+)*)")
"""The folder of a record, or those of an ensemble's members, W/0,W/1."""

_LASTS = ("evaluate", "sweep", "benchmark")
"""What a record's last command may be; trainings go before an evaluation."""


@dataclasses.dataclass(frozen=True)
class Folders:
    """What this machine has in place of the names in a record's commands.

    Attributes:
      workdir: where to train; one that has run goes on. None: a temporary folder.
      data_dir, manual_dir: as for `train` and `evaluate`.
    """

    workdir: Path | None = None
    data_dir: Path | None = None
    manual_dir: Path | None = None


def rerun(name: str, folders: Folders, root: Path | None = None) -> int:
    """Trains and evaluates again as docs/results/NAME.json says, compares, and shows how.

    Args:
      name: of the record.
      folders: see there.
      root: of the repository, where benchmarks are run; default: the current folder.

    Returns:
      0 where the numbers hold (`results.compare`) and the bars stand as declared, 1 where not; the
      exit status of a training that was stopped.

    Raises:
      UserError: there is no such record, or its commands cannot be run again.
    """
    root = root or Path()
    records = results.read_records(root)
    if name not in records:
        raise UserError(f"there is no record {name!r}: choose from {', '.join(records) or 'none'}")
    recorded = records[name]
    commands = _runnable(recorded, folders)
    temporary = tempfile.TemporaryDirectory() if folders.workdir is None else None
    with temporary or contextlib.nullcontext(str(folders.workdir)) as workdir:
        if temporary and _kind(commands[0]) in ("train", "sweep"):
            _log.info("in a temporary folder: with --workdir it could go on where it is stopped")
        folders = dataclasses.replace(folders, workdir=Path(workdir))
        for command in _training(commands):
            if status := cli.main(_arguments(command, folders)):
                return status
        now = _measure(commands[-1], name, folders, root)
    return _judge(recorded, now, records, root)


def _runnable(record: results.Record, folders: Folders) -> list[list[str]]:
    """The words of its commands: nothing but our own are run."""
    commands = [shlex.split(command) for command in record.commands]
    if not commands:
        raise UserError(f"the record {record.name} holds no command: record it again")
    kinds = [_kind(words) for words in commands]
    *before, last = kinds
    if last not in _LASTS or set(before) - ({"train"} if last == "evaluate" else set()):
        raise UserError(
            f"the record {record.name} cannot be run again: its commands are no training, "
            "evaluation, sweep or benchmark of this repository"
        )
    if folders.workdir is not None and kinds[0] not in ("train", "sweep"):
        raise UserError(f"the record {record.name} trains nothing: leave --workdir out")
    return commands


def _kind(words: Sequence[str]) -> str:
    match words:
        case ["attention-jax", ("train" | "evaluate" | "sweep") as command, *_]:
            return command
        case ["python", script, *_] if script.startswith("benchmarks/") and ".." not in script:
            return "benchmark"
        case ["python", "-m", "benchmarks", *_]:
            return "benchmark"
    return "other"


def _training(commands: Sequence[list[str]]) -> list[list[str]]:
    """What is to be done before the last command can measure; a sweep does both."""
    if _kind(commands[-1]) == "sweep":
        return [[word for word in commands[-1] if not word.startswith("--record=")]]
    return list(commands[:-1])


def _arguments(words: Sequence[str], folders: Folders) -> list[str]:
    """A command's arguments on this machine."""
    given = [_of_here(word, folders) for word in words[1:] if word != _DATA]
    for option in ("data_dir", "manual_dir"):
        if folder := getattr(folders, option):
            given.append(f"--{option}={folder}")
    return given


def _of_here(word: str, folders: Folders) -> str:
    named = _WORKDIR.fullmatch(word)
    if named is None or folders.workdir is None:
        return word
    here = (folders.workdir / name.removeprefix("W").lstrip("/") for name in named[1].split(","))
    return f"--workdir={','.join(map(str, here))}"


def _measure(words: Sequence[str], name: str, folders: Folders, root: Path) -> results.Record:
    """What the last command measures, as the record that it would be."""
    if _kind(words) != "benchmark":
        return measuring.as_record(cli.measure(_arguments(words, folders)), name, root)
    script = [sys.executable, *(word for word in words[1:] if word != "--record")]
    done = subprocess.run(script, cwd=root, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise UserError(f"{shlex.join(words)} failed with status {done.returncode}: see above")
    for line in done.stdout.splitlines():
        with contextlib.suppress(ValueError, TypeError):
            record = results.Record(**json.loads(line))
            if record.name == name:
                return record
    raise UserError(f"{shlex.join(words)} printed no record {name}: it may measure it no longer")


def _judge(
    recorded: results.Record,
    now: results.Record,
    records: Mapping[str, results.Record],
    root: Path,
) -> int:
    """Shows what differs, and says whether the numbers hold."""
    others = results.conditions(recorded, now)
    if not results.same_code(root, recorded.commit):
        others.append(f"the code is not that of the record's commit, {recorded.commit}")
    for other in others:
        _log.warning("%s", other)
    exact = not others and jax.default_backend() == "cpu"
    lines = results.compare(recorded, now, exact)
    table = Table("metric", "recorded", "now", "difference", "allowed", "", box=None)
    for line in lines:
        table.add_row(line.metric, *_cells(line))
    console = Console()
    console.print(table)
    failed = [line.metric for line in lines if not line.holds]
    failed += results.broken_bars(now, records, results.read_expected(root))
    same = all(line.same for line in lines if line.metric not in recorded.times)
    how = "the same but for rounding" if same else "near enough, the conditions being others"
    verdict = f"does not hold: {'; '.join(failed)}" if failed else f"holds: {how}"
    console.print(f"{recorded.name} {verdict}", highlight=False, markup=False, soft_wrap=True)
    return 1 if failed else 0


def _cells(line: results.Line) -> list[str]:
    """Recorded, now, difference, allowed, and whether it holds; of several seeds the means."""
    allowed = "–" if line.allowed is None else f"{line.allowed:.2g}"
    now = "gone" if line.now is None else f"{results.mean(line.now):.5g}"
    holds = "" if line.holds else "does not hold"
    return [f"{results.mean(line.recorded):.5g}", now, f"{line.difference:+.2g}", allowed, holds]
