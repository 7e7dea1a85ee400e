"""The Pointer Network sorts numbers by pointing at them (Vinyals 2015, 2016).

What it shows: a network whose answers are positions of its input learns an order, which a softmax
over a fixed vocabulary of numbers cannot even name.

    attention-jax train --config=pointing/sorting --workdir=W
    attention-jax evaluate --workdir=W --split=test

The default: 5 numbers; 98 % of 1,000 test lists come out in order after 40 s on 2 cores (AMD EPYC
with AVX-512). `points=10` asks for 10. Sorting is not in the paper of 2015: it is how Vinyals 2016
("Order Matters", §5.1) compares the network with later ones.

    attention-jax train --config=pointing/sorting:points=10,paper --workdir=W
    attention-jax predict --workdir=W --pictures=DIR "[0.5, 0.1, 0.9, 0.3, 0.7]"

Arguments: `points=N`; `paper` (the paper's sizes, longer); `lstm` and `attention` (the controls of
its Table 1); `smoke` (a few steps of a tiny model).
"""

import ml_collections

from attention_jax import experiment
from attention_jax.experiment import Experiment, Folders


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """The default, or its variants by `arg`."""
    from attention_jax import pointings

    words, values = experiment.parse_arg(arg, pointings.WORDS, pointings.KEYS)
    config = pointings.default_config("sorting", values.get("points", "5"))
    config.steps = 5000
    config.optimizer.learning_rate = 2e-3
    if "paper" in words:
        pointings.train_as_the_paper(config, steps=10_000)
    pointings.become_control(config, words)
    if "smoke" in words:
        pointings.shrink(config)
    return config.lock()


def build(config: ml_collections.ConfigDict, folders: Folders) -> Experiment:
    """Numbers -> LSTM -> pointing LSTM -> their order."""
    from attention_jax import pointings
    from attention_jax.data.pointing import Sorting
    from attention_jax.models.pointer_network import FixedVocabulary, PointerNetwork

    model = FixedVocabulary if config.control else PointerNetwork
    return pointings.assemble(model, Sorting, config, folders)


def sweep(trial) -> dict:
    """Learning rate and width."""
    return {
        "optimizer.learning_rate": trial.suggest_categorical("learning_rate", [1e-3, 2e-3]),
        "model.hidden": trial.suggest_categorical("hidden", [64, 128]),
    }
