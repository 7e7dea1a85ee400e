"""Files of sound: .wav, read and written."""

import io
import struct
import warnings
from pathlib import Path

import numpy as np
from scipy.io import wavfile

from attention_jax.errors import UserError


def read_wav(path: Path, rate: int) -> np.ndarray:
    """The samples of a file in -1 .. 1, float32 [time]; channels are averaged.

    Args:
      path: of a .wav file: whole numbers of 8, 16, 24 or 32 bits, or floating-point ones.
      rate: samples a second that it must have.

    Raises:
      UserError: there is no such file, it is no sound or an empty one, or its rate is another.
    """
    try:
        with warnings.catch_warnings():
            # Of parts that are no sound, such as tags.
            warnings.simplefilter("ignore", wavfile.WavFileWarning)
            found, samples = wavfile.read(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): give a .wav file") from error
    except (ValueError, EOFError, struct.error) as error:
        reason = " ".join(str(error).split()) or "it ends early"
        raise UserError(
            f"{path} is no .wav file that can be used ({reason}): save it as 16-bit PCM"
        ) from error
    if found != rate:
        raise UserError(
            f"{path} has {found} samples a second and {rate} are wanted: convert it (ffmpeg -i IN "
            f"-ar {rate} OUT.wav), or train a model with --config.data.rate={found}"
        )
    if not len(samples):
        raise UserError(f"{path} holds no samples: give a longer sound")
    sound = _scaled(samples)
    if not np.isfinite(sound).all():
        raise UserError(f"{path} holds samples that are no finite numbers: save it as 16-bit PCM")
    return sound.reshape(len(sound), -1).mean(axis=1)


def as_wav(samples: np.ndarray, rate: int) -> bytes:
    """A file of samples in -1 .. 1, [time], as 16-bit PCM."""
    buffer = io.BytesIO()
    whole = np.round(np.clip(samples, -1, 1) * np.iinfo(np.int16).max)
    wavfile.write(buffer, rate, whole.astype(np.int16))
    return buffer.getvalue()


def _scaled(samples: np.ndarray) -> np.ndarray:
    """In -1 .. 1, whatever the kind of numbers."""
    if samples.dtype.kind == "f":
        return np.clip(samples.astype(np.float32), -1, 1)
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    # 24 bits come as the upper ones of 32.
    return (samples / -float(np.iinfo(samples.dtype).min)).astype(np.float32)
