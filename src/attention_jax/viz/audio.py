"""Sounds to look at: their waves and what they are made of."""

from collections.abc import Mapping

import numpy as np
from matplotlib import mlab
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from attention_jax.errors import UserError
from attention_jax.viz.style import COLOURS, FAINT, INK, drawable, new_figure, plain_axes

_FRAME = 0.064  # Seconds that one column of a spectrogram sees: 16 Hz apart.
_RANGE = 70.0  # Decibels below the loudest that are still drawn.
_FEWEST = 16  # Samples of a spectrogram.

_Extent = tuple[float, float, float, float]  # From and to in seconds, then in Hz.


def sounds(
    given: Mapping[str, np.ndarray], rate: int, *, prompt: float = 0, title: str = ""
) -> Figure:
    """Each sound as a wave and as a spectrogram below it, all on one axis of time.

    A spectrogram's column is the power spectrum of 64 ms under a Hann window, in decibels; all are
    drawn on one scale, from the loudest of all sounds down by 70 dB.

    Args:
      given: name -> samples in -1 .. 1, [time]; drawn from the top down.
      rate: samples a second.
      prompt: seconds after which a sound was drawn by a model: a line stands there; 0 for none.
      title: stands above.

    Raises:
      UserError: there is no sound, or an empty one.
    """
    if not given or not all(len(sound) for sound in given.values()):
        raise UserError("a picture of sounds needs one sound or more, of one sample or more")
    figure = new_figure(7.5, 0.5 + 2.6 * len(given), layout="constrained")
    rows = figure.subplots(
        2 * len(given), 1, squeeze=False, sharex=True, height_ratios=[1, 2] * len(given)
    )
    spectra = [_decibels(np.asarray(sound, np.float64), rate) for sound in given.values()]
    loudest = max(spectrum.max() for spectrum, _ in spectra)
    for number, (name, sound) in enumerate(given.items()):
        wave, below = rows[2 * number, 0], rows[2 * number + 1, 0]
        plain_axes(wave)
        colour = COLOURS[number % len(COLOURS)]
        wave.plot(np.arange(len(sound)) / rate, sound, color=colour, linewidth=0.5)
        wave.set_ylim(-1.05, 1.05)
        wave.set_title(drawable(name), fontsize=9, color=INK, loc="left")
        spectrum, extent = spectra[number]
        _draw_spectrum(below, spectrum, extent, loudest)
        if prompt:
            for axes in (wave, below):
                axes.axvline(prompt, color=FAINT, linewidth=0.9, linestyle="--")
    longest = max(len(sound) for sound in given.values())
    rows[-1, 0].set(xlim=(0, longest / rate))
    rows[-1, 0].set_xlabel("seconds", fontsize=8, color=FAINT)
    if title:
        figure.suptitle(drawable(title), fontsize=10, color=INK)
    return figure


def _decibels(sound: np.ndarray, rate: int) -> tuple[np.ndarray, _Extent]:
    """[frequencies, columns], and where their edges lie."""
    sound = np.pad(sound, (0, max(0, _FEWEST - len(sound))))
    frame = int(np.clip(_FRAME * rate, 4, len(sound) // 2))
    hop = max(frame // 8, 1)
    made = mlab.specgram(sound, NFFT=frame, Fs=rate, noverlap=frame - hop)
    power, frequencies, times = map(np.asarray, made)
    # Silence has no logarithm.
    decibels = 10 * np.log10(np.maximum(power, np.finfo(np.float32).tiny))
    edge = hop / rate / 2
    low, high = float(frequencies[0]), float(frequencies[-1])
    return decibels, (float(times[0]) - edge, float(times[-1]) + edge, low, high)


def _draw_spectrum(axes: Axes, spectrum: np.ndarray, extent: _Extent, loudest: float) -> None:
    axes.imshow(
        spectrum,
        origin="lower",
        aspect="auto",
        extent=extent,
        cmap="magma",
        vmin=loudest - _RANGE,
        vmax=loudest,
    )
    axes.set_ylabel("Hz", fontsize=8, color=INK)
    axes.tick_params(colors=INK, length=0, labelsize=8)
    for spine in axes.spines.values():
        spine.set_visible(False)
