"""What a run is made of, said before it starts: parameters, and arithmetic per step."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.extend import core

from attention_jax.typing import Params


def parameter_table(params: Params) -> str:
    """Parameters by part of the model, the largest parts two levels deep, and their sum."""
    counts: dict[str, int] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        name = "/".join(str(getattr(key, "key", key)) for key in path[:2])
        counts[name] = counts.get(name, 0) + int(np.prod(leaf.shape))
    width = max([len(name) for name in counts] + [len("parameters")])
    lines = [f"  {name:<{width}} {count:>12,}" for name, count in sorted(counts.items())]
    return "\n".join([*lines, f"  {'parameters':<{width}} {sum(counts.values()):>12,}"])


def matmul_flops(fn: Callable, *args) -> int:
    """Floating-point operations of a function's matrix products (two a multiply-add).

    Counted from its jaxpr: a scan counts as often as it is long, a while loop once. Convolutions
    count as the products they are; everything elementwise is left out.
    """
    return _count(jax.make_jaxpr(fn)(*args).jaxpr)


def _shape(variable: Any) -> tuple[int, ...]:
    return variable.aval.shape


def _count(jaxpr: core.Jaxpr) -> int:
    total = 0
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            depth = np.prod([_shape(equation.invars[0])[axis] for axis in contracted])
            total += int(2 * depth * np.prod(_shape(equation.outvars[0])))
        elif name == "conv_general_dilated":
            kernel = _shape(equation.invars[1])
            features = kernel[equation.params["dimension_numbers"].rhs_spec[0]]
            depth = np.prod(kernel) / features
            total += int(2 * depth * np.prod(_shape(equation.outvars[0])))
        else:
            times = equation.params["length"] if name == "scan" else 1
            total += times * sum(_count(inner) for inner in core.jaxprs_in_params(equation.params))
    return total
