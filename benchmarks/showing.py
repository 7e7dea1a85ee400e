"""What was measured, as a table, as metrics of a record and as a picture."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from attention_jax.results import Metric
from attention_jax.viz.style import COLOURS, INK, new_figure, plain_axes
from benchmarks.measuring import Measured

_HEAD = (
    *("row", "ours ms", "peer ms", "ratio", "of the GEMM rate", "peak MB", "first step s"),
    *("the peer is", "difference"),
)


def table(found: Mapping[str, Measured], rate: float) -> str:
    """In Markdown; `rate` is that of the faster side's large product."""
    lines = [_HEAD, ("---",) * len(_HEAD), *(_cells(name, found[name], rate) for name in found)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(name: str, row: Measured, rate: float) -> tuple[str, ...]:
    times, prepared = row.times, row.prepared
    shares = (f"{prepared.flops / rate / s:.1%}" for s in (times.ours, times.peer))
    return (
        name,
        f"{1e3 * times.ours:.1f}",
        f"{1e3 * times.peer:.1f}",
        f"{times.ratio:.2f} ({times.low:.2f} to {times.high:.2f})",
        " / ".join(shares),
        " / ".join(f"{size / 1e6:,.0f}" for size in row.memory) if row.memory else "-",
        "{:.1f} cold, {:.1f} cached".format(*row.first) if row.first else "-",
        _peer(row.way),
        f"{prepared.difference:.0e}",
    )


def _peer(way: Mapping[str, Any]) -> str:
    """Which way it goes, and how long the eager one takes where the compiled one is faster."""
    if way["way"] == "eager":
        return "eager"
    return f"{way['way']}; eager {1e3 * way['eager']:.1f} ms"


def metrics(found: Mapping[str, Measured], rates: tuple[float, float]) -> dict[str, Metric]:
    """By name, for a record; the ratio with the range of neighbouring turns."""
    numbers: dict[str, Metric] = {"gemm_gflops_ours": rates[0] / 1e9}
    numbers["gemm_gflops_peer"] = rates[1] / 1e9
    for name, row in found.items():
        times = row.times
        numbers |= {
            f"{name}_ms": 1e3 * times.ours,
            f"{name}_peer_ms": 1e3 * times.peer,
            f"{name}_ratio": {"mean": times.ratio, "low": times.low, "high": times.high},
            f"{name}_gflop": row.prepared.flops / 1e9,
            f"{name}_gemm_share": row.prepared.flops / max(rates) / times.ours,
            f"{name}_difference": row.prepared.difference,
        }
        if "eager" in row.way:
            numbers[f"{name}_peer_eager_ms"] = 1e3 * row.way["eager"]
        if row.first:
            numbers[f"{name}_cold_s"], numbers[f"{name}_cached_s"] = row.first
        if row.memory:
            numbers[f"{name}_mb"], numbers[f"{name}_peer_mb"] = (m / 1e6 for m in row.memory)
    return numbers


def picture(found: Mapping[str, Measured]) -> Figure:
    """Ratios as points with their ranges, on a scale of factors; right of 1 ours is ahead."""
    figure = new_figure(7, 1.0 + 0.34 * len(found), layout="constrained")
    axes = figure.add_subplot()
    plain_axes(axes)
    times = [row.times for row in found.values()]
    places = range(len(times))
    axes.hlines(places, [t.low for t in times], [t.high for t in times], color=COLOURS[0])
    axes.scatter([t.ratio for t in times], places, color=COLOURS[0], s=24, zorder=3)
    axes.axvline(1, color=INK, linewidth=0.8)
    axes.set_xscale("log", base=2)
    axes.set_yticks(places, list(found))
    axes.set_ylim(len(times) - 0.5, -0.5)
    axes.set_xlabel("PyTorch's time over ours")
    axes.xaxis.set_major_formatter("{x:g}")
    return figure
