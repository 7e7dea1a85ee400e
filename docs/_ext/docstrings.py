"""Docstrings as they are written in the source, turned into what Sphinx reads.

Ours hold code in `single backticks`, an *emphasis* now and then, shapes such as [*batch keys],
norms such as |s|, tables of indented lines and lists of `name: what it is`. reStructuredText would
read some of that as markup.
"""

import importlib
import re
from collections.abc import Iterator

from sphinx.application import Sphinx

_PACKAGE = "attention_jax"
_EMPHASIS = re.compile(r"(?<![\w*])\*([A-Za-z][\w ]*[A-Za-z])\*(?![\w*])")
_ENTRY = re.compile(r"([a-z0-9_.*]+(?:, [a-z0-9_.*]+)*): ")
_ERROR = re.compile(r"^( *)(UserError|NonFiniteLossError):", re.MULTILINE)
_FIELD_OF_A_TUPLE = re.compile(r"Alias for field number \d+")
_SECTION = re.compile(r"\s*(Args|Attributes|Returns|Raises|Yields):$")


def convert(lines: list[str]) -> list[str]:
    """A docstring's lines as reStructuredText with Google's sections."""
    found: list[str] = []
    in_section = False
    for paragraph in _paragraphs(lines):
        in_section = bool(_SECTION.match(paragraph[0])) or (
            in_section and paragraph[0].startswith(" ")
        )
        if _is_table(paragraph, in_section):
            found += ["::", "", *(f"    {line}" for line in paragraph)]
        elif in_section:
            found += _ERROR.sub(r"\1~attention_jax.errors.\2:", _inline(paragraph)).split("\n")
        else:
            found += _inline(_listed(paragraph)).split("\n")
        found.append("")
    return found


def _paragraphs(lines: list[str]) -> Iterator[list[str]]:
    paragraph: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            paragraph.append(line)
        elif paragraph:
            yield paragraph
            paragraph = []


def _is_table(paragraph: list[str], in_section: bool) -> bool:
    """Indented as a whole, or columns held apart by spaces."""
    indented = not in_section and all(line.startswith("  ") for line in paragraph)
    return indented or all(re.search(r"\S {3,}\S", line) for line in paragraph)


def _listed(paragraph: list[str]) -> list[str]:
    """Lines of `name: what it is`, as the configs' docstrings have them, become a list."""
    heads = [line for line in paragraph if not line.startswith(" ")]
    if len(heads) < 2 or not all(_ENTRY.match(line) for line in heads):
        return paragraph
    return [
        f"  {line}" if line.startswith(" ") else "* " + _ENTRY.sub(r"`\1`: ", line, count=1)
        for line in paragraph
    ]


def _inline(lines: list[str]) -> str:
    """Code, which may run over the end of a line, and the prose between."""
    parts = "\n".join(lines).split("`")
    return "".join(_code(part) if n % 2 else _prose(part) for n, part in enumerate(parts))


def _code(text: str) -> str:
    """A link where dots lead to something of ours, otherwise plain code."""
    if re.fullmatch(r"\w+(\.\w+)+", text) and _exists(text):
        return f":py:obj:`{text} <{_PACKAGE}.{text}>`"
    return f"``{text}``"


def _exists(path: str) -> bool:
    """Whether `ops.scores.dot` or the like is something of ours."""
    parts = f"{_PACKAGE}.{path}".split(".")
    if any(part.startswith("_") for part in parts):
        return False
    for cut in range(len(parts), 1, -1):
        try:
            thing = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for part in parts[cut:]:
            thing = getattr(thing, part, None)
        return thing is not None
    return False


def _prose(text: str) -> str:
    kept: list[str] = []

    def keep(match: re.Match) -> str:
        kept.append(match[0])
        return "\0"

    text = _EMPHASIS.sub(keep, re.sub(r"^\* ", "\1", text, flags=re.MULTILINE))
    text = re.sub(r"([*|])", r"\\\1", text)
    text = re.sub(r"(\w)_(?!\w)", r"\1\\_", text)
    return re.sub("\0", lambda _: kept.pop(0), text).replace("\1", "* ")


_attributes: dict[str, list[str]] = {}


def _before_napoleon(app, what, name, thing, options, lines: list[str]) -> None:
    lines[:] = convert(lines)
    if what in ("attribute", "data", "property"):
        _attributes[name] = list(lines)


def _after_napoleon(app, what, name, thing, options, lines: list[str]) -> None:
    """It takes "Bahdanau 2015, §B.1: all zero" for a type and what that means."""
    lines[:] = _attributes.pop(name, lines)


def _skip(app, what, name, thing, skip, options) -> bool | None:
    text = getattr(thing, "__doc__", None) or ""
    return True if _FIELD_OF_A_TUPLE.fullmatch(text.strip()) else None


def setup(app: Sphinx) -> dict:
    """napoleon, which reads the sections, stands at 500."""
    app.connect("autodoc-process-docstring", _before_napoleon, priority=100)
    app.connect("autodoc-process-docstring", _after_napoleon, priority=900)
    app.connect("autodoc-skip-member", _skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
