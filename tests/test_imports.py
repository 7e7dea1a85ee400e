"""Nothing imports upward, and importing the package costs nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import attention_jax

ROOT = Path(attention_jax.__file__).parent

# Layer -> the layers it may import. `tasks.protocol` is a floor of its own: training knows it and
# no task. So is `models.ensemble`, which knows no model: a task may put any together with it.
MAY_IMPORT = {
    "typing": set(),
    "errors": set(),
    "locks": set(),
    "ops": {"typing", "errors"},
    "layers": {"typing", "errors", "ops"},
    "models": {"typing", "errors", "ops", "layers"},
    "models.ensemble": {"typing", "errors"},
    "decoding": {"typing", "errors"},
    "data": {"typing", "errors"},
    "viz": {"typing", "errors"},
    "results": {"typing", "errors", "viz"},
    "tasks.protocol": {"typing", "errors"},
    "tasks": {
        *("typing", "errors", "ops", "decoding", "data", "viz"),
        *("tasks.protocol", "models.ensemble"),
    },
    "baselines": {"typing", "errors", "ops", "decoding", "data", "viz", "tasks"},
    "training": {"typing", "errors", "tasks.protocol"},
    "experiment": {"typing", "errors", "tasks.protocol", "training"},
    # What the experiments of a task share; like them it meets everything but a model.
    "translations": {"errors", "data", "tasks", "baselines", "training", "experiment"},
    "memories": {"errors", "data", "tasks", "baselines", "training", "experiment"},
    "pointings": {"errors", "data", "tasks", "baselines", "training", "experiment"},
    "few_shots": {"errors", "data", "tasks", "baselines", "training", "experiment"},
}
# Above the experiment stand the commands, which may use one another and anything but a model.
COMMANDS = {
    "workdir",
    "runs",
    "trained",
    "evaluations",
    "benchmark",
    "measuring",
    "listing",
    "processes",
    "loaded",
    "report",
    "rerun",
    "seeds",
    "sweep",
    "sweep_live",
    "sweep_report",
    "sweep_study",
    "sweep_trials",
    "sweep_workers",
    "sweeping",
    "cli",
    "using",
    "__init__",
}
_NOT_BY_COMMANDS = {"models", "models.ensemble", "tasks"}
MAY_IMPORT |= {name: (set(MAY_IMPORT) | COMMANDS) - _NOT_BY_COMMANDS for name in COMMANDS}

# Files of these folders stand side by side: what two share lives a floor below.
APART = ("models", "tasks")


def _layer(module: str) -> str:
    """The folder or file of a module; `tasks.protocol` and `models.ensemble` are their own."""
    parts = module.split(".")[1:]
    if ".".join(parts[:2]) in MAY_IMPORT:
        return ".".join(parts[:2])
    return parts[0] if parts else "__init__"


def _imports(path: Path) -> set[str]:
    """Modules of the package that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{name.name}" for name in node.names}
            found |= names if node.module == "attention_jax" else {node.module}
            if node.module in ("attention_jax.tasks", "attention_jax.models"):
                found |= names
    return {name for name in found if name.split(".")[0] == "attention_jax"}


def _module(path: Path) -> str:
    return ".".join(["attention_jax", *path.relative_to(ROOT).with_suffix("").parts])


FILES = sorted(p for p in ROOT.rglob("*.py") if "experiments" not in p.relative_to(ROOT).parts)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_imports_upward(path):
    layer = _layer(_module(path))
    for imported in _imports(path):
        if _layer(imported) not in {layer, "__init__"}:
            assert _layer(imported) in MAY_IMPORT[layer], f"{layer} must not import {imported}"


@pytest.mark.parametrize("folder", APART)
def test_files_side_by_side_do_not_import_one_another(folder):
    found = {_module(path) for path in (ROOT / folder).glob("*.py")}
    # A file named after another, `translation_maps`, is a part of it that became too long.
    parts = {name for name in found if any(name.startswith(f"{other}_") for other in found)}
    files = found - parts - {"attention_jax.tasks.protocol"}
    for path in (ROOT / folder).glob("*.py"):
        others = files - {_module(path)}
        assert not others & _imports(path)


def test_importing_the_command_line_imports_no_jax_and_prints_nothing():
    code = "import attention_jax.cli, sys; assert 'jax' not in sys.modules, 'jax'"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == done.stderr == ""
