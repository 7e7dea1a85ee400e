"""What the memory experiments share: their config, and how model, task and sequences meet."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
from flax import linen as nn

from attention_jax import experiment
from attention_jax.baselines import ngrams
from attention_jax.data.memory_sequences import MemoryData, Sequences
from attention_jax.experiment import Experiment, Folders
from attention_jax.tasks.memory import Memory
from attention_jax.training.optimizers import make_optimizer

WORDS = ("smoke", "paper", "lstm", "control")
"""Of every experiment's `:arg`: `lstm` is the machine with an LSTM for a controller, `control` the
stacked LSTM that has no memory."""


def default_config(name: str, **sequences: Any) -> ml_collections.ConfigDict:
    """The config of every experiment, and what the memory tasks add to it.

    control: the stacked LSTM in place of the machine.
    sequences: sizes of the task's sequences, see `data.memory_sequences`.
    data.validation_size, data.test_size: sequences of the evaluation splits; data.seed: theirs.
    data.curriculum: batches over which the longest sequence grows from the shortest on; 0: none.
    decode.max_steps: of a user's own sequence, at most.
    """
    config = experiment.default_config()
    config.update(
        {
            "control": False,
            "sequences": sequences,
            "data": {
                "name": name,
                "validation_size": 256,
                "test_size": 1000,
                "seed": 0,
                "curriculum": 0,
            },
            "decode": {"max_steps": 512},
            "model": machine(),
        }
    )
    # A step takes milliseconds: what is due every few steps would take longer than they.
    config.update(batch_size=32, log_every=50, evaluate_every=1000, checkpoint_every=1000)
    config.optimizer.clip = 10.0
    # A rate at which a machine learns in minutes throws it back now and then; at the end none may.
    config.optimizer.schedule.name = "cosine"
    return config


def machine(**sizes: Any) -> ml_collections.ConfigDict:
    """The config of `models.ntm.NTM`; by default that of the paper's copy."""
    values: dict[str, Any] = {
        "controller": "feed_forward",
        "hidden": (100,),
        "read_heads": 1,
        "write_heads": 1,
        "slots": 128,
        "word": 20,
        "max_shift": 1,
        "shift": "softmax",
        "initial": "constant",
    }
    return ml_collections.ConfigDict(values | sizes)


def become_control(
    config: ml_collections.ConfigDict, layers: int, hidden: int, learning_rate: float
) -> None:
    """Makes the stacked LSTM of a config."""
    config.control = True
    config.model = ml_collections.ConfigDict({"layers": layers, "hidden": hidden})
    config.optimizer.learning_rate = learning_rate


def train_paper_sizes(
    config: ml_collections.ConfigDict, steps: int, learning_rate: float, curriculum: int = 0
) -> None:
    """Trains the paper's sizes in minutes, where the paper took up to a million sequences.

    Departures: Adam with gradients of norm 1 at most, a cosine, 32 sequences to a batch and, where
    there is a curriculum, short sequences first. The paper's RMSProp (momentum 0.9, no size of the
    batch told) is `config.optimizer` too: see docs/systems/ntm.md.
    """
    config.optimizer.update(learning_rate=learning_rate, clip=1.0)
    config.data.curriculum = curriculum
    config.steps = steps


def shrink(config: ml_collections.ConfigDict, **sequences: Any) -> None:
    """Makes a `:smoke` of a config: four steps of a tiny model on short sequences."""
    experiment.shrink(config, steps=4, batch_size=8)
    config.data.update(validation_size=8, test_size=12)
    config.sequences.update(sequences)
    if config.control:
        config.model.update(layers=1, hidden=8)
    else:
        config.model.update(hidden=(8,), slots=6, word=4, read_heads=1, write_heads=1)


def assemble(
    model: Callable[..., nn.Module],
    sequences: Callable[..., Sequences],
    config: ml_collections.ConfigDict,
    folders: Folders,
) -> Experiment:
    """The task's sequences, a model for their bits, and what is measured of it.

    Args:
      model: a class of `models.ntm`; `config.model` holds its other arguments.
      sequences: a class of `data.memory_sequences`; `config.sequences` holds its sizes.
      config: as `default_config`.
      folders: nothing is kept but the run's own.

    Raises:
      UserError: for sizes, a machine or an optimiser that cannot be.
    """
    tapes = sequences(**config.sequences)
    data = MemoryData(tapes, config)
    network = model(outputs=tapes.outputs, dtype=jnp.dtype(config.dtype), **config.model)
    optimizer = make_optimizer(config.optimizer, config.steps)
    task = Memory(network, tapes, config, optimizer)
    # Asked for now: a machine that cannot be should leave no mark in the workdir.
    jax.eval_shape(task.init, jax.random.key(config.seed), task.example())
    return Experiment(config, task, data, ngrams.for_data(data))
