"""Every attention mechanism that mattered, in one JAX/Flax house."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attention_jax.trained import Loaded


def load(workdir: str | Path, checkpoint: str = "best") -> "Loaded":
    """A trained model from its workdir, ready for Python.

    Args:
      workdir: as given to `attention-jax train`.
      checkpoint: "best", "last" or a step.

    Returns:
      `Loaded(model, params, tokenizers, ...)`; its `predict(lines)` does what the command does.

    Raises:
      UserError: when there is no such run or checkpoint.
    """
    # Imported here, so that importing the package (the command's --help) stays light.
    from attention_jax import trained

    return trained.load(Path(workdir), checkpoint)
