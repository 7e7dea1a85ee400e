"""What a user wrote, checked."""

from typing import Any

import numpy as np

from attention_jax.errors import UserError


def vectors(value: Any, width: int, name: str, form: str, numbers: int = 0) -> np.ndarray:
    """A list of vectors as float64 [length, width].

    Args:
      value: of JSON.
      width: values of a vector.
      name: of the value, for the sentence.
      form: how it should have been written.
      numbers: so many of a vector's last values need not be bits.

    Raises:
      UserError: for anything else.
    """
    if not isinstance(value, list) or not value or not all(isinstance(v, list) for v in value):
        raise UserError(f"{name} cannot be used: give {form}")
    for place, vector in enumerate(value, start=1):
        if len(vector) != width:
            raise UserError(
                f"vector {place} of {name} has {len(vector)} values and this model takes {width}: "
                f"give {form}"
            )
        if not all(isinstance(v, int | float) and abs(v) < np.inf for v in vector):
            raise UserError(f"vector {place} of {name} holds something else than numbers")
        if any(v not in (0, 1) for v in vector[: width - numbers]):
            raise UserError(f"vector {place} of {name} has a bit that is neither 0 nor 1")
    return np.array(value, np.float64)


def check_steps(steps: int, name: str, limit: int) -> None:
    """Raises UserError for a tape longer than `config.decode.max_steps`."""
    if steps > limit:
        raise UserError(
            f"{name} takes {steps} steps and the limit is {limit}: shorten it, or raise "
            "--config.decode.max_steps"
        )
