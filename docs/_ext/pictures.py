"""The attention family in pictures, drawn by the library while the site is built.

Every number comes from `attention_jax.ops` and `attention_jax.layers`; nothing is painted in.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import flows
import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sphinx.application import Sphinx

from attention_jax.layers.scorers import SCORERS
from attention_jax.ops import addressing, local, masks, scores
from attention_jax.ops.attend import attend
from attention_jax.viz.style import COLOURS, FAINT, GRID, INK, new_figure, plain_axes

FOLDER = "_build/pictures"
_SMALL = 7.5

# One query and six keys in the plane, the same for every score.
QUERY = jnp.array([1.0, 0.6])
KEYS = jnp.array([[1.6, 1.1], [0.5, 1.7], [-1.4, 1.0], [-0.7, -0.5], [0.3, -1.5], [1.7, -0.6]])
_ARGUMENTS: dict[str, dict] = {
    "additive": {"features": 16},
    "general": {"features": 2},
    "location": {"max_source": len(KEYS)},
}
_RANDOM_START = {"additive": 3, "general": 1, "location": 5}


def draw(folder: Path) -> None:
    """Writes every picture to folder/NAME.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Callable[[], Figure]] = {
        f"score_{name}": lambda name=name: score(name) for name in SCORERS
    }
    figures |= {"soft": soft, "self": self_attention, "hard": hard}
    figures |= {"local_m": local_m, "local_p": local_p, "addressing": tape} | dict(flows.FIGURES)
    with matplotlib.rc_context({"svg.hashsalt": "attention-jax"}):
        for name, make in figures.items():
            make().savefig(folder / f"{name}.svg", metadata={"Date": None})


def score(name: str) -> Figure:
    """Left, the score of a key anywhere in the plane; right, the weights of six keys."""
    scorer = SCORERS[name](**_ARGUMENTS.get(name, {}))

    def ask(scorer, query, keys):
        return scorer(query, scorer.project_keys(keys))

    start = jax.random.key(_RANDOM_START.get(name, 0))
    params = scorer.init(start, QUERY[None], KEYS, method=ask)

    def of(keys):
        return scorer.apply(params, QUERY[None], keys, method=ask)

    side = jnp.linspace(-2.2, 2.2, 121)
    across, up = jnp.meshgrid(side, side)
    # Location knows a key's number only: it has no score for a place.
    places = jnp.stack([across, up], -1).reshape(-1, 2)
    plane = None if name == "location" else np.asarray(of(places).reshape(across.shape))
    _, weights = attend(of(KEYS), KEYS)
    figure = new_figure(6.6, 2.75, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.1, 1))
    _plane(figure, left, np.asarray(side), plane)
    _bars(right, np.asarray(weights[0]))
    return figure


def _plane(figure: Figure, axes: Axes, side: np.ndarray, plane: np.ndarray | None) -> None:
    if plane is not None:
        most = float(np.abs(plane).max())
        shown = axes.contourf(side, side, plane, levels=np.linspace(-most, most, 22), cmap="RdBu_r")
        bar = figure.colorbar(shown, ax=axes, ticks=[-most, 0, most], shrink=0.9, aspect=24)
        bar.ax.set_yticklabels([f"{value:.2g}" for value in (-most, 0, most)])
        bar.ax.tick_params(length=0, labelsize=_SMALL, colors=FAINT)
        bar.outline.set_edgecolor(GRID)
    axes.annotate("", QUERY, (0, 0), arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1.6})
    axes.text(*(np.asarray(QUERY) / 2 + (-0.12, 0.2)), "s", color=INK, fontsize=10)
    axes.plot(*KEYS.T, "o", color="white", markeredgecolor=INK, markersize=11)
    for number, key in enumerate(np.asarray(KEYS), 1):
        axes.text(*key, str(number), ha="center", va="center_baseline", fontsize=_SMALL, color=INK)
    axes.set_xlim(side[0], side[-1])
    axes.set_ylim(side[0], side[-1])
    axes.set_aspect("equal")
    _bare(axes)
    title = "score of a key h at each place" if plane is not None else "where a key lies: no matter"
    axes.set_title(title, fontsize=9, color=INK)


def _bars(axes: Axes, weights: np.ndarray) -> None:
    plain_axes(axes)
    axes.bar(range(1, len(weights) + 1), weights, color=COLOURS[0], width=0.62)
    axes.set_ylim(0, 0.6)
    axes.set_xticks(range(1, len(weights) + 1))
    axes.set_xlabel("key", fontsize=8, color=INK)
    axes.set_title("weights of the six keys", fontsize=9, color=INK)


def _positions(count: int, shift: float = 0.0) -> jax.Array:
    """Vectors whose dot product is large where their positions are near (Vaswani 2017, §3.5)."""
    angles = (jnp.arange(count)[:, None] + shift) / jnp.array([1.0, 2.0, 4.0, 8.0])
    return 2.1 * jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], -1)


def soft() -> Figure:
    """A batch of two sources, the second one shorter."""
    query = jnp.stack([_positions(6, 0.6)] * 2)
    keys = jnp.stack([_positions(8)] * 2)
    mask = masks.padding(jnp.array([8, 5]), keys=8)
    _, weights = attend(scores.scaled_dot(query, keys), keys, mask)
    return _maps({"eight keys": weights[0], "five keys and padding": weights[1]})


def self_attention() -> Figure:
    """One sequence asks itself, with and without its future."""
    states = _positions(8)
    raw = scores.scaled_dot(states, states)
    _, everything = attend(raw, states)
    _, past = attend(raw, states, masks.causal(8, 8))
    return _maps({"all positions": everything, "causal: none later": past}, "position", "position")


def hard() -> Figure:
    """Soft weights, and one position drawn from each row of them."""
    query, keys = _positions(6, 0.6), _positions(8)
    raw = scores.scaled_dot(query, keys)
    _, weights = attend(raw, keys)
    drawn = jax.nn.one_hot(jax.random.categorical(jax.random.key(4), raw), 8)
    return _maps({"soft: weights": weights, "hard: one key drawn from them": drawn})


def local_m(radius: int = 2) -> Figure:
    """The window walks along the diagonal."""
    query, keys, lengths = _positions(10, 0.6), _positions(14), jnp.int32(14)
    center = local.monotonic_center(jnp.arange(10), lengths)
    return _maps({"local-m, D = 2": _window(query, keys, center, radius, None)}, center=center)


def local_p(radius: int = 2) -> Figure:
    """The window goes where the query says; beside it the same without the Gaussian."""
    query, keys, lengths = _positions(10, 0.6), _positions(14), jnp.int32(14)
    weight = jax.random.normal(jax.random.key(2), (8, 6)) * 0.22
    v = jax.random.normal(jax.random.key(3), (6,))
    center = local.predictive_center(query, weight, v, lengths)
    plain = _window(query, keys, center, radius, None)
    gaussian = _window(query, keys, center, radius, local.gaussian)
    return _maps({"window alone": plain, "times the Gaussian": gaussian}, center=center)


def _window(query, keys, center, radius: int, closeness) -> jax.Array:
    lengths = jnp.int32(keys.shape[0])
    positions = local.window_positions(center, radius)
    mask = local.window_mask(positions, center, radius, lengths)
    near = local.gather_window(keys, positions)
    raw = scores.scaled_dot(query[:, None], near)[:, 0]
    factor = closeness(positions, center, radius) if closeness else None
    _, weights = local.attend_window(raw, near, mask, factor)
    return local.spread(weights, positions, keys.shape[0])


def tape() -> Figure:
    """A head of the Neural Turing Machine: its weights before, and after each stage."""
    memory = jax.random.normal(jax.random.key(6), (10, 12)).T  # a slot is a column
    previous = jax.nn.softmax(-jnp.square(jnp.arange(10) - 7.0))
    stages = addressing.address(
        memory,
        previous[None],
        key=memory[:, 2][None] + 0.2,
        strength=jnp.array([7.0]),
        gate=jnp.array([0.85]),
        shifts=jnp.array([[0.05, 0.2, 0.75]]),
        sharpening=jnp.array([4.0]),
    )
    figure = new_figure(7.2, 1.7, layout="constrained")
    panels = figure.subplots(1, 5, sharey=True)
    titles = ("before", "content", "gated", "shifted", "sharpened")
    for axes, title, weights in zip(panels, titles, (previous, *stages), strict=True):
        plain_axes(axes)
        axes.bar(range(10), np.ravel(weights), color=COLOURS[0], width=0.7)
        axes.set_ylim(0, 1)
        axes.set_xticks([0, 3, 9])
        axes.set_title(title, fontsize=9, color=INK)
        axes.set_xlabel("slot", fontsize=8, color=INK)
    return figure


def _maps(
    weights: Mapping[str, jax.Array],
    across: str = "key",
    down: str = "query",
    center: jax.Array | None = None,
) -> Figure:
    """Matrices side by side: keys across, queries down, white to dark blue; centres as dots."""
    rows, columns = next(iter(weights.values())).shape
    cell = 0.27
    size = len(weights) * (columns * cell + 0.55) + 0.2, rows * cell + 0.75
    figure = new_figure(*size, layout="constrained")
    panels = figure.subplots(1, len(weights), squeeze=False)[0]
    for axes, (title, matrix) in zip(panels, weights.items(), strict=True):
        grid = {"cmap": "Blues", "vmin": 0, "vmax": 1, "edgecolors": GRID, "linewidth": 0.5}
        axes.pcolormesh(np.asarray(matrix), **grid)
        if center is not None:
            dot = {"color": COLOURS[1], "markeredgecolor": "white", "markersize": 5}
            axes.plot(np.asarray(center) + 0.5, np.arange(rows) + 0.5, "o", **dot)
        axes.set_xlim(0, columns)
        axes.set_ylim(rows, 0)
        axes.set_aspect("equal")
        _bare(axes)
        axes.set_title(title, fontsize=9, color=INK)
        axes.set_xlabel(across, fontsize=8, color=FAINT)
        axes.set_ylabel(down, fontsize=8, color=FAINT)
    return figure


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(GRID)


def setup(app: Sphinx) -> dict:
    """Before any page is read."""
    app.connect("builder-inited", lambda app: draw(Path(app.srcdir) / FOLDER))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
