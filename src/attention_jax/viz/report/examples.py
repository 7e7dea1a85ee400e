"""Which predictions are worth reading, and how each is set: from short to long, best and worst."""

import dataclasses
import difflib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from attention_jax.viz.report.contents import Run
from attention_jax.viz.report.numbers import called, sign, written

_EACH = 8
# Told first, in this order, whatever order the task wrote them in; `score` is the model's own.
_GIVEN = ("source", "reference")
_LONGEST_VALUE = 2000


@dataclasses.dataclass(frozen=True)
class Answer:
    """What one run said.

    Attributes:
      run: its number.
      parts: the prediction, cut where it leaves the reference: (text, differs).
      exact: it equals the reference; None without one.
      numbers: (name, number). more: further texts of the record.
    """

    run: int
    parts: Sequence[tuple[str, bool]]
    exact: bool | None
    numbers: Sequence[tuple[str, str]]
    more: Sequence[tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class Example:
    """One example of a split; `given` is the same for all runs."""

    number: int
    given: Sequence[tuple[str, str]]
    answers: Sequence[Answer]


@dataclasses.dataclass(frozen=True)
class Group:
    """A few examples and what they have in common."""

    title: str
    examples: Sequence[Example]


@dataclasses.dataclass(frozen=True)
class Reading:
    """Examples of runs that answered the same questions."""

    runs: Sequence[int]
    split: str
    total: int
    groups: Sequence[Group]


def readings(runs: Sequence[Run]) -> list[Reading]:
    """The examples of all runs: together where they were given the same, else one after another."""
    together: dict[tuple[str, ...], list[int]] = {}
    for number, run in enumerate(runs):
        if run.records:
            asked = (run.shown, *(_text(_question(record)) for record in run.records))
            together.setdefault(asked, []).append(number)
    return [_reading(runs, numbers) for numbers in together.values()]


def _reading(runs: Sequence[Run], numbers: Sequence[int]) -> Reading:
    records = [runs[number].records for number in numbers]
    order = sorted(range(len(records[0])), key=lambda n: len(_text(_question(records[0][n]))))
    mapped = {one.example for number in numbers for one in runs[number].maps or ()}
    # Those with an attention map, so that one can go there.
    groups = {"short to long": [n for n in order if n in mapped] or _spread(order)}
    judge = _judge(records)
    if judge:
        value = [sum(of_run[n][judge] for of_run in records) for n in range(len(records[0]))]
        # Of several as good or as bad, the longer ones tell more.
        ranked = sorted(reversed(order), key=lambda n: -(sign(judge) or 1) * value[n])
        name = called(judge)
        high, low = ("best", "worst") if sign(judge) else (f"highest {name}", f"lowest {name}")
        if len(ranked) > _EACH:
            groups[f"{high} ({name})" if sign(judge) else high] = ranked[:_EACH]
            groups[f"{low} ({name})" if sign(judge) else low] = ranked[: -_EACH - 1 : -1]
        if len(records) > 1:
            spread = [_range([of_run[n][judge] for of_run in records]) for n in range(len(value))]
            apart = sorted((n for n in order if spread[n]), key=lambda n: -spread[n])[:_EACH]
            if apart:
                groups[f"furthest apart ({name})"] = apart
    return Reading(
        numbers,
        runs[numbers[0]].shown,
        len(records[0]),
        [
            Group(title, [_example(n, numbers, records) for n in chosen])
            for title, chosen in groups.items()
        ],
    )


def _spread(order: Sequence[int]) -> list[int]:
    last, count = len(order) - 1, min(_EACH, len(order))
    return [order[round(place * last / max(count - 1, 1))] for place in range(count)]


def _judge(records: Sequence[Sequence[Mapping[str, Any]]]) -> str | None:
    """The number that ranks examples: one that judges the prediction, else the model's score."""
    every = [record for of_run in records for record in of_run]
    names = [name for name in every[0] if all(_is_number(record.get(name)) for record in every)]
    return min(names, key=lambda name: (name == "score", sign(name) == 0), default=None)


def _example(
    n: int, numbers: Sequence[int], records: Sequence[Sequence[Mapping[str, Any]]]
) -> Example:
    ours = [of_run[n] for of_run in records]
    names = [name for name in ours[0] if name != "prediction" and not _is_number(ours[0][name])]
    shared = [
        name
        for name in sorted(names, key=lambda name: _GIVEN.index(name) if name in _GIVEN else 9)
        if name in _GIVEN and all(record.get(name) == ours[0][name] for record in ours)
    ]
    given = [(name, _text(ours[0][name])) for name in shared]
    return Example(n, given, [_answer(r, ours[i], shared) for i, r in enumerate(numbers)])


def _answer(run: int, record: Mapping[str, Any], shared: Sequence[str]) -> Answer:
    said, reference = _text(record.get("prediction", "")), record.get("reference")
    parts = [(said, False)] if reference is None else differing(said, _text(reference))
    numbers = [(called(k), written(v)) for k, v in record.items() if _is_number(v)]
    told = {"prediction", *shared}
    more = [
        (name.replace("_", " "), _text(value))
        for name, value in record.items()
        if name not in told and not _is_number(value)
    ]
    exact = None if reference is None else said.strip() == _text(reference).strip()
    return Answer(run, parts, exact, numbers, more)


def differing(text: str, reference: str) -> list[tuple[str, bool]]:
    """The text in parts, each with whether it differs from the reference; by words or, where a
    script has no spaces, by characters.
    """
    cut = r"\s+|\w+|[^\w\s]" if " " in reference.strip() else r"(?s)."
    ours, theirs = re.findall(cut, text), re.findall(cut, reference)
    parts: list[tuple[str, bool]] = []
    for kind, start, end, *_ in difflib.SequenceMatcher(
        None, ours, theirs, autojunk=False
    ).get_opcodes():
        if end > start:
            parts.append(("".join(ours[start:end]), kind != "equal"))
    return parts


def _question(record: Mapping[str, Any]) -> Any:
    """What a record was asked: its source, or what comes first."""
    return record.get("source", next(iter(record.values()), ""))


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + " …"


def _range(values: Sequence[float]) -> float:
    return max(values) - min(values)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
