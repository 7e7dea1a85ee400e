"""The Neural Turing Machine sorts by priority (Graves 2014, §4.5).

What the paper shows: it writes each vector to a slot that it computes from the priority, and then
reads the slots in their order: so the paper guesses, and the pictures of its weights show it.

    attention-jax train --config=memory/priority_sort --workdir=W
    attention-jax evaluate --workdir=W --split=test
    attention-jax predict --workdir=W "[[0,1,1,0,1,0,0.5], [1,1,0,0,0,1,-0.9], [1,0,0,1,0,1,0.7]]"

The default: the 8 highest of 10 vectors of 6 bits. The paper: the 16 highest of 20 of 8 bits; after
a million sequences 18 bits a sequence with an LSTM for a controller, 20 feed-forward, 58 for the
LSTM (figure 18).

    attention-jax train --config=memory/priority_sort:paper --workdir=W

The default after 4,000 steps, one seed: 31.9 bits a sequence, its control (`:control`) 36.7.
`:paper` after 320,000 sequences: 68.0.

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
    config = memories.default_config("priority_sort", bits=6, length=10, answers=8)
    config.steps = 4000
    config.model.update(hidden=(100,), read_heads=2, write_heads=2, slots=32, word=16)
    config.optimizer.learning_rate = 2e-3
    if "paper" in words:
        config.sequences.update(bits=8, length=20, answers=16)
        config.model = memories.machine(hidden=(512,), read_heads=8, write_heads=8)
        memories.train_paper_sizes(config, 10_000, learning_rate=1e-3)
    if "lstm" in words:
        config.model.update(controller="lstm", hidden=(100, 100), read_heads=5, write_heads=5)
    if "control" in words:
        sizes = (3, 128, 1e-3) if "paper" in words else (1, 128, 2e-3)
        memories.become_control(config, *sizes)
    if "smoke" in words:
        memories.shrink(config, length=3, answers=2)
    return config.lock()


def build(config: ml_collections.ConfigDict, folders: Folders) -> Experiment:
    """Vectors with priorities -> controller -> heads -> memory -> vectors by priority."""
    from attention_jax import memories
    from attention_jax.data.memory_sequences import PrioritySort
    from attention_jax.models.ntm import NTM, LSTMControl

    return memories.assemble(LSTMControl if config.control else NTM, PrioritySort, config, folders)


def sweep(trial) -> dict:
    """Learning rate and heads."""
    return {
        "optimizer.learning_rate": trial.suggest_categorical("learning_rate", [1e-3, 2e-3]),
        "model.read_heads": trial.suggest_categorical("read_heads", [1, 2]),
    }
