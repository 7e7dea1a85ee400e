"""What an evaluation leaves in a workdir, whether made during training or by `evaluate`.

predictions/SPLIT.jsonl         a record an example: `Task.describe`
predictions/SPLIT_metrics.json  the metrics, how they were computed, and of which step
predictions/SPLIT_maps.json     attention maps of a few examples: `Task.maps`
predictions/SPLIT_NAME.wav      of a task whose predictions can be heard: `Sounding.sounds`
pictures/SPLIT_NAME.png

Of an ensemble SPLIT_ensemble stands in the place of SPLIT, in the first workdir.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from attention_jax.tasks.protocol import AttentionMap, Sounding, Task
from attention_jax.training.evaluation import Evaluation
from attention_jax.viz.save import save_figures, save_sounds
from attention_jax.workdir import writable


def keep(
    workdir: Path,
    task: Task,
    split: str,
    evaluation: Evaluation,
    step: int,
    seconds: float,
    *,
    name: str = "",
    notes: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Writes all of it; each file is replaced in one step.

    Args:
      workdir: of the run.
      task: that was measured, just now.
      split: that was measured.
      evaluation: what came of it.
      step: of the checkpoint, or of the training that goes on.
      seconds: that the evaluation took.
      name: of the files in place of the split's.
      notes: what there is to say beside how the metrics were computed.

    Raises:
      UserError: when the workdir cannot be written.
    """
    folder, name = workdir / "predictions", name or split
    records = task.describe(split, evaluation.outputs)
    measured = {
        "step": step,
        "metrics": evaluation.metrics,
        "notes": {**task.notes, **notes},
        "main_metric": list(task.main_metric),
        "seconds": round(seconds, 3),
    }
    maps = [_plain(one) for one in task.maps(split, evaluation.outputs)]
    with writable(workdir):
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / f"{name}.jsonl", "".join(_json(record) + "\n" for record in records))
        _write(folder / f"{name}_maps.json", _json({"step": step, "maps": maps}))
        _write(folder / f"{name}_metrics.json", json.dumps(measured, indent=2) + "\n")
        pictures = task.pictures(split, evaluation.outputs, evaluation.metrics)
        save_figures(pictures, workdir / "pictures", name)
        if isinstance(task, Sounding):
            save_sounds(task.sounds(split, evaluation.outputs), folder, name)


def _plain(attention: AttentionMap) -> dict[str, Any]:
    # Four decimals are more than a page shows, and a third of the bytes.
    weights = np.asarray(attention.weights, np.float64).round(4)
    return attention._asdict() | {"weights": weights.tolist()}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _write(path: Path, text: str) -> None:
    """In place at once: a kill leaves the old file or the new one."""
    scratch = path.with_name(path.name + ".tmp")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)
