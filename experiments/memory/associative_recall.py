"""The Neural Turing Machine finds what came next to what it is shown (Graves 2014, §4.3).

What the paper shows: the two ways of addressing at once: by content to the item that is shown, by
location to the one behind it.

    attention-jax train --config=memory/associative_recall --workdir=W
    attention-jax evaluate --workdir=W --split=test_long

The default: as in the paper, items of three vectors of 6 bits, 2 to 6 of them, but a smaller memory
under an LSTM controller; `test_long` has 12. The paper: the feed-forward machine makes no error
after 30,000 sequences, the LSTM-controlled one costs 0.5 bits at 100,000 (figure 10); near perfect
at 12 items (figure 11).

    attention-jax train --config=memory/associative_recall:paper --workdir=W
    attention-jax predict --workdir=W --pictures=DIR \
      "[[0,0,0,1,1,0], [1,1,0,1,0,0], [0,1,1,0,0,1], [1,0,0,0,1,1], [0,1,1,1,0,1], [1,0,1,0,0,0], \
        [0,0,0,1,1,0], [1,1,0,1,0,0], [0,1,1,0,0,1]]"

The default, one seed: 0.003 bits; its control (`:control`) 10.8. The paper's sizes, 128,000
sequences: feed-forward 0.33 bits and 2.6 at 12 items, with an LSTM for a controller 0.004 at both.

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
    config = memories.default_config("associative_recall", bits=6, item=3, min_items=2, max_items=6)
    config.steps = 4000
    # Two items before six: all lengths at once are not learned in these steps.
    config.data.curriculum = 1000
    config.model.update(controller="lstm", slots=32, word=16)
    config.optimizer.update(learning_rate=2e-3, clip=1.0)
    if "paper" in words:
        config.model = memories.machine(hidden=(256,), read_heads=4, write_heads=4)
        memories.train_paper_sizes(config, 4_000, learning_rate=2e-3)
    if "lstm" in words:
        config.model.update(controller="lstm", hidden=(100,), read_heads=1, write_heads=1)
    if "control" in words:
        sizes = (3, 256, 1e-3) if "paper" in words else (1, 128, 2e-3)
        memories.become_control(config, *sizes)
    if "smoke" in words:
        memories.shrink(config, item=1, max_items=2)
    return config.lock()


def build(config: ml_collections.ConfigDict, folders: Folders) -> Experiment:
    """Items and a query -> controller -> heads -> memory -> the item behind."""
    from attention_jax import memories
    from attention_jax.data.memory_sequences import AssociativeRecall
    from attention_jax.models.ntm import NTM, LSTMControl

    model = LSTMControl if config.control else NTM
    return memories.assemble(model, AssociativeRecall, config, folders)


def sweep(trial) -> dict:
    """Learning rate and heads."""
    return {
        "optimizer.learning_rate": trial.suggest_categorical("learning_rate", [1e-3, 2e-3]),
        "model.read_heads": trial.suggest_categorical("read_heads", [1, 4]),
    }
