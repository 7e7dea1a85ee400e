"""For every test: shapes checked at run time, cheap compiling and a cache of it, eight devices."""

import gc
import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

# Before jax is imported: the tests of devices need eight, the others use the first.
# Without a thread pool, in which the collectives of more devices than cores can lock one another
# out.
# Each once: a worker inherits them, and with other flags it would look for other programs.
os.environ["XLA_FLAGS"] = " ".join(
    dict.fromkeys(
        [
            *os.environ.get("XLA_FLAGS", "").split(),
            "--xla_force_host_platform_device_count=8",
            "--xla_cpu_multi_thread_eigen=false",
            # XLA's older way from a fusion to machine code, in a third of the time. Later ones do
            # not have it, and end the process at a flag that they do not know.
            *["--xla_cpu_use_fusion_emitters=false"] * version("jaxlib").startswith("0.10."),
        ]
    )
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(tempfile.gettempdir()) / "attention_jax_test_cache")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
# Tests compile far more than they compute. 0 gives the optimised programs that users run.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault("MPLBACKEND", "agg")

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# Where no bytecode may stand beside the code, each process that a test starts would compile every
# library anew: two thirds of its start.
if sys.dont_write_bytecode:
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.pycache_prefix = os.environ.setdefault(
        "PYTHONPYCACHEPREFIX", str(Path(tempfile.gettempdir()) / "attention_jax_test_bytecode")
    )

# Tracing makes hundreds of thousands of objects that live on: to look for garbage among them after
# every 700 new ones took an eighth of a test.
gc.set_threshold(50_000, 10, 10)

# A jaxtyping signature in these packages is a promise, checked on every call.
install_import_hook(
    [f"attention_jax.{name}" for name in ("ops", "layers", "models", "decoding")],
    "beartype.beartype",
)

# Deadlines measure the machine, not the code.
settings.register_profile("house", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("house")


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory) -> Path:
    """Prepared data, shared by the tests of one process."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def trained(data_dir, tmp_path_factory) -> Path:
    """The workdir of a finished RNNsearch smoke run; tests copy it before they change it."""
    from attention_jax.cli import main

    workdir = tmp_path_factory.mktemp("trained")
    arguments = ["--config=translation/rnnsearch:smoke", f"--workdir={workdir}"]
    assert main(["train", *arguments, f"--data_dir={data_dir}"]) == 0
    return workdir


@pytest.fixture
def says(capsys):
    """Runs a command that must fail, and returns its sentence."""
    from attention_jax.cli import main

    def run(*arguments: object) -> str:
        capsys.readouterr()
        assert main([str(argument) for argument in arguments]) == 2
        output = capsys.readouterr()
        assert "Traceback" not in output.err
        assert output.out == ""
        sentence = output.err.splitlines()[-1]
        assert sentence.startswith("attention-jax: ")
        return sentence

    return run
