"""The Pointer Network finds convex hulls (Vinyals 2015, §4.2, Table 1).

What the paper shows: one network, trained on sets of 5 to 50 points, finds the hulls of all of
them and of larger ones, where a softmax over a fixed number of positions is lost.

    attention-jax train --config=pointing/convex_hull --workdir=W
    attention-jax evaluate --workdir=W --split=test
    attention-jax evaluate --workdir=W --split=test_10

The default: sets of 5 to 10 points; after 126 s on 2 cores (Intel Xeon) 74 % of the hulls are right
and 99.2 % of the area is covered. `points=5-50` asks for the paper's; `test_10` are sets of 10
points, whatever number you write. The paper, trained on 5 to 50: accuracy 92.0, 87.0 and 69.6 % at
5, 10 and 50 points, 50.3 at 100; at 50 points the LSTM 1.9 %, with attention 38.9 %. Ours, after
111 minutes on 2 cores (AMD EPYC) and with a beam of 4: 92.9, 88.0 and 63.1 %.

    attention-jax train --config=pointing/convex_hull:points=5-50,paper --workdir=W
    attention-jax predict --workdir=W --pictures=DIR "[[0, 0], [9, 1], [5, 8], [5, 4]]"

Arguments: `points=N` or `points=N-M`; `paper` (its sizes, longer); `lstm` and `attention` (the
controls of Table 1); `smoke` (a few steps of a tiny model).
"""

import ml_collections

from attention_jax import experiment
from attention_jax.experiment import Experiment, Folders


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """The default, or its variants by `arg`."""
    from attention_jax import pointings

    words, values = experiment.parse_arg(arg, pointings.WORDS, pointings.KEYS)
    config = pointings.default_config("convex_hull", values.get("points", "5-10"))
    config.model.standardised = True
    config.steps = 3000
    config.optimizer.learning_rate = 2e-3
    if "paper" in words:
        pointings.train_as_the_paper(config, steps=45_000)
        # Smaller batches than the paper's: more steps in the same time. The rate is that of
        # triangulations.
        config.batch_size = 64
        config.optimizer.learning_rate = 4e-3
        config.evaluate_every = 5_000
    pointings.become_control(config, words)
    if "paper" in words and not config.control:
        # As many sets of 5 to 9 points as of 10 to 19, where the paper says "5-50" and no more: of
        # uniform sizes a fiftieth has 5 points. The controls are tested on 50 points alone.
        config.problem.log_uniform = True
    if "smoke" in words:
        pointings.shrink(config)
    return config.lock()


def build(config: ml_collections.ConfigDict, folders: Folders) -> Experiment:
    """Points -> LSTM -> pointing LSTM -> the hull's corners, counter-clockwise."""
    from attention_jax import pointings
    from attention_jax.data.pointing import Hulls
    from attention_jax.models.pointer_network import FixedVocabulary, PointerNetwork

    model = FixedVocabulary if config.control else PointerNetwork
    return pointings.assemble(model, Hulls, config, folders)


def sweep(trial) -> dict:
    """Learning rate and width."""
    return {
        "optimizer.learning_rate": trial.suggest_categorical("learning_rate", [1e-3, 2e-3]),
        "model.hidden": trial.suggest_categorical("hidden", [128, 256]),
    }
