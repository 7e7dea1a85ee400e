"""The documentation tells the truth: its code runs, its links hold, nothing is left out."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from attention_jax.layers.scorers import SCORERS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)
PACKAGES = ("ops", "layers", "models", "decoding")

_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"^(`{3,}).*?^\1$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,3} (.+)$", re.MULTILINE)
# Drawn while the site is built.
_DRAWN = "_build/pictures/"


def _name(page: Path) -> str:
    return str(page.relative_to(DOCS))


def _anchors(page: Path) -> set[str]:
    """As GitHub and MyST make them of headings."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


@pytest.mark.parametrize("page", [p for p in PAGES if _PYTHON.search(p.read_text())], ids=_name)
def test_the_code_of_a_page_runs_from_top_to_bottom(page, request, tmp_path, monkeypatch):
    blocks = _PYTHON.findall(page.read_text(encoding="utf-8"))
    if any("demo/rnnsearch" in block for block in blocks):
        shutil.copytree(request.getfixturevalue("trained"), tmp_path / "demo" / "rnnsearch")
        # Its data lie elsewhere than in the user's cache.
        monkeypatch.setattr(
            "attention_jax.experiment.default_data_dir",
            lambda: request.getfixturevalue("data_dir"),
        )
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": "__main__"}
    for number, block in enumerate(blocks, 1):
        exec(compile(block, f"{_name(page)}, block {number}", "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_no_link_between_pages_leads_nowhere(page):
    for link in _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link) or _DRAWN in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), link
        if anchor:
            assert anchor in _anchors(target), link


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_is_left_out_of_the_reference(package):
    folder = ROOT / "src" / "attention_jax" / package
    page = (DOCS / "api" / f"{package}.md").read_text(encoding="utf-8")
    for module in sorted(set(folder.glob("*.py")) - {folder / "__init__.py"}):
        assert f".. automodule:: attention_jax.{package}.{module.stem}\n" in page


def test_every_score_has_its_section():
    page = (DOCS / "attention.md").read_text(encoding="utf-8")
    for name in SCORERS:
        assert f"[`{name}`](#{name.replace('_', '-')})" in page
        assert f"{_DRAWN}score_{name}.svg" in page


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_site_is_built_without_a_warning(tmp_path):
    if importlib.util.find_spec("sphinx") is None:
        pytest.skip("sphinx is not installed: `make docs` installs it")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    done = subprocess.run(
        [*command, "-d", str(tmp_path / "doctrees"), str(DOCS), str(tmp_path / "html")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "html" / "attention.html").read_text(encoding="utf-8")
    assert 'role="img" aria-label="' in page  # equations without a script
    assert "http" not in re.sub(r'(href|xmlns\S*)="http[^"]*"', "", page)  # nothing to fetch
