"""Records: one small file a measurement, written by the command that made it."""

import dataclasses
import datetime
import importlib.metadata
import json
import math
import os
import platform
import re
import statistics
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
from scipy.special import stdtrit

from attention_jax.errors import UserError

FOLDER = Path("docs", "results")

_FOLDERS = re.compile(r"(?<![^\s,='\"])(?:/[^\s,/'\"]+)*/(?=[^\s,/'\"])")
"""All of an absolute path but its last part."""

_CODE = ("src", "experiments", "benchmarks", "uv.lock")
"""What a number may depend on."""

Metric = float | dict[str, float]
"""A number, or its {"mean", "low", "high"} over seeds."""


@dataclasses.dataclass(frozen=True)
class Record:
    """One measurement and all that is needed to make it again."""

    name: str
    commands: list[str]
    """In their order, in the repository's root; W stands for a workdir, DATA for raw data."""
    metrics: dict[str, Metric]
    config_hash: str
    seeds: list[int]
    data: dict[str, str]
    """Data set -> hash of its content or generator."""
    seconds: float
    """Wall time of what was measured, training included where there was any."""
    hardware: str
    versions: dict[str, str]
    commit: str
    """With a "+" where the code had changes that no commit holds."""
    date: str
    notes: str = ""
    times: list[str] = dataclasses.field(default_factory=list)
    """Metrics that are times: the machine's other work is in them, so no rerun repeats them."""


def make_record(
    root: Path,
    name: str,
    commands: Sequence[str],
    metrics: Mapping[str, Metric],
    *,
    config_hash: str,
    seeds: Sequence[int],
    data: Mapping[str, str],
    seconds: float,
    notes: str = "",
    times: Sequence[str] = (),
) -> Record:
    """A record of what was measured just now, here: with hardware, versions, commit and date.

    Of absolute paths in the commands only the last part is kept.

    Raises:
      UserError: the name is no plain word, or a metric is no finite number.
    """
    if not re.fullmatch(r"\w+", name):
        raise UserError(f"{name!r} cannot name a record: use letters, digits and underscores")
    wrong = [key for key, value in metrics.items() if not math.isfinite(mean(value))]
    if wrong:
        raise UserError(f"{name} cannot be recorded: {', '.join(wrong)} is not a finite number")
    return Record(
        name=name,
        commands=[_FOLDERS.sub("", command) for command in commands],
        metrics=dict(metrics),
        config_hash=config_hash,
        seeds=list(seeds),
        data=dict(data),
        seconds=round(seconds, 1),
        hardware=describe_hardware(),
        versions=describe_versions(),
        commit=_commit(root),
        date=datetime.date.today().isoformat(),
        notes=notes,
        times=list(times),
    )


def write_record(root: Path, record: Record) -> Path:
    """Writes docs/results/NAME.json."""
    path = root / FOLDER / f"{record.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(dataclasses.asdict(record), indent=2, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def read_records(root: Path) -> dict[str, Record]:
    """The records of a repository by name, in the order of their names.

    Raises:
      UserError: a file is no record.
    """
    records = {}
    for path in sorted((root / FOLDER).glob("*.json")):
        try:
            record = Record(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise UserError(f"{path} is not a results record ({error}): record it again") from None
        if record.name != path.stem:
            raise UserError(
                f"{path} calls itself {record.name}: rename the file or record it again"
            )
        records[record.name] = record
    return records


def mean(metric: Metric) -> float:
    """The number that stands for a metric."""
    return metric["mean"] if isinstance(metric, dict) else metric


def over_seeds(values: Sequence[float]) -> Metric:
    """The mean of a metric over seeds and, of two seeds or more, its 95 % interval.

    mean -+ t s / sqrt(n), with the standard deviation s (n - 1 in its denominator) and t the 97.5th
    percentile of Student's distribution with n - 1 degrees of freedom.
    """
    middle = sum(values) / len(values)
    if len(values) == 1 or not math.isfinite(middle):
        return middle
    t = float(stdtrit(len(values) - 1, 0.975))
    half = t * statistics.stdev(values) / math.sqrt(len(values))
    return {"mean": middle, "low": middle - half, "high": middle + half}


def show(metric: Metric) -> str:
    """Four significant digits at most, and the interval where there is one."""
    if isinstance(metric, dict):
        return f"{metric['mean']:.4g} ({metric['low']:.4g} to {metric['high']:.4g})"
    return f"{metric:.4g}"


def describe_hardware() -> str:
    """Processor, cores this process may use, and accelerators; nothing that names the machine."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    parts = [f"{cores} core{'s' if cores > 1 else ''} of {_processor()}"]
    kinds = Counter(d.device_kind for d in jax.devices() if d.platform != "cpu")
    parts += [f"{count} x {kind}" for kind, count in kinds.items()]
    return ", ".join(parts)


def describe_versions() -> dict[str, str]:
    """Of Python and of the packages that decide a number."""
    packages = ["attention-jax", "jax", "jaxlib", "flax", "optax", "numpy"]
    packages += ["sentencepiece", "sacrebleu"]
    versions = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version(), **versions}


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return model[1].strip() if model else platform.processor() or platform.machine()


def _commit(root: Path) -> str:
    try:
        commit = _git(root, "rev-parse", "--short=12", "HEAD").strip()
        changed = _git(root, "status", "--porcelain", "--", *_CODE).strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("+" if changed else "")


def same_code(root: Path, commit: str) -> bool:
    """Whether the code here is that of a record's commit; False where that cannot be known."""
    try:
        changed = _git(root, "diff", "--name-only", commit, "--", *_CODE)
        return not changed and not _commit(root).endswith("+")
    except (OSError, subprocess.CalledProcessError):
        return False


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), *arguments], check=True, capture_output=True, text=True
    ).stdout
