"""Points that a user wrote: JSON, comma-separated lines, or a file of TSPLIB; checked."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from attention_jax.data.pointing import tsplib
from attention_jax.data.pointing.problem import Problem
from attention_jax.errors import UserError


class Written(NamedTuple):
    """Sets as a model sees them: moved and scaled into the unit square, if they lay beyond."""

    points: list[np.ndarray]
    """float32 [points, coordinates] each."""
    frames: np.ndarray
    """In the user's units a side of that square and its lower left corner, float32
    [sets, 1 + coordinates]."""


def read(lines: Sequence[str], problem: Problem, limit: int) -> Written:
    """The sets of a user's lines.

    A line that begins with "[" is a set, as JSON. Other lines are one set together: a point each,
    its coordinates with commas or spaces between, under a line of names or none; or they are a file
    of TSPLIB.

    Args:
      lines: of the command line or of a file.
      problem: that is asked.
      limit: points of a set at most.

    Raises:
      UserError: for lines that are neither, or for points without an answer.
    """
    lines = [line for line in lines if line.strip()]
    if lines and lines[0].lstrip().startswith("["):
        named = [(f"input {n}", _of_json(line, n)) for n, line in enumerate(lines, start=1)]
    elif problem.name == "tours" and tsplib.is_tsplib(lines):
        cities = tsplib.parse(lines, "the file")
        named = [(cities.name, cities.points)]
    else:
        named = [("the input", _of_columns(lines))]
    return scaled([checked(value, name, problem, limit) for name, value in named])


def checked(value: Any, name: str, problem: Problem, limit: int) -> np.ndarray:
    """A set of points of which an answer can be told, float64 [points, coordinates].

    Raises:
      UserError: too few or too many points, others than the problem's, equal ones, all on one line.
    """
    try:
        points = np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        points = np.zeros((0, 0))
    if problem.coordinates == 1 and points.ndim == 1:
        points = points[:, None]
    if points.ndim != 2 or points.shape[1] != problem.coordinates:
        form = "[0.5, 0.1, 0.9]" if problem.coordinates == 1 else "[[0.5, 0.1], [0.2, 0.9]]"
        kind = "numbers" if problem.coordinates == 1 else f"points of {problem.coordinates} numbers"
        raise UserError(f"{name} is no list of {kind}: give them as in {form}")
    count = len(points)
    for place, point in enumerate(points, start=1):
        if not np.isfinite(point).all():
            raise UserError(f"point {place} of {name} is not finite: give finite coordinates")
    if count < problem.fewest:
        raise UserError(f"{name} has too few points, {count}: give {problem.fewest} or more")
    if count > limit:
        raise UserError(
            f"{name} has {count} points and the limit is {limit}: leave some out, or raise "
            "--config.decode.max_points"
        )
    _check_places(points, name, problem)
    return points


def scaled(sets: Sequence[np.ndarray]) -> Written:
    """Sets moved and scaled into the unit square; those that lie in it stay as they are.

    Both coordinates by the same factor: no hull, triangulation or shortest tour changes.
    """
    moved, frames = [], []
    for points in sets:
        side, corner = 1.0, np.zeros(points.shape[1])
        if points.min() < 0 or points.max() > 1:
            side, corner = float(np.ptp(points, axis=0).max()) or 1.0, points.min(0)
        moved.append(((points - corner) / side).astype(np.float32))
        frames.append([side, *corner])
    return Written(moved, np.array(frames, np.float32))


def _check_places(points: np.ndarray, name: str, problem: Problem) -> None:
    # As the model sees them: what differs beyond its precision does not differ.
    ((seen,), _) = scaled([points])
    if problem.distinct:
        _, first, which = np.unique(seen, axis=0, return_index=True, return_inverse=True)
        same = np.flatnonzero(first[which.reshape(-1)] != np.arange(len(points)))
        if len(same):
            other = first[which.reshape(-1)[same[0]]]
            raise UserError(
                f"points {other + 1} and {same[0] + 1} of {name} are the same: leave one out"
            )
    if problem.spread and _thin(seen):
        raise UserError(f"the points of {name} lie on one line: give one beside it")


def _thin(points: np.ndarray) -> bool:
    """Whether points of the plane lie on one line, as far as float32 can tell."""
    along, across = np.linalg.svd(points - points.mean(0, np.float64), compute_uv=False)
    return bool(across <= 1e-6 * along)


def _of_json(line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise UserError(
            f"input {number} is no JSON ({error.msg} at character {error.pos + 1}): give one set a "
            "line, as in [[0.5, 0.1], [0.2, 0.9], [0.7, 0.6]]"
        ) from None


def _of_columns(lines: Sequence[str]) -> list[list[float]]:
    """A point a line; the first may hold the names of the columns."""
    rows = [line.replace(",", " ").split() for line in lines]
    if rows and all(_number(cell) is None for cell in rows[0]):
        rows = rows[1:]
    points = [[_number(cell) for cell in row] for row in rows]
    for line, point in zip(lines[len(lines) - len(points) :], points, strict=True):
        if None in point or len(point) != len(points[0]):
            raise UserError(
                f"the line {line!r} is no point like the others: give its coordinates with commas "
                "between, or one set a line as JSON"
            )
    return [[float(cell or 0) for cell in point] for point in points]


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
