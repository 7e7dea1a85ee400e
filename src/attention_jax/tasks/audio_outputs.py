"""What `Audio.predict` gave, on the host: as JSON, drawn, and heard by numbers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from scipy.signal import find_peaks

from attention_jax.typing import Batch
from attention_jax.viz import audio as viz

_FRAME = 0.128  # Seconds: long enough to tell the semitones of the lowest octave apart.
_TOLERANCE = 35.0  # Cents, hundredths of a semitone.
_LOUDEST = 3


def drawn(row: Batch) -> np.ndarray:
    """What the model drew of a sound, behind the prompt."""
    return row["drawn"][row["prompt"] : row["length"]]


def real(row: Batch) -> np.ndarray:
    """What really followed the prompt."""
    return row["samples"][row["prompt"] : row["length"]]


def in_tune(sounds: Sequence[np.ndarray], rate: int, scale: np.ndarray) -> float | None:
    """Share of the frames of 128 ms whose strongest frequency is one of the scale's.

    The frequency is that of the spectrum's highest peak, under a Hann window, found between the
    bins by a parabola through the logarithms of three; it may miss a note by 35 cents. Frames
    overlap by half. None where no sound is as long as a frame.
    """
    size = round(_FRAME * rate)
    long = [sound for sound in sounds if len(sound) >= size]
    if not long or size < 4:
        return None
    frames = np.concatenate(
        [np.lib.stride_tricks.sliding_window_view(sound, size)[:: size // 2] for sound in long]
    )
    spectrum = np.abs(np.fft.rfft((frames - frames.mean(1, keepdims=True)) * np.hanning(size)))
    peak = spectrum[:, 1:-1].argmax(1) + 1
    rows = np.arange(len(peak))
    left, middle, right = (np.log(spectrum[rows, peak + side] + 1e-12) for side in (-1, 0, 1))
    curve = np.minimum(left - 2 * middle + right, -1e-12)
    shift = np.clip((left - right) / (2 * curve), -0.5, 0.5)
    cents = 1200 * np.log2((peak + shift)[:, None] * rate / size / scale)
    return float((np.abs(cents).min(1) < _TOLERANCE).mean())


def loudest(sound: np.ndarray, rate: int) -> list[int]:
    """The strongest frequencies of a sound in Hz, the strongest first; silence has none."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    # A fiftieth of the loudest is no note of its own, nor is what lies within 10 Hz of one.
    apart = max(1, round(10 * len(sound) / rate))
    places, _ = find_peaks(spectrum, height=max(spectrum.max() / 50, 1e-6), distance=apart)
    strongest = places[np.argsort(-spectrum[places], kind="stable")][:_LOUDEST]
    return [round(place * rate / len(sound)) for place in strongest]


def record(row: Batch, rate: int, known: bool) -> dict[str, Any]:
    """A sound for JSON; `known`: how it really went on."""
    made = drawn(row)
    given, seconds = (round(len(part) / rate, 3) for part in (row["drawn"][: row["prompt"]], made))
    found = loudest(made, rate)
    told: dict[str, Any] = {
        "given_seconds": given,
        "drawn_seconds": seconds,
        "loudest_hz": found,
        "prediction": f"{seconds:g} s, loudest at {_listed(found)}",
    }
    if known:
        told["reference"] = f"{seconds:g} s, loudest at {_listed(loudest(real(row), rate))}"
    return told


def draw(row: Batch, rate: int, known: bool) -> Figure:
    """The real sound, where it is known, above the drawn one."""
    end = row["length"]
    shown = {"real": row["samples"][:end]} if known else {}
    return viz.sounds(
        shown | {"drawn by the model": row["drawn"][:end]}, rate, prompt=row["prompt"] / rate
    )


def _listed(frequencies: Sequence[int]) -> str:
    return ", ".join(map(str, frequencies)) + " Hz" if frequencies else "no frequency"
