"""The site's settings: `make docs` builds it into docs/_build/html."""

import os
import sys
import tomllib
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_ext"))
os.environ.setdefault("JAX_PLATFORMS", "cpu")

_project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = _project["name"]
release = _project["version"]
author = "The attention-jax contributors"
copyright = author
language = "en-GB"

# The last four are ours, in docs/_ext.
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "equations",
    "pictures",
    "docstrings",
    "signatures",
]
exclude_patterns = ["_build"]
# A name of ours that leads nowhere is a mistake; others' documentation is not linked.
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!attention_jax\.).*")]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autodoc_default_options = {
    "members": True,
    "member-order": "bysource",
    "special-members": "__call__, __getitem__",
}
# A Linen module would otherwise repeat what Flax says of every `setup`.
autodoc_inherit_docstrings = False
autodoc_typehints = "signature"
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Attributes", "params_style")]
napoleon_use_rtype = False
add_module_names = False
toc_object_entries_show_parents = "hide"
python_maximum_signature_line_length = 88

html_math_renderer = "drawn"
html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "source_repository": _project["urls"]["Repository"],
    "source_branch": "main",
    "source_directory": "docs/",
    # No network for a page: the system's fonts, and no picture from elsewhere.
    "light_css_variables": {"color-brand-primary": "#0063a0", "color-brand-content": "#0063a0"},
    "dark_css_variables": {"color-brand-primary": "#6cc0f5", "color-brand-content": "#6cc0f5"},
}
highlight_language = "text"
pygments_style = "friendly"
pygments_dark_style = "github-dark"
copybutton_exclude = ".linenos, .gp, .go"
