"""What XLA is told when it compiles a run's programs."""

import functools

import jax

_BY_EIGEN = {
    "xla_cpu_experimental_ynn_fusion_type": (
        "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT,LIBRARY_FUSION_TYPE_REDUCE"
    )
}


@functools.cache
def compiler_options() -> dict[str, str]:
    """For `jax.jit`, on a CPU: convolutions by Eigen, on all cores.

    XLA's default there is YNNPACK, which makes them on one core, and takes ten times as long for
    the slopes of a kernel (jax 0.10 to 0.12). Nothing on other platforms, and where this XLA does
    not know the option.
    """
    if jax.default_backend() != "cpu":
        return {}
    try:
        jax.jit(lambda: 0, compiler_options=_BY_EIGEN).lower().compile()
    except (jax.errors.JaxRuntimeError, ValueError):
        return {}
    return _BY_EIGEN
