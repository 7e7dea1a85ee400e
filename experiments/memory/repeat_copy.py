"""The Neural Turing Machine copies a number of times, and says when it is done (Graves 2014, §4.2).

What the paper shows: a loop within a loop: back to the first slot, read to the last, and count.

    attention-jax train --config=memory/repeat_copy --workdir=W
    attention-jax evaluate --workdir=W --split=test_repeats

The default: 1 to 3 vectors of 4 bits, 1 to 4 times, an LSTM for a controller; `test_long` has twice
the vectors, `test_repeats` twice the repeats. The paper: 6 bits (so its numbers of parameters say),
1 to 10 vectors, 1 to 10 times; solved by 150,000 sequences (figure 7); twice the length works, an
end marker beyond 11 repeats does not (figure 8).

    attention-jax train --config=memory/repeat_copy:paper --workdir=W
    attention-jax predict --workdir=W '{"vectors": [[0, 1, 1, 0], [1, 1, 0, 0]], "repeats": 3}'

The default, one seed: 0.04 bits, its control (`:control`) 0.02; on twice the vectors both are lost.
`:paper,lstm`, one seed: 0.003 bits after 256,000 sequences (146 after 64,000, 2.1 after 96,000).

Arguments: `paper` (its sizes); `lstm` (with `paper`: an LSTM for a controller);
`control` (the stacked LSTM, no memory); `smoke` (a few steps of a tiny model).
"""

import ml_collections

from attention_jax import experiment
from attention_jax.experiment import Experiment, Folders


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """The default, or its variants by `arg`."""
    from attention_jax import memories

    words, _ = experiment.parse_arg(arg, memories.WORDS)
    config = memories.default_config(
        "repeat_copy", bits=4, min_length=1, max_length=3, min_repeats=1, max_repeats=4
    )
    config.steps = 8000
    # What counts is a state of the controller's own.
    config.model.update(controller="lstm", slots=16, word=10)
    config.optimizer.learning_rate = 2e-3
    if "paper" in words:
        config.sequences.update(bits=6, max_length=10, max_repeats=10)
        config.model = memories.machine()
        memories.train_paper_sizes(config, 8_000, learning_rate=2e-3, curriculum=3_000)
    if "lstm" in words:
        config.model.update(controller="lstm", hidden=(100,))
        # Short sequences it learns by heart in a state of its own, and then never uses the memory.
        config.data.curriculum = 0
    if "control" in words:
        sizes = (3, 512, 1e-3) if "paper" in words else (1, 128, 2e-3)
        memories.become_control(config, *sizes)
    if "smoke" in words:
        memories.shrink(config, max_length=2, max_repeats=2)
    return config.lock()


def build(config: ml_collections.ConfigDict, folders: Folders) -> Experiment:
    """Vectors, a delimiter, a number -> controller -> heads -> memory -> vectors, an end marker."""
    from attention_jax import memories
    from attention_jax.data.memory_sequences import RepeatCopy
    from attention_jax.models.ntm import NTM, LSTMControl

    return memories.assemble(LSTMControl if config.control else NTM, RepeatCopy, config, folders)


def sweep(trial) -> dict:
    """Learning rate, and what remembers the count."""
    return {
        "optimizer.learning_rate": trial.suggest_categorical("learning_rate", [1e-3, 2e-3]),
        "model.controller": trial.suggest_categorical("controller", ["feed_forward", "lstm"]),
    }
