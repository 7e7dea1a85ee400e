"""Measures how time and memory grow with the work, beside the exponent that they should have.

    python benchmarks/growth.py            prints a table and a record in JSON; growth.png
    python benchmarks/growth.py --record   keeps the record in docs/results/ too
    python benchmarks/growth.py --small    a trial, in seconds

source      32 queries read a source of more and more keys, by each kind of attention: projected
            keys given, as a decoder asks. Local attention reads a window: flat
slots       a step of training of the Neural Turing Machine, by the slots of its memory
points      of the Pointer Network, by the points of a set: each of n steps looks at n keys
episode     of SNAIL's blocks, by the steps of an episode: all pairs of them, in the end
pixels      of Show, Attend and Tell, by the pixels of an image
batch       of RNNsearch, by the sentences of a batch

An exponent is the slope of a straight line through the larger half of the points, both axes being
logarithms. Memory is what the compiled program asks for beside its arguments and results.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from flax import linen as nn
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator

from attention_jax import benchmark, results
from attention_jax.layers.attention import make_attention
from attention_jax.layers.causal_blocks import make_blocks
from attention_jax.models.ntm import NTM
from attention_jax.models.pointer_network import PointerNetwork
from attention_jax.models.rnnsearch import RNNsearch
from attention_jax.models.show_attend_tell import ShowAttendTell
from attention_jax.ops.attend import attend_fused
from attention_jax.training.compiling import compiler_options
from attention_jax.viz.save import save_figures
from attention_jax.viz.style import COLOURS, GRID, MARKERS, new_figure, plain_axes

Program = tuple[Callable[..., Any], tuple[Any, ...]]
"""What is compiled and timed, and its arguments."""


class Sweep(NamedTuple):
    """One line of a plot."""

    sizes: Sequence[int]
    build: Callable[[int], Program]
    exponent: float
    """That theory says of the time of large sizes."""


def config(small: bool) -> ml_collections.ConfigDict:
    """What is measured; the hash of it goes with the record."""
    return ml_collections.ConfigDict(
        {
            "seed": 0,
            "repeats": 2 if small else 15,
            "features": 8 if small else 128,
            "batch": 2 if small else 16,
            "queries": 4 if small else 32,
            "source": (16, 32, 64) if small else (128, 256, 512, 1024, 2048, 4096),
            "slots": (8, 16, 32) if small else (64, 128, 256, 512, 1024, 2048),
            "points": (4, 8, 16) if small else (10, 20, 40, 80, 160),
            "episode": (4, 8, 16) if small else (32, 64, 128, 256, 512),
            "sides": (8, 16) if small else (16, 32, 64, 128),
            "batches": (2, 4, 8) if small else (8, 16, 32, 64, 128),
        }
    )


def sweeps(config: ml_collections.ConfigDict) -> dict[str, Sweep]:
    """Name -> what is measured under it; "source/additive" is a line of the plot "source"."""
    found = {
        f"source/{name}": Sweep(
            config.source, lambda keys, ask=ask: ask(config, keys), 0 if "local" in name else 1
        )
        for name, ask in READERS.items()
    }
    trained = {
        "slots": (config.slots, ntm, 1),
        "points": (config.points, pointer, 2),
        "episode": (config.episode, snail, 2),
        "batch": (config.batches, rnnsearch, 1),
    }
    for name, (sizes, build, exponent) in trained.items():
        found[name] = Sweep(sizes, lambda size, build=build: build(config, size), exponent)
    pixels = [side**2 for side in config.sides]
    found["pixels"] = Sweep(pixels, lambda size: captions(config, round(size**0.5)), 1)
    return found


def _reader(kind: str, score: str) -> Callable[[ml_collections.ConfigDict, int], Program]:
    """Attention of a kind, asked as a decoder asks."""

    def build(config: ml_collections.ConfigDict, keys: int) -> Program:
        features = config.features
        layer = make_attention(
            kind,
            score,
            query_features=features,
            alignment=features,
            max_source=0,
            radius=10 if kind.startswith("local") else 0,
        )
        query, values = _asked(config, keys)
        variables = layer.init(jax.random.key(0), query, values, values)

        def ask(variables, query, values):
            attended: Any = layer.apply(variables, query, values, values)
            return attended.context

        return ask, (variables, query, values)

    return build


def _fused(config: ml_collections.ConfigDict, keys: int) -> Program:
    query, values = _asked(config, keys)
    return (
        lambda query, values: attend_fused(query, values, values),
        (query[:, :, None], values[:, :, None]),
    )


def _asked(config: ml_collections.ConfigDict, keys: int) -> tuple[jax.Array, jax.Array]:
    draw = jax.random.normal
    query = draw(jax.random.key(1), (config.batch, config.queries, config.features))
    return query, draw(jax.random.key(2), (config.batch, keys, config.features))


READERS = {
    "additive": _reader("global", "additive"),
    "dot": _reader("global", "dot"),
    "fused_dot": _fused,
    "hard_dot": _reader("hard", "dot"),
    "local": _reader("local_p", "dot"),
}


def ntm(config: ml_collections.ConfigDict, slots: int) -> Program:
    """20 steps."""
    inputs = jnp.ones((config.batch, 20, 9))
    return _training(NTM(outputs=8, slots=slots), inputs)


def pointer(config: ml_collections.ConfigDict, points: int) -> Program:
    """As many outputs as points."""
    mask = jnp.ones((config.batch, points), bool)
    drawn = jax.random.uniform(jax.random.key(1), (config.batch, points, 2))
    said = jnp.broadcast_to(jnp.arange(points), mask.shape)
    return _training(PointerNetwork(hidden=config.features), drawn, mask, said)


def snail(config: ml_collections.ConfigDict, length: int) -> Program:
    """An attention block above a TC block."""
    features = config.features
    blocks = make_blocks(features, (features, (features, features)), length, dtype=jnp.float32)
    return _training(blocks, jnp.ones((config.batch, length, features)))


def captions(config: ml_collections.ConfigDict, side: int) -> Program:
    """Ten words."""
    sizes = {"embedding": config.features, "hidden": config.features, "alignment": config.features}
    images = jnp.ones((config.batch, side, side, 1))
    return _training(
        ShowAttendTell(20, ((16,), (32,)), **sizes), images, jnp.ones((config.batch, 10), int)
    )


def rnnsearch(config: ml_collections.ConfigDict, batch: int) -> Program:
    """20 tokens a side."""
    sizes = dict.fromkeys(("embedding", "hidden", "alignment", "maxout"), config.features)
    tokens = jnp.full((batch, 20), 3)
    return _training(RNNsearch(1000, 1000, **sizes), tokens, tokens > 0, tokens)


def _training(model: nn.Module, *inputs: jax.Array) -> Program:
    """The slopes of the mean square of what a model says."""
    variables = jax.jit(model.init)(jax.random.key(0), *inputs)

    def loss(variables, *inputs):
        return jnp.square(model.apply(variables, *inputs)[0]).mean()

    return jax.grad(loss), (variables, *inputs)


def measure(sweep: Sweep, repeats: int) -> list[tuple[float, float]]:
    """Seconds, the fastest of some runs, and bytes, at every size."""
    found = []
    for size in sweep.sizes:
        program, arguments = sweep.build(size)
        jitted = jax.jit(program, compiler_options=compiler_options())
        compiled = jitted.lower(*arguments).compile()
        best = benchmark.fastest(repeats, program=partial(compiled, *arguments))
        memory: Any = compiled.memory_analysis()
        found.append((best["program"], float(memory.temp_size_in_bytes)))
    return found


def exponent(sizes: Sequence[int], costs: Sequence[float]) -> float:
    """Of cost = a size^exponent, through the larger half of the points (two at least)."""
    half = min(len(sizes) // 2, len(sizes) - 2)
    # What needs nothing at all grows not at all.
    logs = np.log(np.maximum(costs[half:], 1e-9))
    return float(np.polyfit(np.log(sizes[half:]), logs, 1)[0])


def picture(measured: dict[str, tuple[Sweep, list[tuple[float, float]]]]) -> Figure:
    """Time above memory, a column for each kind of work, both axes logarithms."""
    groups = sorted({name.partition("/")[0] for name in measured})
    figure = new_figure(3.2 * len(groups), 5.4, layout="constrained")
    axes = figure.subplots(2, len(groups), squeeze=False)
    for column, group in enumerate(groups):
        lines = [name for name in measured if name.partition("/")[0] == group]
        for row, (what, unit) in enumerate((("time", "ms"), ("memory", "MB"))):
            ax = axes[row, column]
            plain_axes(ax)
            for place, name in enumerate(lines):
                sweep, costs = measured[name]
                values = [cost[row] * (1e3, 1e-6)[row] for cost in costs]
                slope = exponent(sweep.sizes, values)
                label = f"{name.rpartition('/')[2].replace('_', ' ')}: {slope:.2f}"
                style = {"color": COLOURS[place], "marker": MARKERS[place]}
                ax.plot(sweep.sizes, values, label=label, markersize=4, **style)
            ax.set(xscale="log", yscale="log", xlabel=group, ylabel=f"{what}, {unit}")
            sizes = measured[lines[0]][0].sizes[::2]
            ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
            ax.xaxis.set_minor_locator(NullLocator())
            ax.yaxis.set_minor_formatter(NullFormatter())
            # Above the lines, however many there are.
            ax.set_ylim(top=ax.get_ylim()[1] * (100 if len(lines) > 1 else 2))
            ax.legend(fontsize=7, title="exponent", title_fontsize=7, edgecolor=GRID, ncols=2)
    return figure


def table(measured: dict[str, tuple[Sweep, list[tuple[float, float]]]]) -> str:
    """In Markdown."""
    lines = ["| work | sizes | time's exponent | in theory | memory's |", "|---|---|---|---|---|"]
    for name, (sweep, costs) in measured.items():
        seconds, size = (exponent(sweep.sizes, kind) for kind in zip(*costs, strict=True))
        sizes = f"{sweep.sizes[0]:,} to {sweep.sizes[-1]:,}"
        lines.append(f"| {name} | {sizes} | {seconds:.2f} | {sweep.exponent} | {size:.2f} |")
    return "\n".join(lines)


def measure_all(chosen: ml_collections.ConfigDict) -> dict[str, results.Metric]:
    """Exponents, and the milliseconds of the largest size; prints and draws them too."""
    measured = {}
    for name, sweep in sweeps(chosen).items():
        measured[name] = sweep, measure(sweep, chosen.repeats)
        print(name, flush=True)
    print(table(measured))
    save_figures({"exponents": picture(measured)}, Path("speed"), "growth")
    metrics: dict[str, results.Metric] = {}
    for name, (sweep, costs) in measured.items():
        seconds, sizes = zip(*costs, strict=True)
        metrics[f"{name}_time"] = exponent(sweep.sizes, seconds)
        metrics[f"{name}_memory"] = exponent(sweep.sizes, sizes)
        metrics[f"{name}_ms"] = 1e3 * seconds[-1]
    return metrics


def timed(metric: str) -> bool:
    """Whether another machine would give another number."""
    return not metric.endswith("_memory")


if __name__ == "__main__":
    benchmark.main(__doc__, "growth", "growth.py", config, measure_all, timed)
