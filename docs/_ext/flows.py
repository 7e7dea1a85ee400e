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
    _arrow(axes, (3.5, 1.7), (7.2, 0.82), curve=-0.05)
    _label(axes, 5.95, 1.12, "$r_t$")
    _word(axes, 9.3, 0.5, "$y_t$")
    _arrow(axes, (8.24, 0.5), (9.05, 0.5))
    return axes.figure


FIGURES = {"flow_seq2seq": seq2seq, "flow_rnnsearch": rnnsearch, "flow_ntm": ntm}


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
