"""The Neural Turing Machine copies what is longer than it ever saw (Graves 2014, §4.1).

What the paper shows: a machine that writes each vector to the next slot and then reads them from
the first has learned an algorithm, and goes on where training ended; an LSTM has learned lengths.

    attention-jax train --config=memory/copy --workdir=W
    attention-jax evaluate --workdir=W --split=test_long

The default: vectors of 4 bits, 1 to 8 of them; `test_long` has 16, `--split=test_12` 12. The paper:
8 bits, 1 to 20 vectors; both machines near 0.1 bits a sequence after 100,000 sequences, the LSTM at
4.8 (figure 3); lengths up to 50 are near perfect, and 120 has one vector twice (figure 4).

    attention-jax train --config=memory/copy:paper --workdir=W
    attention-jax evaluate --workdir=W --split=test_120
    attention-jax predict --workdir=W --pictures=DIR "[[0, 1, 1, 0], [1, 1, 0, 0]]"

The default, five seeds: 0.001 bits, under a minute; at twice the length four seeds 0.004 and one
6.3, its control (`:control`) 207. The paper's sizes, 256,000 sequences: 0.0002 bits, 0.001 at
50 vectors and 17 at 120; with an LSTM for a controller 0.0005, 0.007 at 30 and 108 at 50;
the control 17, and 210 at 30.

Arguments: `paper` (its sizes); `lstm` (the machine with an LSTM for a controller);
`control` (the stacked LSTM, no memory); `smoke` (a few steps of a tiny model).
"""

import ml_collections

from attention_jax import experiment
from attention_jax.experiment import Experiment, Folders


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """The default, or its variants by `arg`."""
    from attention_jax import memories

    words, _ = experiment.parse_arg(arg, memories.WORDS)
    config = memories.default_config("copy", bits=4, min_length=1, max_length=8)
    config.steps = 6000
    config.model.update(hidden=(64,), slots=24, word=10)
    config.optimizer.learning_rate = 2e-3
    if "paper" in words:
        config.sequences.update(bits=8, max_length=20)
        config.model = memories.machine()
        memories.train_paper_sizes(config, 8_000, learning_rate=2e-3, curriculum=2_000)
    if "lstm" in words:
        config.model.update(controller="lstm", hidden=(100,))
        # Short sequences it learns by heart in a state of its own, and then never uses the memory.
        config.data.curriculum = 0
    if "control" in words:
        sizes = (3, 256, 1e-3) if "paper" in words else (1, 128, 2e-3)
        memories.become_control(config, *sizes)
    if "smoke" in words:
        memories.shrink(config, max_length=3)
    return config.lock()


def build(config: ml_collections.ConfigDict, folders: Folders) -> Experiment:
    """Vectors and a delimiter -> controller -> heads -> memory -> the same vectors."""
    from attention_jax import memories
    from attention_jax.data.memory_sequences import Copy
    from attention_jax.models.ntm import NTM, LSTMControl

    return memories.assemble(LSTMControl if config.control else NTM, Copy, config, folders)


def sweep(trial) -> dict:
    """Learning rate, and the memory before the first step (Collier & Beel 2018)."""
    return {
        "optimizer.learning_rate": trial.suggest_categorical("learning_rate", [1e-3, 2e-3]),
        "model.initial": trial.suggest_categorical("initial", ["constant", "learned"]),
    }
