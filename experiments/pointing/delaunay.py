"""The Pointer Network triangulates (Vinyals 2015, §4.3).

What the paper shows: answers whose elements recur. A triangulation is said triangle by triangle,
from left to right, each as three positions in their order.

    attention-jax train --config=pointing/delaunay --workdir=W
    attention-jax evaluate --workdir=W --split=test

The default: sets of 5 points, as in the paper's first row; after 119 s on 2 cores (Intel Xeon)
37 % of the triangulations are right and 75 % of the triangles; `paper`, after 70 minutes on one
core, 82.6 and 93.2 %. The paper: accuracy 80.7 % and coverage 93.0 % at 5 points, 22.6 and 81.3 at
10, 0 and 52.8 at 50.

    attention-jax train --config=pointing/delaunay:paper --workdir=W
    attention-jax predict --workdir=W --pictures=DIR "[[0, 0], [9, 1], [5, 8], [5, 4]]"

Arguments: `points=N` or `points=N-M`; `paper` (its sizes, longer); `lstm` and `attention` (the
controls of its Table 1); `smoke` (a few steps of a tiny model).
"""

import ml_collections

from attention_jax import experiment
from attention_jax.experiment import Experiment, Folders


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """The default, or its variants by `arg`."""
    from attention_jax import pointings

    words, values = experiment.parse_arg(arg, pointings.WORDS, pointings.KEYS)
    config = pointings.default_config("delaunay", values.get("points", "5"))
    config.model.standardised = True
    config.steps = 3000
    config.optimizer.learning_rate = 2e-3
    if "paper" in words:
        pointings.train_as_the_paper(config, steps=60_000)
        # Smaller batches than the paper's: more steps in the same time. Short runs at half this
        # rate, and at one and a half times, had fewer right (of points seen in [0, 1]).
        config.batch_size = 64
        config.optimizer.learning_rate = 4e-3
        config.update(evaluate_every=10_000, checkpoint_every=5_000)
    pointings.become_control(config, words)
    if "smoke" in words:
        pointings.shrink(config)
    return config.lock()


def build(config: ml_collections.ConfigDict, folders: Folders) -> Experiment:
    """Points -> LSTM -> pointing LSTM -> triangles, from left to right."""
    from attention_jax import pointings
    from attention_jax.data.pointing import Triangulations
    from attention_jax.models.pointer_network import FixedVocabulary, PointerNetwork

    model = FixedVocabulary if config.control else PointerNetwork
    return pointings.assemble(model, Triangulations, config, folders)


def sweep(trial) -> dict:
    """Learning rate and width."""
    return {
        "optimizer.learning_rate": trial.suggest_categorical("learning_rate", [1e-3, 2e-3]),
        "model.hidden": trial.suggest_categorical("hidden", [128, 256]),
    }
