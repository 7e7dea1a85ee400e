"""The Neural Turing Machine counts what followed what, and predicts by it (Graves 2014, §4.4).

What the paper shows: each sequence has chances of its own, so the only way to predict is to count
as it goes on. There is a best predictor, (N1 + 1/2) / (N0 + N1 + 1): the baseline `optimum`.

    attention-jax train --config=memory/ngrams --workdir=W
    attention-jax evaluate --workdir=W --split=test
    attention-jax evaluate --config=memory/ngrams --baseline=optimum --split=test

The default: 5-grams (16 chances), 100 bits, an LSTM for a controller. The paper: 6-grams (32
chances), 200 bits; both machines between 133.5 and 134 bits a sequence, the LSTM at 136
(figure 13).

    attention-jax train --config=memory/ngrams:paper --workdir=W
    attention-jax predict --workdir=W "[0, 1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1]"

The default, one seed: 67.9 bits, where 66.0 are possible and its control (`:control`) has 66.7. The
paper's sizes, an LSTM for a controller, 128,000 sequences: 139.2, where 133.0 are possible.

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
    config = memories.default_config("ngrams", length=100, order=5)
    config.steps = 2500
    # Which bits came last is a state of the controller's own; the memory has their counts.
    config.model.update(controller="lstm", slots=32, word=16)
    config.optimizer.update(learning_rate=5e-3, clip=1.0)
    if "paper" in words:
        config.sequences.update(length=200, order=6)
        config.model = memories.machine()
        memories.train_paper_sizes(config, 4_000, learning_rate=5e-3)
    if "lstm" in words:
        config.model.update(controller="lstm", hidden=(100,))
    if "control" in words:
        sizes = (3, 128, 1e-3) if "paper" in words else (1, 128, 5e-3)
        memories.become_control(config, *sizes)
    if "smoke" in words:
        memories.shrink(config, length=12)
    return config.lock()


def build(config: ml_collections.ConfigDict, folders: Folders) -> Experiment:
    """Bits -> controller -> heads -> memory -> the chance of the next bit."""
    from attention_jax import memories
    from attention_jax.data.memory_sequences import NGrams
    from attention_jax.models.ntm import NTM, LSTMControl

    return memories.assemble(LSTMControl if config.control else NTM, NGrams, config, folders)


def sweep(trial) -> dict:
    """Learning rate and controller."""
    return {
        "optimizer.learning_rate": trial.suggest_categorical("learning_rate", [1e-3, 2e-3]),
        "model.controller": trial.suggest_categorical("controller", ["feed_forward", "lstm"]),
    }
