"""Signatures as the source has them, with links to what they name.

Python would show `Float[Array, "*batch keys"]` as `jaxtyping.Float[jaxlib._jax.Array, ...]`, a
default initialiser by its address, and a Linen module with the `parent` and `name` that Flax adds.
"""

import ast
import inspect
import re
import sys
import textwrap
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

import attention_jax.typing as aliases

_PACKAGE = "attention_jax"
# Values, not classes: they do not know their own names.
_ALIASES = ("Batch", "Metrics", "Params", "Rng")


class _Linked(ast.NodeTransformer):
    """Names of ours by their whole path; `~` tells Sphinx to show the last part only."""

    def __init__(self, names: dict[str, Any]):
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        target = self._names.get(node.id)
        if node.id in _ALIASES and target is getattr(aliases, node.id):
            return _path(f"{aliases.__name__}.{node.id}")
        module = getattr(target, "__module__", None) or ""
        if inspect.isclass(target) and module.startswith(_PACKAGE) and node.id[0] != "_":
            return _path(f"{module}.{target.__qualname__}")
        return node


def _path(name: str) -> ast.AST:
    return ast.parse(f"~{name}", mode="eval").body


def _source(thing: Any) -> ast.AST:
    return ast.parse(textwrap.dedent(inspect.getsource(thing))).body[0]


def _of_function(function: Any) -> tuple[str, str | None]:
    function = inspect.unwrap(function)
    tree, linked = _source(function), _Linked(function.__globals__)
    if tree.args.args and tree.args.args[0].arg in ("self", "cls"):
        del tree.args.args[0]
    for argument in ast.walk(tree.args):
        if isinstance(argument, ast.arg) and argument.annotation:
            argument.annotation = linked.visit(argument.annotation)
    if isinstance(tree.returns, ast.Constant) and isinstance(tree.returns.value, str):
        tree.returns = ast.parse(tree.returns.value, mode="eval").body
    returns = ast.unparse(linked.visit(tree.returns)) if tree.returns else None
    return f"({ast.unparse(tree.args)})", returns


def _of_class(cls: type) -> str:
    """The fields, inherited ones of ours first; or the arguments of a written `__init__`."""
    own = [c for c in reversed(cls.__mro__) if c.__module__.startswith(_PACKAGE)]
    for c in reversed(own):
        if _is_written(c.__dict__.get("__init__"), c):
            return _of_function(c.__init__)[0]
    fields = []
    if not getattr(cls, "_is_protocol", False):
        for c in own:
            linked = _Linked(vars(sys.modules[c.__module__]))
            for line in _source(c).body:
                if isinstance(line, ast.AnnAssign) and not line.target.id.startswith("_"):
                    line.annotation = linked.visit(line.annotation)
                    fields.append(ast.unparse(line))
    # How a field is made says nothing here; that it has a default does.
    shown = [re.sub(r" = dataclasses\.field\(.*", " = ...", field) for field in fields]
    return f"({', '.join(shown)})"


def _is_written(function: Any, cls: type) -> bool:
    """In the class's file: not made by `dataclass`, `NamedTuple` or `Protocol`."""
    code = getattr(inspect.unwrap(function), "__code__", None) if function else None
    return code is not None and code.co_filename == inspect.getsourcefile(cls)


def _signature(app, what, name, thing, options, signature, returns):
    if what == "class" and thing.__module__.startswith(_PACKAGE):
        return _of_class(thing), None
    if what in ("function", "method") and inspect.isfunction(inspect.unwrap(thing)):
        return _of_function(thing)
    return None


def _short_arrays(app: Sphinx, doctree: nodes.document) -> None:
    """Attributes have no such event: their annotations are shortened where they stand."""
    for annotation in doctree.findall(addnodes.desc_annotation):
        for text in list(annotation.findall(nodes.Text)):
            short = text.astext().replace("jaxlib._jax.", "").replace("jaxtyping.", "")
            if short != text.astext():
                text.parent.replace(text, nodes.Text(short))


def setup(app: Sphinx) -> dict:
    """Connects the two events."""
    app.connect("autodoc-process-signature", _signature)
    app.connect("doctree-read", _short_arrays)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
