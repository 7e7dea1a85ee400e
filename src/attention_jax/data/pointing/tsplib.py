"""Cities of TSPLIB (Reinelt 1991), by path."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from attention_jax.data.parallel import read_lines
from attention_jax.errors import UserError

_SECTION = "_SECTION"
_COORDINATES, _TOUR = "NODE_COORD_SECTION", "TOUR_SECTION"


class Cities(NamedTuple):
    """One of its problems."""

    name: str
    points: np.ndarray
    """[cities, 2] in float64, in the file's units."""
    numbers: dict[int, int]
    """The file's number of a city -> its index."""


def is_tsplib(lines: Sequence[str]) -> bool:
    """Whether these lines are a file of TSPLIB."""
    return any(line.strip() == _COORDINATES for line in lines)


def parse(lines: Sequence[str], source: str) -> Cities:
    """The cities of a file's lines; `source` is what to call it in a sentence.

    Distances of TSPLIB are rounded to whole numbers; here a tour's length never is.

    Raises:
      UserError: for another type of problem than points of the plane, or lines that are none.
    """
    header, sections = _parts(lines)
    kind, weights = header.get("TYPE", "TSP"), header.get("EDGE_WEIGHT_TYPE", "")
    if kind.split()[:1] != ["TSP"]:
        raise UserError(f"{source} is a problem of TYPE {kind}: give one of TYPE TSP")
    if weights != "EUC_2D":
        raise UserError(
            f"{source} has EDGE_WEIGHT_TYPE {weights or 'unnamed'}: only EUC_2D, points of the "
            "plane, can be read"
        )
    numbers: dict[int, int] = {}
    points: list[tuple[float, float]] = []
    for line in sections.get(_COORDINATES, []):
        try:
            number, x, y = line.split()
            numbers[int(number)] = len(points)
            points.append((float(x), float(y)))
        except ValueError:
            raise UserError(
                f"{source} has a line {line!r} among its coordinates: give a city's number, x and y"
            ) from None
    if header.get("DIMENSION", str(len(points))) != str(len(points)):
        raise UserError(
            f"{source} has {len(points)} cities and its DIMENSION is {header['DIMENSION']}: give "
            "all of it"
        )
    if len(numbers) < len(points):
        raise UserError(f"{source} gives two of its cities the same number: number them apart")
    return Cities(header.get("NAME", source), np.array(points).reshape(-1, 2), numbers)


def read_tour(path: Path, cities: Cities) -> np.ndarray:
    """The tour of a file such as berlin52.opt.tour, as indices.

    Raises:
      UserError: for a file that is not there, or is no tour of these cities.
    """
    _, sections = _parts(read_lines(path))
    try:
        stops = [int(word) for line in sections.get(_TOUR, []) for word in line.split()]
        tour = [cities.numbers[stop] for stop in stops if stop != -1]
    except (ValueError, KeyError):
        tour = []
    if sorted(tour) != list(range(len(cities.points))):
        raise UserError(
            f"{path} is no tour through the {len(cities.points)} cities of {cities.name}: give "
            "each city's number once, under TOUR_SECTION"
        )
    return np.array(tour)


def _parts(lines: Sequence[str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The header, key -> value, and the sections, name -> lines."""
    header: dict[str, str] = {}
    sections: dict[str, list[str]] = {}
    current: list[str] | None = None
    for line in map(str.strip, lines):
        if line == "EOF":
            break
        if line.endswith(_SECTION):
            current = sections.setdefault(line, [])
        elif current is not None:
            current += [line] if line else []
        else:
            key, _, value = line.partition(":")
            header[key.strip()] = value.strip()
    return header, sections
