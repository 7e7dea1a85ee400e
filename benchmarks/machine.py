"""What a time depends on besides the program: processor, versions, allocator, BLAS."""

import contextlib
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from attention_jax.errors import UserError

SIDE = 2048
"""Of the matrices whose product's rate the rows are held against."""

_HUGE = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_STATUS = Path("/proc/self/status")
_MULTIPLY = "import torch; x = torch.ones(64, 64); x @ x; print(torch.__config__.show())"


def cores() -> int:
    """That this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def allocator() -> str:
    """What memory comes from: both sides inherit it."""
    parts = [" ".join(platform.libc_ver()) or "the system's"]
    if tunables := os.environ.get("GLIBC_TUNABLES"):
        parts.append(tunables)
    if preloaded := os.environ.get("LD_PRELOAD"):
        parts += [Path(name).name for name in preloaded.split(":")]
    if _HUGE.exists():
        chosen = re.search(r"\[(\w+)\]", _HUGE.read_text(encoding="utf-8"))
        parts.append(f"huge pages {chosen[1] if chosen else 'unknown'}")
    return ", ".join(parts)


def torch_blas() -> str:
    """The path that PyTorch's matrix products take here, in its BLAS's own words.

    MKL chooses by the processor's maker, not only by what it can do: on AMD it takes AVX2 where
    AVX-512 is at hand, unless `as_intel` is preloaded.
    """
    done = subprocess.run(
        [sys.executable, "-c", _MULTIPLY],
        env=os.environ | {"MKL_VERBOSE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return blas_path(done.stdout)


def blas_path(said: str) -> str:
    """That path, from what MKL says of itself with MKL_VERBOSE=1 and from `torch.__config__`."""
    mkl = re.search(r"^MKL_VERBOSE (.*?) for .*?architecture (.*?)(?:, Lnx|, Win|$)", said, re.M)
    if mkl:
        return f"{mkl[1]}, {mkl[2]}"
    built = re.search(r"BLAS_INFO=(\w+)", said)
    return f"{built[1] if built else 'unknown'}, which does not say its path"


def as_intel(folder: Path) -> Path:
    """A library for LD_PRELOAD that tells MKL that the processor is Intel's.

    Args:
      folder: to compile it in.

    Raises:
      UserError: there is no C compiler.
    """
    source, library = folder / "as_intel.c", folder / "as_intel.so"
    source.write_text("int mkl_serv_intel_cpu_true(void) { return 1; }\n", encoding="utf-8")
    try:
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    except FileNotFoundError:
        raise UserError(
            "--best-blas takes a C compiler, and there is no cc: install gcc or clang"
        ) from None
    return library


def peak_memory() -> float:
    """Bytes that this process held at most since `forget_peak`, or since it began."""
    found = re.search(r"VmHWM:\s*(\d+) kB", _status())
    return 1024 * float(found[1]) if found else 0.0


def forget_peak() -> None:
    """Lets `peak_memory` begin anew, where the kernel allows that."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")


def gemm_rate(multiply: Callable[[], object], clock: Callable[[], float]) -> float:
    """Operations a second of the fastest of ten products of two matrices [SIDE, SIDE].

    One product has 2 SIDE^3 of them: a multiplication and an addition for each of its terms.
    """
    multiply()
    took = []
    for _ in range(10):
        began = clock()
        multiply()
        took.append(clock() - began)
    return 2 * SIDE**3 / min(took)


def _status() -> str:
    return _STATUS.read_text(encoding="utf-8") if _STATUS.exists() else ""
