"""The pages: docs/results.md and the README's table, rendered and checked."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from attention_jax.errors import UserError
from attention_jax.results.expected import (
    Curve,
    MissingError,
    Row,
    Section,
    Table,
    evaluate,
    holds,
    names_in,
    read_expected,
    single_metric,
)
from attention_jax.results.records import FOLDER, Record, mean, read_records, show
from attention_jax.viz.curves import by_length, length_curve
from attention_jax.viz.grid import grid_plot

BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
"""Where the README's table stands."""

_PAGE = Path("docs", "results.md")
_HEAD = """# Results

Rendered by `attention-jax results` from the records in `docs/results/` and the bars in
`docs/results/expected.toml`; do not edit. How each number was measured stands below the tables;
`attention-jax results --rerun NAME` measures one again. Of several seeds a number is the mean, with
its 95 % interval (Student's t over seeds) in brackets.
"""


def render(records: Mapping[str, Record], expected: Sequence[Section]) -> str:
    """The results page: a table a section, then how each record was made."""
    parts = [_HEAD]
    for section in expected:
        parts.append(f"## {section.title}\n")
        if section.text:
            parts.append(section.text.strip() + "\n")
        if section.curve and _drawable(section.curve, records):
            parts.append(f"![{section.title}](results/{section.curve.file})\n")
        if section.figure and any(_filled(table, records) for table in section.tables):
            parts.append(f"![{section.title}](results/{section.figure})\n")
        cells = [(*_cells(row, records), _sources(row, records)) for row in section.rows]
        if cells:
            parts.append(_table(("what", "ours", "bar", "published", "records"), cells))
        parts += [_grid(table, records) for table in section.tables]
    if records:
        parts.append("## How each number was measured\n")
        parts += [_measured(record) for _, record in sorted(records.items())]
    return "\n".join(parts)


def render_table(records: Mapping[str, Record], expected: Sequence[Section]) -> str:
    """The README's table: the rows marked `readme`."""
    rows = [row for section in expected for row in section.rows if row.readme]
    cells = [_cells(row, records) for row in rows]
    return _table(("what", "ours", "bar", "published"), cells)


def render_pages(root: Path) -> None:
    """Writes docs/results.md and the table between the README's marks.

    Raises:
      UserError: the README lacks the marks, or a record or expected.toml cannot be read.
    """
    for path, text in _pages(root).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    records = read_records(root)
    for section in read_expected(root):
        if section.curve and _drawable(section.curve, records):
            figure = _draw(section.curve, records)
            figure.savefig(root / FOLDER / section.curve.file)
        filled = {table.what: _filled(table, records) for table in section.tables}
        if section.figure and any(filled.values()):
            grid_plot(filled).savefig(root / FOLDER / section.figure)


def check(root: Path) -> list[str]:
    """What is not as it should be, a sentence each: nothing when the pages tell the truth.

    A page that differs from its records, a bar missed and not declared (or declared and not
    missed), a number without its record, a record that no row mentions.

    Raises:
      UserError: the README lacks the marks, or a record or expected.toml cannot be read.
    """
    records, expected = read_records(root), read_expected(root)
    rows = [row for section in expected for row in section.rows]
    problems = [problem for row in rows for problem in _problems(row, records)]
    tables = [table for section in expected for table in section.tables]
    problems += [problem for table in tables for problem in _gaps(table, records)]
    mentioned = {record for section in expected for record, _ in section.references()}
    problems += [
        f"docs/results/{name}.json is mentioned by no row of expected.toml"
        for name in records
        if name not in mentioned
    ]
    for path, text in _pages(root).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            name = path.relative_to(root)
            problems.append(f"{name} differs from the records: run `attention-jax results`")
    return problems


def _problems(row: Row, records: Mapping[str, Record]) -> Iterator[str]:
    """Where a row's status and its record disagree."""
    try:
        number = evaluate(row.value, records)
    except MissingError as error:
        if row.status != "waiting":
            yield f"{row.what}: {error}"
        return
    if row.status == "waiting":
        yield f"{row.what}: waiting, but its record is there: say whether the bar is reached"
    elif row.bar and holds(row.bar, number) != (row.status == "reached"):
        what = "reached" if holds(row.bar, number) else "missed"
        yield f"{row.what}: {number:.6g} against {row.bar} is {what}, declared {row.status!r}"


def _filled(table: Table, records: Mapping[str, Record]) -> dict[str, dict[str, float]]:
    """Column -> row -> number, of the cells that there are."""
    found: dict[str, dict[str, float]] = {}
    for column in table.columns:
        for row in table.rows:
            try:
                number = evaluate(table.cell(row, column), records)
            except MissingError:
                continue
            found.setdefault(column, {})[row] = number
    return found


def _gaps(table: Table, records: Mapping[str, Record]) -> Iterator[str]:
    """Where a table and its records disagree. Single cells may be empty: not all combinations
    exist.
    """
    filled = _filled(table, records)
    if not filled and not table.reason:
        yield f"the table {table.what!r}: there is no number for it"
    if not filled:
        return
    if table.reason:
        yield f"the table {table.what!r}: waiting, but its record is there: delete its reason"
    rows = {row for column in filled.values() for row in column}
    empty = [name for name in table.rows if name not in rows]
    empty += [name for name in table.columns if name not in filled]
    yield from (f"the table {table.what!r}: there is no number for {name!r}" for name in empty)


def _grid(table: Table, records: Mapping[str, Record]) -> str:
    """The table in Markdown, under its name."""
    filled = _filled(table, records)
    if not filled:
        return f"{table.what}: waiting ({table.reason}).\n"
    head = ["", *map(_plain, table.columns)]
    lines = []
    for row in table.rows:
        numbers = [filled.get(column, {}).get(row) for column in table.columns]
        shown = ["–" if number is None else show(number) for number in numbers]
        lines.append([_plain(row), *shown])
    names = dict.fromkeys(record for record, _ in table.references() if record in records)
    links = ", ".join(f"[{name}](#{name})" for name in names)
    return f"{table.what} ({links}):\n\n{_table(head, lines)}"


def _drawable(curve: Curve, records: Mapping[str, Record]) -> bool:
    return all(name in records for names in curve.series.values() for name in names)


def _draw(curve: Curve, records: Mapping[str, Record]) -> Figure:
    series = {}
    for system, names in curve.series.items():
        found: dict[tuple[int, float], float] = {}
        for name in names:
            metrics = {k: mean(v) for k, v in records[name].metrics.items()}
            for bucket, value in by_length(metrics, curve.metric).items():
                # Where parts overlap, the first speaks for trained lengths, the last for longer.
                if bucket not in found or bucket[0] >= (curve.longest_trained or math.inf):
                    found[bucket] = value
        series[system] = found
    label = curve.metric.upper() if curve.metric in ("bleu", "aer") else curve.metric
    return length_curve(series, metric=label, longest_trained=curve.longest_trained)


def _pages(root: Path) -> dict[Path, str]:
    records, expected = read_records(root), read_expected(root)
    readme = root / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.exists() else ""
    table = f"{BEGIN}\n{render_table(records, expected)}{END}"
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    text, found = pattern.subn(lambda _: table, text)
    if found != 1:
        raise UserError(f"{readme} needs the marks {BEGIN} and {END} once: they hold the table")
    return {root / _PAGE: render(records, expected), readme: text}


def _cells(row: Row, records: Mapping[str, Record]) -> tuple[str, ...]:
    return _plain(row.what), _number(row, records), _bar(row), _published(row)


def claim(row: Row, records: Mapping[str, Record]) -> str:
    """A row in a line: what, our number, the published one."""
    published = f" (published: {row.published})" if row.published else ""
    return f"{row.what}: {_number(row, records)}{published}"


def _number(row: Row, records: Mapping[str, Record]) -> str:
    try:
        number = evaluate(row.value, records)
    except MissingError:
        return "–"
    metric = single_metric(row.value, records)
    shown = show(number if metric is None else metric)
    return _plain(f"{shown} {row.unit}".strip())


def _bar(row: Row) -> str:
    """The bar and how it stands: "≥ 95, reached"."""
    bar = row.bar.replace(">=", "≥").replace("<=", "≤")
    state = f"{row.status} ({row.reason})" if row.reason else row.status
    return _plain(", ".join(part for part in (bar, state) if part) or "–")


def _published(row: Row) -> str:
    source = f" ({row.source})" if row.source else ""
    return _plain(row.published + source) or "–"


def _sources(row: Row, records: Mapping[str, Record]) -> str:
    """The row's records, as links to where they stand further down the page."""
    names = dict.fromkeys(record for record, _ in names_in(row.value))
    return ", ".join(f"[{name}](#{name})" if name in records else name for name in names)


def _measured(record: Record) -> str:
    """A record in words; every metric of it, so that none is left out for being unkind."""
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    data = ", ".join(f"{name} `{digest}`" for name, digest in record.data.items())
    facts = {
        "metrics": ", ".join(f"{k} {show(v)}" for k, v in record.metrics.items()),
        "seeds": ", ".join(map(str, record.seeds)),
        "data": data,
        "config": f"`{record.config_hash}`" if record.config_hash else "",
        "wall time": f"{record.seconds:.4g} s",
        "hardware": record.hardware,
        "versions": versions,
        "commit": f"{record.commit}, {record.date}",
        "notes": record.notes,
    }
    lines = [f"- {name}: {text}" for name, text in facts.items() if text]
    commands = "\n".join(record.commands)
    return "\n".join([f"### {record.name}\n", f"```\n{commands}\n```\n", *lines]) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _plain(text: str) -> str:
    """Text that cannot break out of its cell."""
    return " ".join(text.split()).replace("|", "\\|")
