"""How a system's parts hang together, as boxes and arrows."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from attention_jax.viz.style import COLOURS, FAINT, INK, new_figure

_BLUE, _ORANGE, _GREEN = COLOURS[:3]
_WIDE, _HIGH = 0.84, 0.56


def seq2seq() -> Figure:
    """The encoder's last state is the decoder's first; with Cho, an input of every step too."""
    axes = _empty(7.2, 2.85, (-0.7, 9.6), (-1.35, 2.35))
    for place, word in enumerate(("$x_3$", "$x_2$", "$x_1$")):
        _box(axes, place * 1.3, 0, "LSTM", _BLUE)
        _word(axes, place * 1.3, -1.05, word)
        _arrow(axes, (place * 1.3, -0.8), (place * 1.3, -0.3))
        _arrow(axes, (place * 1.3 + 0.44, 0), (place * 1.3 + 0.86, 0))
    _box(axes, 3.9, 0, "$v$", _ORANGE, wide=0.5)
    for place, (given, said) in enumerate((("BOS", "$y_1$"), ("$y_1$", "$y_2$"), ("$y_2$", "EOS"))):
        x = 5.3 + place * 1.45
        _box(axes, x, 0, "LSTM", _GREEN)
        _arrow(axes, (x - 1.1 if place == 0 else x - 1.0, 0), (x - 0.46, 0))
        _word(axes, x, -1.05, given)
        _arrow(axes, (x, -0.8), (x, -0.3))
        _word(axes, x, 1.05, said)
        _arrow(axes, (x, 0.3), (x, 0.8))
        _line(axes, [(x - 0.28, 1.6), (x - 0.28, 0.72)])
        _arrow(axes, (x - 0.28, 0.72), (x - 0.28, 0.3))
    _line(axes, [(3.9, 0.3), (3.9, 1.6), (x - 0.28, 1.6)])
    _note(axes, 1.3, 0.62, "encoder, the source reversed")
    _note(axes, 6.1, 1.95, "RNNencdec (dashed): $c = v$ is an input of every step")
    return axes.figure


def rnnsearch() -> Figure:
    """Before each update the state asks the annotations."""
    axes = _empty(7.2, 4.1, (-0.9, 9.4), (-1.6, 4.3))
    for place in range(4):
        x = place * 1.45
        name = f"x_{place + 1}"
        _word(axes, x, -1.35, f"${name}$")
        _arrow(axes, (x, -1.1), (x, -0.6))
        _box(axes, x, -0.3, rf"$\overrightarrow{{h}}_{place + 1}$", _BLUE)
        _box(axes, x, 0.5, rf"$\overleftarrow{{h}}_{place + 1}$", _BLUE)
        if place:
            _arrow(axes, (x - 1.0, -0.3), (x - 0.45, -0.3))
            _arrow(axes, (x - 0.45, 0.5), (x - 1.0, 0.5))
        _arrow(axes, (x, 0.82), (2.18 + (x - 2.18) * 0.2, 2.1), colour=_ORANGE)
        _label(axes, x + (2.18 - x) * 0.36, 1.4, rf"$\alpha_{{t{place + 1}}}$")
    _box(axes, 2.18, 2.4, "softmax of the score, weighted sum", _ORANGE, wide=3.7)
    _box(axes, 6.0, 3.5, "$s_{t-1}$", _GREEN)
    _box(axes, 8.5, 3.5, "$s_t$", _GREEN)
    _arrow(axes, (6.44, 3.5), (8.04, 3.5))
    _arrow(axes, (5.56, 3.5), (2.3, 2.72), curve=0.16)
    _note(axes, 3.3, 3.62, "asks")
    _arrow(axes, (4.06, 2.4), (8.2, 3.18), curve=0.14)
    _label(axes, 5.35, 2.24, "$c_t$")
    _label(axes, 5.35, 1.78, "$c_t$")
    _box(axes, 7.1, 0.95, "maxout, softmax", INK, wide=2.1)
    _arrow(axes, (4.06, 2.25), (6.6, 1.28))
    _arrow(axes, (6.05, 3.2), (6.95, 1.28))
    _word(axes, 8.8, 2.05, "$y_{t-1}$")
    _arrow(axes, (8.72, 2.3), (8.55, 3.2))
    _arrow(axes, (8.55, 1.95), (7.6, 1.28))
    _word(axes, 7.1, -0.2, "$y_t$")
    _arrow(axes, (7.1, 0.64), (7.1, 0.05))
    return axes.figure


def ntm() -> Figure:
    """One step: the heads read the memory as it was, then write it."""
    axes = _empty(7.2, 3.7, (-0.1, 9.9), (-1.15, 4.0))
    _box(axes, 1.3, 3.4, "$M_{t-1}$", _BLUE, wide=1.1)
    _box(axes, 8.0, 3.4, "$M_t$", _BLUE, wide=1.1)
    _arrow(axes, (1.9, 3.4), (7.42, 3.4))
    _box(axes, 2.9, 2.0, "read heads", _ORANGE, wide=1.7)
    _box(axes, 5.7, 2.0, "write heads", _ORANGE, wide=1.7)
    _arrow(axes, (1.5, 3.1), (2.5, 2.32), colour=_ORANGE)
    _arrow(axes, (5.7, 2.3), (5.7, 3.36), colour=_ORANGE)
    _label(axes, 5.7, 2.85, "erase, add")
    _box(axes, 4.3, 0.5, "controller", _GREEN, wide=1.8)
    _arrow(axes, (4.0, 0.82), (3.1, 1.68))
    _arrow(axes, (4.6, 0.82), (5.5, 1.68))
    _note(axes, 4.3, 1.3, "where to look")
    _word(axes, 4.3, -0.8, "$x_t$")
    _arrow(axes, (4.3, -0.55), (4.3, 0.18))
    _word(axes, 1.3, 0.5, "$r_{t-1}$")
    _arrow(axes, (1.75, 0.5), (3.36, 0.5))
    _box(axes, 7.6, 0.5, "linear", INK, wide=1.2)
    _arrow(axes, (5.24, 0.5), (6.96, 0.5))
    _label(axes, 6.0, 0.5, "$h_t$")
    _word(axes, 0.95, 2.0, "$r_t$")
    _arrow(axes, (2.02, 2.0), (1.3, 2.0))
    _note(axes, 0.95, 1.55, "for the next step")
    _word(axes, 9.3, 0.5, "$y_t$")
    _arrow(axes, (8.24, 0.5), (9.05, 0.5))
    return axes.figure


def luong() -> Figure:
    """After each update the top state asks; what it makes of the answer is told to the next."""
    axes = _empty(7.2, 4.0, (-0.9, 9.5), (-1.5, 4.3))
    for place in range(3):
        x = place * 1.45
        _word(axes, x, -1.2, f"$x_{place + 1}$")
        _arrow(axes, (x, -0.95), (x, -0.3))
        _box(axes, x, 0, "LSTM", _BLUE)
        _arrow(axes, (x, 0.3), (x, 0.62))
        _box(axes, x, 0.92, rf"$\bar{{h}}_{place + 1}$", _BLUE)
        if place:
            _arrow(axes, (x - 0.45, 0), (x - 1.0, 0))
            _arrow(axes, (x - 0.45, 0.92), (x - 1.0, 0.92))
        _arrow(axes, (x, 1.24), (1.45 + (x - 1.45) * 0.4, 2.26), colour=_ORANGE)
        _label(axes, x + (1.45 - x) * 0.28, 1.72, f"$a_t({place + 1})$")
    _box(axes, 1.45, 2.56, "score, softmax, sum", _ORANGE, wide=2.9)
    for x, name in ((5.4, "t-1"), (8.0, "t")):
        _word(axes, x, -1.2, "$y_{t-2}$" if name == "t-1" else "$y_{t-1}$")
        _arrow(axes, (x, -0.95), (x, -0.3))
        _box(axes, x, 0, "LSTM", _GREEN)
        _arrow(axes, (x, 0.3), (x, 0.62))
        _box(axes, x, 0.92, f"$h_{{{name}}}$", _GREEN)
        _arrow(axes, (x, 1.22), (x, 3.0))
        _box(axes, x, 3.3, rf"$\tilde{{h}}_{{{name}}}$", INK)
        _arrow(axes, (x, 3.6), (x, 3.95))
        _word(axes, x, 4.15, "$y_{t-1}$" if name == "t-1" else "$y_t$")
    for y in (0, 0.92):
        _arrow(axes, (5.84, y), (7.54, y))
    _arrow(axes, (7.56, 1.05), (2.94, 2.45))
    _note(axes, 4.5, 1.78, "asks")
    _arrow(axes, (2.94, 2.62), (7.54, 3.12))
    _label(axes, 4.3, 2.77, "$c_t$")
    _line(axes, [(5.84, 3.4), (6.75, 3.4), (6.75, -0.55), (7.7, -0.55)])
    _arrow(axes, (7.7, -0.55), (7.85, -0.3))
    _note(axes, 6.6, 3.62, "input feeding")
    return axes.figure


def transformer() -> Figure:
    """Blocks from the bottom up; every decoder block reads what comes out of the encoder."""
    axes = _empty(7.2, 4.7, (-2.5, 8.4), (-1.5, 5.3))
    sides = {
        0.0: ("$x_1 \\dots x_n$", _BLUE, ["self-attention", "feed-forward"]),
        5.6: (
            "BOS $y_1 \\dots y_{m-1}$",
            _GREEN,
            ["causal self-attention", "attention over the source", "feed-forward"],
        ),
    }
    for x, (given, colour, parts) in sides.items():
        _word(axes, x, -1.15, given)
        _arrow(axes, (x, -0.9), (x, -0.4))
        _box(axes, x, -0.1, "embedding + position", INK, wide=3.0)
        for place, part in enumerate(parts):
            y = place + 0.95
            _arrow(axes, (x, y - 0.72), (x, y - 0.3))
            _box(axes, x, y, part, _ORANGE if "attention" in part else colour, wide=3.0)
        frame = {"boxstyle": "round,pad=0,rounding_size=0.2", "fill": False, "edgecolor": FAINT}
        block = FancyBboxPatch((x - 1.75, 0.47), 3.5, len(parts) - 0.04, linewidth=0.8, **frame)
        axes.add_patch(block)
        _note(axes, x - 2.05, y, r"$N \times$")
    _line(axes, [(0, 2.25), (0, 2.95), (2.7, 2.95), (2.7, 1.95)])
    _arrow(axes, (2.7, 1.95), (4.06, 1.95))
    _note(axes, 1.2, 3.15, "keys and values, projected once")
    _note(axes, 1.0, 4.05, r"around each coloured box: LayerNorm$(x + f(x))$")
    _arrow(axes, (5.6, 3.25), (5.6, 3.75))
    _box(axes, 5.6, 4.05, "tied output, softmax", INK, wide=3.0)
    _arrow(axes, (5.6, 4.35), (5.6, 4.75))
    _word(axes, 5.6, 5.0, "$y_1 \\dots y_m$")
    return axes.figure


def pointer_network() -> Figure:
    """At each step the decoder's state is scored against every key: the softmax is the output."""
    axes = _empty(7.2, 4.1, (-0.8, 9.6), (-1.45, 4.45))
    for place in range(4):
        x = place * 1.25
        _word(axes, x, -1.15, f"$P_{place + 1}$")
        _arrow(axes, (x, -0.9), (x, -0.3))
        _box(axes, x, 0, f"$e_{place + 1}$", _BLUE)
        _arrow(axes, (x, 0.3), (1.1 + 0.52 * place, 1.24), colour=_ORANGE)
        if place:
            _arrow(axes, (x - 0.82, 0), (x - 0.44, 0))
    for place, (fed, said) in enumerate((("start", "$P_2$"), ("$P_2$", "$P_4$"), ("$P_4$", "end"))):
        x = 5.7 + place * 1.5
        _box(axes, x, 0, f"$d_{place + 1}$", _GREEN)
        _arrow(axes, (x - (1.5 if place == 0 else 1.06), 0), (x - 0.44, 0))
        _word(axes, x, -1.15, fed)
        _arrow(axes, (x, -0.9), (x, -0.3))
        if place != 1:
            _line(axes, [(x, 0.3), (x, 2.7)])
        _word(axes, x, 2.95, said)
    _box(axes, 1.9, 1.55, r"$v^\top \tanh(W_1 e_j + W_2 d_2)$, softmax", _ORANGE, wide=4.6)
    _arrow(axes, (7.0, 0.3), (4.25, 1.4))
    _note(axes, 6.5, 0.92, "asks")
    _line(axes, [(-0.4, 2.6), (4.2, 2.6)])
    for place, height in enumerate((0.1, 0.14, 0.08, 0.2, 1.0)):
        x = 0.06 + 0.92 * place
        corner, style = (x - 0.22, 2.6), "square,pad=0"
        axes.add_patch(
            FancyBboxPatch(corner, 0.44, height, boxstyle=style, color=_ORANGE, linewidth=0)
        )
        _word(axes, x, 2.25, f"$P_{place}$" if place else "end")
    _arrow(axes, (4.25, 3.5), (6.95, 3.08))
    _note(axes, 6.2, 3.95, "the largest weight is what is said, and what is fed next")
    return axes.figure


def snail() -> Figure:
    """What the query's step hears of the examples before it: by convolutions, then by attention."""
    axes = _empty(7.2, 4.6, (-1.0, 11.3), (-0.75, 7.3))
    steps = range(6)
    for step in steps:
        x, last = 1.45 * step, step == 5
        _word(axes, x, -0.4, "$x$, none" if last else f"$x_{step + 1}, y_{step + 1}$")
        _arrow(axes, (x, -0.1), (x, 0.42))
        _box(axes, x, 0.72, "CNN", _GREEN if last else _BLUE)
        _line(axes, [(x, 1.02), (x, 1.9)])
    heights = [1.9, 2.65, 3.4, 4.15]
    for low, dilation, hearing in zip(heights, (1, 2, 4), ((1, 3, 5), (1, 5), (5,)), strict=False):
        for step in hearing:
            for heard in (step, step - dilation):
                if heard >= 0:
                    ends = [1.45 * heard, 1.45 * step], [low, low + 0.75]
                    axes.plot(*ends, color=_BLUE, linewidth=1.3)
        _note(axes, 8.0, low + 0.38, f"dilation {dilation}")
    for step, weight in zip(steps, (0.05, 0.08, 0.72, 0.06, 0.05, 0.04), strict=True):
        ends = [1.45 * step, 7.25], [4.15, 5.35]
        axes.plot(*ends, color=_ORANGE, linewidth=0.6 + 4 * weight)
    _label(axes, 4.5, 4.62, "$a_{t3}$")
    for height in (*heights, 5.35):
        axes.plot([1.45 * step for step in steps], [height] * 6, "o", color=INK, markersize=4)
    _arrow(axes, (7.25, 5.45), (7.25, 6.0))
    _box(axes, 7.25, 6.3, "linear", INK, wide=1.2)
    _arrow(axes, (7.87, 6.3), (8.6, 6.3))
    _word(axes, 9.2, 6.3, "class of $x$")
    _word(axes, 9.9, 3.02, "TC block", _BLUE)
    _word(axes, 9.9, 4.75, "attention block", _ORANGE)
    _note(axes, 2.4, 6.3, "each block appends what it found to what it was given")
    return axes.figure


FIGURES = {
    "flow_snail": snail,
    "flow_seq2seq": seq2seq,
    "flow_rnnsearch": rnnsearch,
    "flow_luong": luong,
    "flow_transformer": transformer,
    "flow_ntm": ntm,
    "flow_pointer_network": pointer_network,
}


def _empty(width: float, height: float, across: tuple, up: tuple) -> Axes:
    figure = new_figure(width, height)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(*across)
    axes.set_ylim(*up)
    axes.set_axis_off()
    return axes


def _box(axes: Axes, x: float, y: float, text: str, colour: str, wide: float = _WIDE) -> None:
    corner, style = (x - wide / 2, y - _HIGH / 2), "round,pad=0,rounding_size=0.12"
    colours = {"facecolor": f"{colour}1c", "edgecolor": colour}
    axes.add_patch(FancyBboxPatch(corner, wide, _HIGH, boxstyle=style, linewidth=1.3, **colours))
    _word(axes, x, y, text)


def _word(axes: Axes, x: float, y: float, text: str, colour: str = INK) -> None:
    axes.text(x, y, text, ha="center", va="center", fontsize=10, color=colour)


def _label(axes: Axes, x: float, y: float, text: str) -> None:
    """On an arrow, which it interrupts."""
    ground = {"facecolor": "white", "edgecolor": "none", "pad": 1.2}
    axes.text(x, y, text, ha="center", va="center", fontsize=10, color=_ORANGE, bbox=ground)


def _note(axes: Axes, x: float, y: float, text: str) -> None:
    axes.text(x, y, text, ha="center", va="center", fontsize=8.5, color=FAINT)


def _line(axes: Axes, corners: list[tuple[float, float]]) -> None:
    axes.plot(*zip(*corners, strict=True), color=FAINT, linewidth=1.1, linestyle=(0, (4, 3)))


def _arrow(
    axes: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str = FAINT,
    curve: float = 0.0,
) -> None:
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=9,
            color=colour,
            linewidth=1.1,
            connectionstyle=f"arc3,rad={curve}",
            shrinkA=0,
            shrinkB=0,
        )
    )
