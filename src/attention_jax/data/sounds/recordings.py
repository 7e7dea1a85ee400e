"""A folder of a user's own .wav files."""

import hashlib
from pathlib import Path

import numpy as np

from attention_jax.data.memory_sequences import dice
from attention_jax.data.sounds.wav import read_wav
from attention_jax.errors import UserError


class Recordings:
    """The sounds of DIR/SPLIT/*.wav, in the order of their names.

    Args:
      folder: DIR.
      split: train, validation or test.
      rate: samples a second that all of them must have.

    Raises:
      UserError: there is no such file, or one that cannot be used.
    """

    def __init__(self, folder: Path, split: str, rate: int):
        paths = sorted((folder.expanduser() / split).glob("*.wav"))
        if not paths:
            raise UserError(
                f"{folder / split} has no .wav files: put recordings into DIR/train, "
                "DIR/validation and DIR/test, and give --manual_dir=DIR"
            )
        self.sounds = [read_wav(path, rate) for path in paths]

    def hash(self) -> str:
        """Of all samples."""
        digest = hashlib.sha256()
        for sound in self.sounds:
            digest.update(hashlib.sha256(sound.tobytes()).digest())
        return digest.hexdigest()

    def words(self, samples: int) -> int:
        """Random words that a crop takes."""
        return 1

    def crop(self, words: np.ndarray, samples: int) -> tuple[np.ndarray, np.ndarray]:
        """So many samples from anywhere, every place alike often; see `Tones.crop`.

        A shorter sound stands there as a whole, with silence behind.
        """
        places = np.cumsum([max(len(sound) - samples, 0) + 1 for sound in self.sounds])
        drawn = (dice.uniform(words[:, 0]) * places[-1]).astype(np.int64)
        sounds = np.searchsorted(places, drawn, side="right")
        firsts = drawn - np.append(0, places)[sounds]
        return _cut(
            [(self.sounds[n], first) for n, first in zip(sounds, firsts, strict=True)], samples
        )

    def pieces(self, samples: int) -> tuple[np.ndarray, np.ndarray]:
        """All sounds, each cut into pieces of so many samples, its last one shorter."""
        places = [(s, first) for s in self.sounds for first in range(0, len(s), samples)]
        return _cut(places, samples)


def _cut(places: list[tuple[np.ndarray, int]], samples: int) -> tuple[np.ndarray, np.ndarray]:
    """float32 [places, samples] from each sound's place on, and how many are real."""
    made = np.zeros((len(places), samples), np.float32)
    length = np.zeros(len(places), np.int32)
    for row, (sound, first) in enumerate(places):
        piece = sound[first : first + samples]
        made[row, : len(piece)] = piece
        length[row] = len(piece)
    return made, length
