"""The Pointer Network goes round cities, taught by optimal tours (Vinyals 2015, §4.4, Table 2).

What the paper shows: it learns tours from examples alone, and knows nothing of distances.

    attention-jax train --config=pointing/tsp --workdir=W
    attention-jax evaluate --workdir=W --split=test --config.decode.beams=5

The default: 5 cities; its greedy tours are 0.7 % above the optimal ones, whose mean length is 2.12,
after 25 s on 2 cores (AMD EPYC with AVX-512). The paper: 2.12 at 5 cities, 2.88 at 10 (optimal:
2.87), 3.88 at 20 (3.83, recalled). Up to 12 cities the taught tours are optimal, by Held and Karp's
algorithm; more take a solver (`pip install attention-jax[tsp]`), and each of its tours serves many
times: turned, reflected, in another order (`data.vary`).

    attention-jax train --config=pointing/tsp:points=10,paper --workdir=W
    attention-jax predict --workdir=W --input=berlin52.tsp --pictures=DIR
    attention-jax evaluate --workdir=W --split=tsplib --manual_dir=FOLDER

The last measures every `.tsp` file of a folder, beside the `.opt.tour` there or the solver's.

Arguments: `points=N` or `points=N-M`; `paper` (its sizes, longer); `lstm` and `attention` (the
controls of its Table 1); `smoke` (a few steps of a tiny model).
"""

import ml_collections

from attention_jax import experiment
from attention_jax.experiment import Experiment, Folders


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """The default, or its variants by `arg`."""
    from attention_jax import pointings
    from attention_jax.data.pointing import held_karp

    words, values = experiment.parse_arg(arg, pointings.WORDS, pointings.KEYS)
    config = pointings.default_config("tsp", values.get("points", "5"))
    config.steps = 3000
    config.optimizer.learning_rate = 2e-3
    if "paper" in words:
        pointings.train_as_the_paper(config, steps=10_000)
    if config.problem.max_points > held_karp.MOST:
        # A solver takes a hundred times as long a tour: fewer of them, each in many forms.
        config.data.update(train_size=50_000, test_size=1000, vary=True)
    pointings.become_control(config, words)
    if "smoke" in words:
        pointings.shrink(config)
    return config.lock()


def build(config: ml_collections.ConfigDict, folders: Folders) -> Experiment:
    """Cities -> LSTM -> pointing LSTM -> a tour."""
    from attention_jax import pointings
    from attention_jax.data.pointing import Tours
    from attention_jax.models.pointer_network import FixedVocabulary, PointerNetwork

    model = FixedVocabulary if config.control else PointerNetwork
    return pointings.assemble(model, Tours, config, folders)


def sweep(trial) -> dict:
    """Learning rate and width."""
    return {
        "optimizer.learning_rate": trial.suggest_categorical("learning_rate", [1e-3, 2e-3]),
        "model.hidden": trial.suggest_categorical("hidden", [128, 256]),
    }
