"""Melodies of synthesised notes: sounds whose structure is known."""

import dataclasses

import numpy as np

from attention_jax.data.memory_sequences import dice
from attention_jax.errors import UserError

_PENTATONIC = (0, 3, 5, 7, 10)  # In semitones above the lowest note.
_PER_NOTE = 5  # Random words: pitch, length, loudness, brightness, decay.
_RAMP = 0.008  # Seconds of a note's attack, and of its release: none begins or ends with a click.


@dataclasses.dataclass(frozen=True)
class Tones:
    """One note after another, each struck and dying away, of a few harmonics; and a little noise.

    A note that begins at 0 sounds as

        x(t) = loudness · min(t / r, 1) exp(-t / decay) Σ_k k^-slope sin(2π k f t) / Σ_k k^-slope

    with r = 8 ms, and fades within r where the next one begins. Loudness is uniform in 0.3 .. 0.9,
    the slope in 1 .. 2.5, the decay in 0.15 .. 0.5 s; f is a note of the minor pentatonic scale.
    Harmonics at or above half the rate are left out. The noise is uniform.

    Attributes:
      rate: samples a second.
      seconds: of a melody.
      lowest: note of the scale, in Hz.
      octaves: of the scale.
      shortest, longest: note, in seconds.
      harmonics: of a note, at most.
      noise: largest value of it.

    Raises UserError for melodies that cannot be.
    """

    rate: int = 4000
    seconds: float = 1.0
    lowest: float = 110.0
    octaves: int = 2
    shortest: float = 0.1
    longest: float = 0.3
    harmonics: int = 5
    noise: float = 1e-3

    def __post_init__(self):
        if not 0 < self.shortest <= self.longest:
            raise UserError(
                f"config.tones.shortest is {self.shortest} and longest is {self.longest}: choose a "
                "range above 0"
            )
        if self.octaves < 1 or self.harmonics < 1 or not 0 <= self.noise < 1:
            raise UserError(
                f"config.tones has {self.octaves} octaves, {self.harmonics} harmonics and a noise "
                f"of {self.noise}: choose 1 or more of the first two, and a noise from 0 to below 1"
            )
        if self.lowest <= 0 or self.scale[-1] >= self.rate / 2:
            raise UserError(
                f"config.tones.lowest is {self.lowest} Hz and the highest note {self.scale[-1]:.0f}"
                f": all must lie between 0 and half the rate, {self.rate / 2:g} Hz"
            )

    @property
    def samples(self) -> int:
        """Of a melody."""
        return round(self.seconds * self.rate)

    @property
    def scale(self) -> np.ndarray:
        """The notes in ascending order, in Hz."""
        steps = np.add.outer(12 * np.arange(self.octaves), _PENTATONIC).reshape(-1)
        return self.lowest * 2 ** (np.append(steps, 12 * self.octaves) / 12)

    def words(self, samples: int) -> int:
        """Random words that so many samples of a melody take."""
        return 1 + _PER_NOTE * self._notes + samples

    def crop(self, words: np.ndarray, samples: int) -> tuple[np.ndarray, np.ndarray]:
        """So many samples, at most all, from anywhere in a melody; of uint64 [batch, words].

        Returns:
          samples in -1 .. 1, float32 [batch, samples], and how many of them are real, [batch]: all.
        """
        places = self.samples - samples + 1
        first = (dice.uniform(words[:, 0]) * places).astype(np.int64)
        return self._draw(words, first, samples), np.full(len(words), samples, np.int32)

    def whole(self, words: np.ndarray) -> np.ndarray:
        """Melodies from their beginning, float32 [batch, samples], of uint64 [batch, words]."""
        return self._draw(words, np.zeros(len(words), np.int64), self.samples)

    @property
    def _notes(self) -> int:
        """As many of the shortest as fill a melody."""
        return int(np.ceil(self.seconds / self.shortest)) + 1

    def _draw(self, words: np.ndarray, first: np.ndarray, samples: int) -> np.ndarray:
        batch, last = len(words), 1 + _PER_NOTE * self._notes
        drawn = dice.uniform(words[:, 1:last]).reshape(batch, _PER_NOTE, self._notes)
        pitch, length, loudness, slope, decay = drawn.swapaxes(0, 1)
        lengths = self.shortest + (self.longest - self.shortest) * length
        ends = np.cumsum(lengths, axis=1)
        time = (first[:, None] + np.arange(samples)) / self.rate
        note = np.stack(
            [np.searchsorted(*row, side="right") for row in zip(ends, time, strict=True)]
        )

        def now(values: np.ndarray) -> np.ndarray:
            return np.take_along_axis(values, note, axis=1)

        since, left = time - now(ends - lengths), now(ends) - time
        envelope = np.minimum(since / _RAMP, 1) * np.clip(left / _RAMP, 0, 1)
        envelope *= np.exp(-since / now(0.15 + 0.35 * decay))
        frequency = self.scale[(pitch * len(self.scale)).astype(np.int64)]
        # [harmonics, batch, notes]
        order = np.arange(1, self.harmonics + 1)[:, None, None]
        weights = order ** -(1 + 1.5 * slope) * (order * frequency < self.rate / 2)
        weights *= (0.3 + 0.6 * loudness) / weights.sum(0)
        angle = 2 * np.pi * now(frequency) * since
        sound = sum(now(w) * np.sin(k * angle) for k, w in enumerate(weights, start=1))
        sound = envelope * sound + self.noise * (2 * dice.uniform(words[:, last:]) - 1)
        return np.clip(sound, -1, 1).astype(np.float32)
