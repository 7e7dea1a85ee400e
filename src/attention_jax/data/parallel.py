"""Parallel text by path: one tab-separated file, or two files with the same number of lines."""

import contextlib
import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from attention_jax.data import words
from attention_jax.errors import UserError

SHOWN = 3  # Line numbers of each kind that a report spells out.
_GZIP = b"\x1f\x8b"


@dataclass
class LineReport:
    """What became of the lines of a parallel text; the lists hold line numbers, from 1."""

    name: str
    lines: int = 0
    kept: int = 0
    empty: list[int] = field(default_factory=list)
    """One side or both are empty."""
    malformed: list[int] = field(default_factory=list)
    """No tab where one was expected."""
    over_long: list[int] = field(default_factory=list)
    """A side has more words than allowed."""

    def __str__(self) -> str:
        kinds = {
            "empty": self.empty,
            "without a tab": self.malformed,
            "over-long": self.over_long,
        }
        dropped = [
            f"{len(found)} {kind} ({_places(found)})" for kind, found in kinds.items() if found
        ]
        return f"{self.name}: {self.kept} of {self.lines} lines kept" + "".join(
            f"; {text}" for text in dropped
        )


class ParallelText(NamedTuple):
    """Normalised sentence pairs in the order of the file."""

    sources: list[str]
    targets: list[str]
    report: LineReport


def read_lines(path: str | Path) -> list[str]:
    """The lines of a UTF-8 text, gzipped if its name ends in `.gz`.

    A line ends at a line feed only (and loses a carriage return before it): a text may well hold
    other characters that Unicode counts as line ends, and the two sides of a pair must not be cut
    at them. A byte order mark at the start is dropped.

    Raises:
      UserError: the file is missing, cannot be read, is cut short, or is not UTF-8.
    """
    path = Path(path)
    lines: list[str] = []
    with _reading(path), gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        for line in file:
            lines.append(_text(line, path, len(lines) + 1))
    if lines:
        lines[0] = lines[0].removeprefix("\ufeff")
    return lines


def read_bytes(path: str | Path) -> bytes:
    """All of a file, as it is. Raises UserError where it cannot be read."""
    path = Path(path)
    with _reading(path):
        return path.read_bytes()


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Makes a sentence of what goes wrong."""
    try:
        yield
    except FileNotFoundError:
        where = "" if path.is_absolute() else f" in {Path.cwd()}"
        raise UserError(f"the file {path} does not exist{where}: check its path") from None
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path} cannot be read: {reason}") from None


def _text(line: bytes, path: Path, number: int) -> str:
    """A line without its end."""
    if number == 1 and line.startswith(_GZIP):
        raise UserError(f"{path} is gzipped: give it a name that ends in .gz")
    try:
        # A zero byte is UTF-8, but no text: the file is a binary one, or UTF-16.
        if b"\0" in line:
            raise ValueError
        return line.decode().removesuffix("\n").removesuffix("\r")
    except ValueError:
        raise UserError(
            f"line {number} of {path} is not UTF-8 text: convert the file (iconv)"
        ) from None


def read_parallel(
    source: str | Path, target: str | Path | None = None, *, max_words: int | None = None
) -> ParallelText:
    """Reads sentence pairs, leaving out and reporting the lines that cannot be used.

    Text is normalised (`words.normalise`): NFC, and any run of white space, be it a tab inside a
    line of two files, is one space.

    Args:
      source: with `target`, the file of source sentences; alone, a tab-separated file of source
        and target (further columns are ignored).
      target: the file of target sentences, line for line those of `source`.
      max_words: leaves out pairs of which a side has more space-separated words; None keeps all.

    Raises:
      UserError: a file cannot be read, line counts differ, no line has a tab, or no pair is left.
    """
    pairs: list[tuple[str, ...]]
    if target is None:
        name = str(source)
        pairs = [tuple(line.split("\t")[:2]) for line in read_lines(source)]
        if any(side.strip() for pair in pairs for side in pair) and max(map(len, pairs)) < 2:
            raise UserError(
                f"no line of {source} has a tab: give source and target separated by a tab, "
                "or two files of one sentence a line"
            )
    else:
        name = f"{source} and {target}"
        sides = read_lines(source), read_lines(target)
        if len(sides[0]) != len(sides[1]):
            raise UserError(
                f"{source} has {len(sides[0])} lines but {target} has {len(sides[1])}: "
                "line n of one must be the translation of line n of the other"
            )
        pairs = list(zip(*sides, strict=True))
    text = _usable(pairs, LineReport(name), max_words)
    if not text.report.kept:
        raise UserError(f"there is no usable sentence pair in {text.report}")
    return text


def _usable(
    pairs: list[tuple[str, ...]], report: LineReport, max_words: int | None
) -> ParallelText:
    text = ParallelText([], [], report)
    for number, pair in enumerate(pairs, start=1):
        sides = [words.normalise(side) for side in pair]
        if len(sides) == 1 and sides[0]:
            report.malformed.append(number)
        elif not all(sides) or len(sides) == 1:
            report.empty.append(number)
        elif max_words is not None and over_long(sides, max_words):
            report.over_long.append(number)
        else:
            text.sources.append(sides[0])
            text.targets.append(sides[1])
    report.lines, report.kept = len(pairs), len(text.sources)
    return text


def over_long(sides: Sequence[str], max_words: int) -> bool:
    """Whether a side has more space-separated words."""
    return max(len(side.split()) for side in sides) > max_words


def _places(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:SHOWN])) + (", ..." if len(numbers) > SHOWN else "")
    return f"line{'s' if len(numbers) > 1 else ''} {shown}"
