"""The Python face: training, and a trained model in Python's hands."""

import dataclasses
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import ml_collections
from flax import linen as nn

from attention_jax import runs, trained
from attention_jax import workdir as workdirs
from attention_jax.experiment import Experiment
from attention_jax.tasks.protocol import AttentionMap
from attention_jax.training.evaluation import Predictor
from attention_jax.training.interruption import Stop
from attention_jax.typing import Batch, Params


class Evaluated(NamedTuple):
    """What `attention-jax evaluate` keeps in the workdir."""

    metrics: dict[str, float]
    predictions: list[dict[str, Any]]
    """A record an example, in the split's order."""
    maps: list[AttentionMap]
    """Attention of a few examples from short to long, beside the gold links where there are any;
    `attention_jax.viz.draw_map` draws one."""


@dataclasses.dataclass(frozen=True)
class Loaded:
    """A trained model in Python's hands.

    Attributes:
      model: the Linen module; `model.apply({"params": params}, ...)`.
      params: of the chosen checkpoint, averaged where training averaged them.
      step: of that checkpoint; of an average of several the newest.
      config: resolved, as trained.
      experiment: task and data; a translation's tokenizers are `experiment.data.source_tokenizer`
        and `target_tokenizer`.
      workdir: of the run.
    """

    model: nn.Module
    params: Params
    step: int
    config: ml_collections.ConfigDict
    experiment: Experiment
    workdir: Path
    _restored: trained.Restored
    _predictor: Predictor

    def predict(
        self, lines: Sequence[str], targets: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """A record of each line's prediction, as `attention-jax predict --json` prints it.

        Args:
          lines: what to predict from.
          targets: one a line, to be scored and aligned in place of predictions.
        """
        return self.experiment.task.describe("input", self._outputs(lines, targets))

    def maps(
        self, lines: Sequence[str], targets: Sequence[str] | None = None
    ) -> list[AttentionMap]:
        """What the prediction of each line attended to; `attention_jax.viz.draw_map` draws it.

        Of a model of several layers and heads, a map of each follows, such as "cross layer 2 head
        3". Arguments are those of `predict`.
        """
        return self.experiment.task.maps("input", self._outputs(lines, targets, closely=True))

    def evaluate(self, split: str = "test") -> Evaluated:
        """Measures a split, and keeps all in the workdir as `attention-jax evaluate` does.

        Raises:
          UserError: for a split that is not there.
        """
        task, batches = self.experiment.task, self.experiment.data.split(split)
        found = trained.evaluate(self._restored, self.workdir, split, batches)
        return Evaluated(
            found.metrics, task.describe(split, found.outputs), task.maps(split, found.outputs)
        )

    def _outputs(
        self, lines: Sequence[str], targets: Sequence[str] | None, closely: bool = False
    ) -> list[Batch]:
        batches = trained.inputs(self.experiment.data, lines, targets)
        return self._predictor(self._restored.state, batches, closely=closely)


def train(
    spec: str,
    overrides: Mapping[str, Any],
    workdir: Path | None,
    data_dir: Path | None,
    manual_dir: Path | None,
) -> Loaded:
    """See `attention_jax.train`."""
    folder = workdir or Path(tempfile.mkdtemp(prefix="attention_jax_"))
    # As on the command line, which is how config.json remembers them.
    arguments = [f"--config.{name}={value}" for name, value in overrides.items()]
    run = workdirs.start(folder, spec, arguments)
    built = run.build(data_dir, manual_dir)
    with run.claimed():
        done = runs.train(built, folder)
    # As Python ends on these signals; the checkpoint is saved.
    if done.stop is Stop.INTERRUPTED:
        raise KeyboardInterrupt
    if done.stop is Stop.TERMINATED:
        raise SystemExit(143)
    return _loaded(run, built, "best")


def load(workdir: Path, checkpoint: str, data_dir: Path | None, manual_dir: Path | None) -> Loaded:
    """See `attention_jax.load`."""
    run = workdirs.reopen(workdir)
    return _loaded(run, run.build(data_dir, manual_dir), checkpoint)


def _loaded(run: workdirs.Workdir, built: Experiment, checkpoint: str) -> Loaded:
    task, restored = built.task, trained.restore(built, run.path, checkpoint)
    of_run = task.model, restored.state.averaged, restored.step, run.config, built, run.path
    return Loaded(*of_run, restored, Predictor(task, restored.devices))
