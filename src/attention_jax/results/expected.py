"""What is expected of the records: the rows of the results page, their bars, published numbers."""

import ast
import dataclasses
import operator
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attention_jax.errors import UserError
from attention_jax.results.records import FOLDER, Metric, Record, mean


@dataclasses.dataclass(frozen=True)
class Row:
    """One claim."""

    what: str
    value: str
    bar: str = ""
    """">= 95" or "<= 0.2"; none: the number is only shown."""
    status: str = ""
    """Of the bar: "reached", "missed" (with the reason) or "waiting" (for what)."""
    reason: str = ""
    published: str = ""
    source: str = ""
    unit: str = ""
    readme: bool = False
    """Whether it stands in the README's table too."""


@dataclasses.dataclass(frozen=True)
class Curve:
    """A picture before the table: a metric by source length, drawn from records."""

    file: str
    """In docs/results, a PNG."""
    metric: str
    series: dict[str, list[str]]
    """System -> the records that are its parts: of several splits, say."""
    longest_trained: int | None = None


@dataclasses.dataclass(frozen=True)
class Table:
    """Many numbers of one kind side by side, such as a sweep measures."""

    what: str
    value: str
    """As a row's, with {row} and {column} in it: "sweep:bleu/{column}_{row}"."""
    rows: dict[str, str]
    """Label -> what stands for {row}; a cell whose metric does not exist stays empty."""
    columns: dict[str, str]
    reason: str = ""
    """What it waits for, while its records are not there."""

    def cell(self, row: str, column: str) -> str:
        """The value of a cell; both by their labels."""
        filled = self.value.replace("{row}", self.rows[row])
        return filled.replace("{column}", self.columns[column])

    def references(self) -> list[tuple[str, str]]:
        """The (record, metric) pairs of all cells."""
        cells = (self.cell(row, column) for row in self.rows for column in self.columns)
        return [name for cell in cells for name in names_in(cell)]


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the results page."""

    title: str
    rows: list[Row]
    text: str = ""
    """Markdown before the table: a word on what is compared."""
    curve: Curve | None = None
    tables: list[Table] = dataclasses.field(default_factory=list)
    figure: str = ""
    """In docs/results, a PNG: the tables as one picture, a panel each."""

    def references(self) -> list[tuple[str, str]]:
        """The (record, metric) pairs that its rows and tables name."""
        of_rows = [name for row in self.rows for name in names_in(row.value)]
        return of_rows + [name for table in self.tables for name in table.references()]


def read_expected(root: Path) -> list[Section]:
    """The sections of docs/results/expected.toml.

    Raises:
      UserError: it is missing, is no TOML, or has a key or a status that does not exist.
    """
    path = root / FOLDER / "expected.toml"
    try:
        with path.open("rb") as file:
            sections = tomllib.load(file).get("section", [])
        expected = [_section(**section) for section in sections]
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: run this in the repository") from None
    except (tomllib.TOMLDecodeError, TypeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    for section in expected:
        for row in section.rows:
            _validate(row)
        for table in section.tables:
            _validate_table(table)
    return expected


def _section(
    title: str,
    row: Sequence[dict[str, Any]] = (),
    text: str = "",
    curve: dict[str, Any] | None = None,
    table: Sequence[dict[str, Any]] = (),
    figure: str = "",
) -> Section:
    rows = [Row(**entries) for entries in row]
    tables = [Table(**entries) for entries in table]
    return Section(title, rows, text, None if curve is None else Curve(**curve), tables, figure)


def _validate(row: Row) -> None:
    if row.bar:
        holds(row.bar, 0.0)
    allowed = ("reached", "missed", "waiting") if row.bar else ("", "waiting")
    if row.status not in allowed:
        raise UserError(
            f"{row.what!r} in expected.toml has the status {row.status!r}: give one of {allowed}"
        )
    if row.status in ("missed", "waiting") and not row.reason:
        raise UserError(f"{row.what!r} in expected.toml is {row.status} without a reason: give one")
    if not names_in(row.value):
        raise UserError(f"{row.what!r} in expected.toml names no record:metric in its value")


def _validate_table(table: Table) -> None:
    sides = table.rows, table.columns
    named = all(isinstance(side, dict) and side for side in sides) and table.references()
    if not named:
        raise UserError(
            f"the table {table.what!r} in expected.toml needs rows, columns and record:metric in "
            "its value"
        )
    for place in ("{row}", "{column}"):
        if place not in table.value:
            raise UserError(
                f"the table {table.what!r} in expected.toml has no {place} in its value"
            )


class MissingError(Exception):
    """A value names a record or a metric that does not exist."""


_OPERATORS: dict[type, Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.USub: operator.neg,
}
_FUNCTIONS: dict[str, Callable[..., float]] = {"max": max, "min": min, "abs": abs}
_REFERENCE = re.compile(r"([A-Za-z_]\w*):([A-Za-z_][\w/]*)")


def evaluate(value: str, records: Mapping[str, Record]) -> float:
    """The number that a row's `value` stands for; means where there are intervals.

    Raises:
      MissingError: a record or a metric does not exist.
      UserError: it is not arithmetic (+ - * / max min abs) on numbers and `record:metric`.
    """
    numbers: dict[str, float] = {}

    def place(match: re.Match) -> str:
        name = f"_{len(numbers)}"
        numbers[name] = mean(_look_up(match[1], match[2], records))
        return name

    def compute(node: ast.AST) -> float:
        match node:
            case ast.Expression(body):
                return compute(body)
            case ast.Constant(float() | int() as number):
                return number
            case ast.Name(name) if name in numbers:
                return numbers[name]
            case ast.BinOp(left, op, right) if type(op) in _OPERATORS:
                return _OPERATORS[type(op)](compute(left), compute(right))
            case ast.UnaryOp(op, operand) if type(op) in _OPERATORS:
                return _OPERATORS[type(op)](compute(operand))
            case ast.Call(ast.Name(name), [_, *_] as args, []) if name in _FUNCTIONS:
                return _FUNCTIONS[name](*map(compute, args))
        raise SyntaxError

    try:
        # Over several lines it would not be one expression.
        return compute(ast.parse(_REFERENCE.sub(place, " ".join(value.split())), mode="eval"))
    except (SyntaxError, TypeError, ZeroDivisionError):
        raise UserError(
            f"{value!r} in expected.toml cannot be computed: write record:metric, numbers, "
            "+ - * / and max, min, abs"
        ) from None


def _look_up(record: str, metric: str, records: Mapping[str, Record]) -> Metric:
    if record not in records:
        raise MissingError(f"there is no record {record}")
    if metric not in records[record].metrics:
        raise MissingError(f"the record {record} has no metric {metric}")
    return records[record].metrics[metric]


def names_in(value: str) -> list[tuple[str, str]]:
    """The (record, metric) pairs that a row's `value` names."""
    return _REFERENCE.findall(value)


def single_metric(value: str, records: Mapping[str, Record]) -> Metric | None:
    """The metric, with its interval, where a row's `value` is one and nothing else."""
    match = _REFERENCE.fullmatch(value.strip())
    return _look_up(match[1], match[2], records) if match else None


def holds(bar: str, number: float) -> bool:
    """Whether the number reaches the bar.

    Raises:
      UserError: the bar is not ">= NUMBER" or "<= NUMBER".
    """
    match = re.fullmatch(r"([<>]=) *(-?\d+(?:\.\d+)?(?:e-?\d+)?)", bar)
    if match is None:
        raise UserError(f"the bar {bar!r} in expected.toml is neither '>= NUMBER' nor '<= NUMBER'")
    limit = float(match[2])
    return number >= limit if match[1] == ">=" else number <= limit
