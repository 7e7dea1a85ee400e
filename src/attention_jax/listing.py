"""The experiments there are: what each shows, the paper's number and ours."""

import ast
import re
from pathlib import Path

from rich.console import Console
from rich.table import Table

from attention_jax import experiment, results
from attention_jax.errors import UserError


def show() -> None:
    """A table on standard output; our numbers where the results records are at hand."""
    table = Table("experiment", "what it shows", "published and ours", box=None, pad_edge=False)
    claims = _claims(experiment.experiments_root().parent)
    for name in experiment.names():
        docstring = ast.get_docstring(ast.parse(experiment.find(name).path.read_text("utf-8")))
        first = (docstring or "").partition("\n")[0]
        table.add_row(name, first, "\n".join(claims.get(name, [])))
    Console().print(table, highlight=False)


def _claims(root: Path) -> dict[str, list[str]]:
    """Experiment -> lines of its rows on the results page."""
    try:
        records, sections = results.read_records(root), results.read_expected(root)
    except UserError:  # An installed wheel carries no records.
        return {}
    claims: dict[str, list[str]] = {}
    for row in (row for section in sections for row in section.rows if row.readme):
        commands = {
            " ".join(records[name].commands)
            for name, _ in results.names_in(row.value)
            if name in records
        }
        for name in experiment.names():
            of_it = re.compile(rf"--config={name}[: ]")
            if commands and all(map(of_it.search, commands)):
                claims.setdefault(name, []).append(results.claim(row, records))
    return claims
