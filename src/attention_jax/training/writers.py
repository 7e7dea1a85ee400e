"""Where metrics go: a JSON line and a TensorBoard event for each, under the same names."""

import json
from pathlib import Path
from typing import Protocol

from tensorboardX import SummaryWriter

from attention_jax.errors import UserError


class Writer(Protocol):
    """What the loop reports to."""

    def write(self, step: int, split: str, metrics: dict[str, float]) -> None: ...

    def close(self) -> None: ...


class MetricFiles:
    """`metrics.jsonl` and TensorBoard events of one workdir.

    A row of `metrics.jsonl` is {"step": 10, "split": "train", "loss": 1.5, ...}; in TensorBoard the
    same number is `train/loss`.

    Args:
      workdir: the folder; it must exist.
      resumed: the step a run continues from. What was written after it is taken back, so that the
        file of a resumed run equals that of one never interrupted.
    """

    def __init__(self, workdir: Path, resumed: int = 0):
        self._path = workdir / "metrics.jsonl"
        _cut_back(self._path, resumed)
        self._events = SummaryWriter(str(workdir / "events"), purge_step=resumed + 1)

    def write(self, step: int, split: str, metrics: dict[str, float]) -> None:
        """One row, on disk when this returns."""
        try:
            # Closed after each row: a mounted bucket takes a file when it is closed, not before.
            with self._path.open("a", encoding="utf-8") as lines:
                lines.write(json.dumps({"step": step, "split": split, **metrics}) + "\n")
        except OSError as error:
            raise UserError(
                f"{self._path} cannot be written ({error.strerror}): make room and run the "
                "same command again"
            ) from error
        for name, value in metrics.items():
            self._events.add_scalar(f"{split}/{name}", value, step)

    def close(self) -> None:
        self._events.close()


class NoFiles:
    """Writes nothing: for processes other than the first, and for tests."""

    def write(self, step: int, split: str, metrics: dict[str, float]) -> None:
        pass

    def close(self) -> None:
        pass


def read_rows(path: Path) -> list[dict]:
    """The rows of a `metrics.jsonl`; a last line cut short by a kill is left out."""
    rows = []
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                break
    return rows


def _cut_back(path: Path, step: int) -> None:
    if path.exists():
        kept = [json.dumps(row) + "\n" for row in read_rows(path) if row["step"] <= step]
        replacement = path.with_suffix(".tmp")
        replacement.write_text("".join(kept), encoding="utf-8")
        replacement.replace(path)
