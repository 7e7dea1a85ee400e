"""WaveNet models raw sound, sample by sample (van den Oord et al. 2016).

What the paper shows: dilated causal convolutions that look thousands of samples back learn speech
and music as a sequence of levels, and what is drawn from them sounds like it.

    attention-jax train --config=audio/wavenet --workdir=W
    attention-jax evaluate --workdir=W --split=test
    attention-jax evaluate --config=audio/wavenet --baseline=markov

The default: melodies of synthesised notes at 4,000 samples a second. An evaluation goes on from
the beginnings of a few of them: .wav files in W/predictions, what they look like in W/pictures. To
go on from a file of your own, and to draw two seconds from nothing:

    attention-jax predict --workdir=W --pictures=DIR mine.wav 2

The paper: 16,000 samples a second of piano music and of speech; it judges by ear and prints no bits
per sample. `:paper` has its 30 layers and its rate; recordings are read from DIR/train,
DIR/validation and DIR/test:

    attention-jax train --config=audio/wavenet:paper,recordings --workdir=W --manual_dir=DIR

Neither has been recorded yet.

Arguments: `paper` (its layers, longer); `recordings` (.wav files of your own); `smoke` (a few steps
of a tiny model).
"""

import ml_collections

from attention_jax import experiment
from attention_jax.experiment import Experiment, Folders


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """The default, or its variants by `arg`.

    data.name: tones or recordings. data.rate: samples a second. data.seconds: of a melody, or of a
      piece into which recordings are cut to be measured. data.crop: samples of a training example.
    data.validation_size, data.test_size: melodies of the evaluation splits; data.seed: theirs.
    tones: see `data.sounds.Tones`.
    decode.sounds: of a split, so many are continued, after `prompt` seconds.
    decode.seconds: drawn behind a user's own file. decode.max_seconds: of a user's sound, in all.
    decode.temperature: below 1 the likely levels come more often. decode.seed: of the draws.
    """
    words, _ = experiment.parse_arg(arg, ["smoke", "paper", "recordings"])
    config = experiment.default_config()
    config.update(
        {
            "data": {
                "name": "recordings" if "recordings" in words else "tones",
                "rate": 4000,
                "seconds": 1.0,
                "crop": 1024,
                "validation_size": 32,
                "test_size": 64,
                "seed": 0,
            },
            "tones": {
                "lowest": 110.0,
                "octaves": 2,
                "shortest": 0.1,
                "longest": 0.3,
                "harmonics": 5,
                "noise": 1e-3,
            },
            "decode": {
                "sounds": 4,
                "prompt": 0.25,
                "seconds": 1.0,
                "max_seconds": 60.0,
                "temperature": 1.0,
                "seed": 0,
            },
            # A reach of 256 samples: seven periods of the lowest note.
            "model": {
                "levels": 256,
                "features": 32,
                "skip_features": 64,
                "depth": 7,
                "cycles": 2,
            },
        }
    )
    config.update(steps=900, batch_size=8, evaluate_every=450, checkpoint_every=450)
    config.optimizer.learning_rate = 3e-3
    config.optimizer.schedule.update(name="cosine", warmup=50)
    if "paper" in words:
        # It prints neither widths nor optimiser.
        config.model.update(features=64, skip_features=256, depth=10, cycles=3)
        config.data.update(rate=16_000, seconds=1.0, crop=8192)
        config.update(steps=200_000, batch_size=8, evaluate_every=10_000, checkpoint_every=5_000)
        config.log_every = 100
        config.optimizer.learning_rate = 1e-3
    if "smoke" in words:
        experiment.shrink(config, steps=4, batch_size=4)
        config.data.update(seconds=0.03, crop=64, validation_size=4, test_size=6)
        config.decode.update(sounds=2, prompt=0.01)
        config.model.update(levels=16, features=4, skip_features=6, depth=3, cycles=1)
    return config.lock()


def build(config: ml_collections.ConfigDict, folders: Folders) -> Experiment:
    """Levels -> dilated causal convolutions -> their skips -> the next level."""
    import jax
    import jax.numpy as jnp

    from attention_jax.baselines import markov
    from attention_jax.data.sounds import SoundData
    from attention_jax.models.wavenet import WaveNet
    from attention_jax.tasks.audio import Audio
    from attention_jax.training.optimizers import make_optimizer

    data = SoundData(config, folders.manual_dir)
    model = WaveNet(dtype=jnp.dtype(config.dtype), **config.model)
    optimizer = make_optimizer(config.optimizer, config.steps)
    task = Audio(model, data.rate, config, optimizer, data.scale)
    # Asked for now: a model that cannot be should leave no mark in the workdir.
    jax.eval_shape(task.init, jax.random.key(config.seed), task.example())
    return Experiment(config, task, data, markov.for_data(data, model.levels, config.steps))


def sweep(trial) -> dict:
    """How far the model looks back, and its width."""
    return {
        "model.cycles": trial.suggest_categorical("cycles", [1, 2, 3]),
        "model.features": trial.suggest_categorical("features", [32, 48]),
    }
