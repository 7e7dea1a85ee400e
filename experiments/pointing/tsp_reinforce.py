"""The Pointer Network finds short tours that nobody showed it (Bello 2016; baseline of Kool 2019).

What it shows: the network of `pointing/tsp` as a policy. It draws tours, is told how long they are
and nothing else, and makes the likelier those that are shorter than its baseline's: the greedy
tours of a frozen copy, replaced when the network has become better.

    attention-jax train --config=pointing/tsp_reinforce --workdir=W
    attention-jax evaluate --workdir=W --split=test --config.decode.samples=128

`gap` is of the greedy tours, `gap/sampled` of the shortest of so many drawn. The default: 10
cities; after 60 s on 2 cores (AMD EPYC with AVX-512) greedy tours are 2.7 % above the optimum and
the shortest of 128 drawn 0.3 %. The paper: 20 cities, 1.8 % above the optimum greedily (recalled).
Kool 2019, with a Transformer: 0.34 % greedily and 0.08 % by sampling (recalled).

`points=20` for 50,000 steps (`--config.steps=50000 --config.reinforce.every=500
--config.reinforce.sets=2000`), 50 minutes on one core: 2.8 % greedily, 1.2 % by sampling. `paper`
learns more slowly at first: tours it drew had the length 7.1 after 5,000 steps, these 4.0. That is
the glimpse: after 1,000 steps it had 5.7 alone and 7.2 with clipped scores, which alone had 4.3
after 1,400.

    attention-jax train --config=pointing/tsp_reinforce:paper --workdir=W
    attention-jax predict --workdir=W --pictures=DIR "[[0.1, 0.2], [0.9, 0.4], [0.5, 0.8], [0, 1]]"

No tour is needed for training. Evaluation compares with optimal ones; those of more than 12 cities
take a solver (`pip install attention-jax[tsp]`).

Arguments: `points=N` or `points=N-M`; `paper` (20 cities, its sizes, longer); `smoke` (a few steps
of a tiny model).
"""

import dataclasses

import ml_collections

from attention_jax import experiment
from attention_jax.experiment import Experiment, Folders


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """The default, or its variants by `arg`.

    reinforce.every: steps from one comparison with the baseline to the next; reinforce.sets: on so
    many sets; reinforce.significance: level of its t-test.
    decode.samples: tours drawn for each set beside the greedy one; 0 draws none.
    """
    from attention_jax import pointings

    words, values = experiment.parse_arg(arg, ["smoke", "paper"], pointings.KEYS)
    cities = values.get("points", "20" if "paper" in words else "10")
    config = pointings.default_config("tsp", cities)
    config.data.answers = False
    # Bello's glimpse held back what a few thousand steps can learn.
    config.model = pointings.network(clip=0.0)
    config.reinforce = ml_collections.ConfigDict({"every": 100, "sets": 1000, "significance": 0.05})
    config.decode.samples = 16
    config.steps = 2000
    config.optimizer.learning_rate = 1e-3
    config.optimizer.clip = 1.0
    if "paper" in words:
        config.model.update(glimpses=1, clip=10.0, paper_init=True)
        config.update(steps=100_000, evaluate_every=5_000, checkpoint_every=5_000, log_every=250)
        config.reinforce.update(every=1000, sets=10_000)
    if "smoke" in words:
        pointings.shrink(config)
        config.reinforce.update(every=2, sets=8)
        config.decode.samples = 2
    return config.lock()


def build(config: ml_collections.ConfigDict, folders: Folders) -> Experiment:
    """Cities -> LSTM -> pointing LSTM -> a tour, and how long it is."""
    from attention_jax import pointings
    from attention_jax.data.pointing import Tours
    from attention_jax.models.pointer_network import PointerNetwork
    from attention_jax.tasks.tours_reinforce import ToursReinforce
    from attention_jax.training.optimizers import make_optimizer

    taught = pointings.assemble(PointerNetwork, Tours, config, folders)
    optimizer = make_optimizer(config.optimizer, config.steps)
    return dataclasses.replace(taught, task=ToursReinforce(taught.task, config, optimizer))


def sweep(trial) -> dict:
    """Learning rate, and how far the scores may lie apart."""
    return {
        "optimizer.learning_rate": trial.suggest_categorical("learning_rate", [3e-4, 1e-3]),
        "model.clip": trial.suggest_categorical("clip", [0.0, 10.0]),
    }
