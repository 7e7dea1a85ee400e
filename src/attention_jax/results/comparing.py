"""Whether a number holds: a record against one that was made again by the same commands."""

import dataclasses
from collections.abc import Iterator, Mapping

from attention_jax.results.expected import MissingError, Section, evaluate, holds, names_in
from attention_jax.results.records import Metric, Record, mean

ROUNDING = 1e-6
"""What a number may differ by, as a part of itself or of 1, where nothing else differs."""

RELATIVE, ABSOLUTE = 0.05, 0.02
"""What it may differ by elsewhere, the larger of the two: a part of itself, and as it is."""


@dataclasses.dataclass(frozen=True)
class Line:
    """A metric, then and now.

    Attributes:
      allowed: by how much it may differ; None where the metric is only shown.
    """

    metric: str
    recorded: Metric
    now: Metric | None
    allowed: float | None

    @property
    def difference(self) -> float:
        """Of the means; NaN where the metric is gone."""
        return float("nan") if self.now is None else mean(self.now) - mean(self.recorded)

    @property
    def same(self) -> bool:
        """But for rounding."""
        return abs(self.difference) <= ROUNDING * max(1.0, abs(mean(self.recorded)))

    @property
    def holds(self) -> bool:
        if self.now is None:
            return False
        return self.allowed is None or abs(self.difference) <= self.allowed


def conditions(recorded: Record, now: Record) -> list[str]:
    """What differs between two records beside their numbers, a sentence each."""
    found = []
    if recorded.config_hash != now.config_hash:
        found.append(f"the config is another ({recorded.config_hash}, now {now.config_hash})")
    if recorded.seeds != now.seeds:
        found.append(f"the seeds are others ({recorded.seeds}, now {now.seeds})")
    for kind, old, new in (
        ("data", recorded.data, now.data),
        ("version", recorded.versions, now.versions),
    ):
        for name in sorted(old.keys() & new.keys()):
            if old[name] != new[name]:
                found.append(f"the {kind} of {name} is another ({old[name]}, now {new[name]})")
    if recorded.data.keys() != now.data.keys():
        found.append(
            f"the data is other data ({', '.join(recorded.data)}, now {', '.join(now.data)})"
        )
    if recorded.hardware != now.hardware:
        found.append(f"the hardware is another ({recorded.hardware}, now {now.hardware})")
    return found


def compare(recorded: Record, now: Record, exact: bool) -> list[Line]:
    """Each recorded metric beside the new one.

    Where the same numbers are to be expected (`exact`: the same code, config, seeds, data, versions
    and hardware, which computes without accelerators) a metric may differ by rounding alone.
    Elsewhere:

    - of several seeds, by sqrt(2) times half its interval: where a second mean of as many seeds
      falls 95 times in 100;
    - of one seed, by 5 % or 0.02, whichever is more: one run says nothing about how runs differ;
    - slices ("bleu/length_0_10") are of few examples, and are only shown.

    Times are only shown in either case. The bars of expected.toml speak for both (`broken_bars`).
    """
    return [
        Line(name, value, now.metrics.get(name), _allowed(name, value, recorded, exact))
        for name, value in recorded.metrics.items()
    ]


def _allowed(name: str, value: Metric, recorded: Record, exact: bool) -> float | None:
    if name in recorded.times:
        return None
    if exact:
        return ROUNDING * max(1.0, abs(mean(value)))
    if "/" in name:
        return None
    if isinstance(value, dict):
        return max((value["high"] - value["low"]) / 2**0.5, ROUNDING)
    return max(RELATIVE * abs(value), ABSOLUTE)


def broken_bars(
    now: Record, records: Mapping[str, Record], expected: list[Section]
) -> Iterator[str]:
    """The rows of expected.toml that name this record and are no longer as declared."""
    changed = {**records, now.name: now}
    for row in (row for section in expected for row in section.rows):
        if not row.bar or now.name not in {record for record, _ in names_in(row.value)}:
            continue
        try:
            number = evaluate(row.value, changed)
        except MissingError:
            continue
        state = "reached" if holds(row.bar, number) else "missed"
        if row.status in ("reached", "missed") and state != row.status:
            yield f"{row.what}: {number:.6g} against {row.bar} is {state}, declared {row.status}"
