"""Every notebook runs from top to bottom, and was committed with what it shows."""

import os
import re
import tomllib
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "colabs").glob("*.ipynb"))

# One folder in another, from the root: dates (7/23/13) and addresses (https://...) are no paths.
ABSOLUTE_PATH = re.compile(r"""(?:^|[\s"'(=])(?:/[\w.-]+/[\w.-]+|[A-Z]:\\)""", re.MULTILINE)

# What `make test` runs; the others run in `make test-all`.
IN_MAKE_TEST = ("start_here",)

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
each_in_its_turn = pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=[] if path.stem in IN_MAKE_TEST else pytest.mark.long)
        for path in NOTEBOOKS
    ],
    ids=lambda path: path.stem,
)


def read(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(cell):
    """What a cell said in words."""
    texts = [output.get("text", "") for output in cell.outputs]
    return "\n".join([*texts, *(o.get("data", {}).get("text/plain", "") for o in cell.outputs)])


def pictures(cells):
    return sum("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs)


@pytest.fixture
def environment(data_dir, tmp_path, monkeypatch):
    """The kernel's: the notebooks' fast setting, the tests' data and caches."""
    monkeypatch.delenv("MPLBACKEND", raising=False)
    monkeypatch.setenv("ATTENTION_JAX_FAST", "1")
    for folder in ("TMPDIR", "XDG_CACHE_HOME", "IPYTHONDIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(folder, str(tmp_path))
    (tmp_path / "attention_jax").mkdir()
    (tmp_path / "attention_jax" / "data").symlink_to(data_dir)
    return dict(os.environ)


@each_in_its_turn
def test_every_cell_runs(path, environment, tmp_path):
    notebook = read(path)
    committed = pictures(code_cells(notebook))
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute(env=environment)
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert cells[0].outputs == [], "the library is there, and something was installed"
    assert pictures(cells) == committed
    assert not [cell.source for cell in cells if "Warning" in printed(cell)]


@each_notebook
def test_a_reader_sees_every_result_before_running_anything(path):
    cells = code_cells(read(path))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert pictures(cells) >= 3
    assert not [o for cell in cells for o in cell.outputs if o.output_type == "error"]
    assert not [cell.source for cell in cells if "Warning" in printed(cell)]
    assert path.stat().st_size < 500_000


@each_notebook
def test_the_first_cell_alone_installs_and_from_the_address_in_pyproject(path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    first, *others = code_cells(read(path))
    assert f'REQUIREMENT = "git+{project["urls"]["Repository"]}"\n' in first.source
    assert first.source.count("%pip install") == 1
    assert not [cell.source for cell in others if "pip install" in cell.source]


@each_notebook
def test_no_machine_is_named(path):
    notebook = read(path)
    for cell in notebook.cells:
        assert not ABSOLUTE_PATH.search(cell.source), cell.source
    for cell in code_cells(notebook):
        assert not ABSOLUTE_PATH.search(printed(cell)), printed(cell)
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
