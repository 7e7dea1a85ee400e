"""Sound to model sample by sample: synthesised melodies, or a user's own recordings.

`tones` makes the melodies, `wav` reads and writes files, `recordings` is folders of them, `batches`
is all of it as data.
"""

from attention_jax.data.sounds.batches import SoundData
from attention_jax.data.sounds.recordings import Recordings
from attention_jax.data.sounds.tones import Tones
from attention_jax.data.sounds.wav import as_wav, read_wav

__all__ = ["Recordings", "SoundData", "Tones", "as_wav", "read_wav"]
