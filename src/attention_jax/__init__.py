"""Every attention mechanism that mattered, in one JAX/Flax house."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attention_jax.loaded import Loaded


def train(
    spec: str,
    overrides: Mapping[str, Any] | None = None,
    workdir: str | Path | None = None,
    *,
    data_dir: str | Path | None = None,
    manual_dir: str | Path | None = None,
) -> "Loaded":
    """Trains as `attention-jax train` does, and gives the model back.

    Args:
      spec: the experiment, "NAME[:arg]" or "PATH.py[:arg]".
      overrides: config values by dotted name, such as {"model.hidden": 64}.
      workdir: of the run; one that has run goes on. None: a new temporary folder.
      data_dir: of prepared data; default: the user's cache folder.
      manual_dir: of raw data that you bring.

    Returns:
      The best checkpoint, as `load(workdir)` would; its `workdir` says where the run is.

    Raises:
      UserError: for what the user can mend. NonFiniteLossError: when the loss is no number.
      KeyboardInterrupt, SystemExit: when a signal stopped it, once a checkpoint is saved.
    """
    # Imported here, so that importing the package (the command's --help) stays light.
    from attention_jax import loaded

    folders = (None if folder is None else Path(folder) for folder in (data_dir, manual_dir))
    return loaded.train(spec, overrides or {}, None if workdir is None else Path(workdir), *folders)


def load(
    workdir: str | Path,
    checkpoint: str = "best",
    *,
    data_dir: str | Path | None = None,
    manual_dir: str | Path | None = None,
) -> "Loaded":
    """A trained model from its workdir, ready for Python.

    Args:
      workdir: as given to `attention-jax train`.
      checkpoint: "best", "last", a step, or "average:N", the mean of the N newest.
      data_dir: of prepared data, to evaluate on; default: the user's cache folder.
      manual_dir: of raw data that you bring.

    Returns:
      `Loaded(model, params, tokenizers, ...)`; its `predict(lines)` and `evaluate(split)` do what
      the commands do.

    Raises:
      UserError: when there is no such run or checkpoint.
    """
    from attention_jax import loaded

    folders = (None if folder is None else Path(folder) for folder in (data_dir, manual_dir))
    return loaded.load(Path(workdir), checkpoint, *folders)
