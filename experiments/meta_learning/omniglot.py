"""SNAIL learns handwritten characters from one image of each (Mishra 2017, §5.1, Table 1).

What the paper shows: convolutions and attention over labelled images, trained on episodes of 1,200
characters in four turns each, classify characters that training never had, better than what was
made for few images.

    attention-jax train --config=meta_learning/omniglot --workdir=W --manual_dir=DIR
    attention-jax evaluate --workdir=W --split=test
    attention-jax evaluate --config=meta_learning/omniglot --baseline=nearest --manual_dir=DIR

DIR holds Omniglot, as a file or in its original folders: `data.episodes.omniglot` says how. The
paper, with its own split of 1,200 and 423 characters:

    5 ways, 1 shot 99.07 ± .16 %    5 shots 99.78 ± .09 %
    20 ways, 1 shot 97.64 ± .30 %   5 shots 99.36 ± .18 %

The default's split is harder, 22 alphabets for training and 5 others for test, and its sizes are
made for two CPU cores and a few minutes: 5 ways, 1 shot 89.9 %, where the nearest in pixels has
41.5 %. The paper's sizes, not measured yet:

    attention-jax train --config=meta_learning/omniglot:paper --workdir=W --manual_dir=DIR
    attention-jax train --config=meta_learning/omniglot:paper,ways=20,shots=5 --workdir=W \
      --manual_dir=DIR

and its split with `--config.data.split=paper`, for which DIR must hold both sets of the original.

Arguments: `ways=20`, `shots=5` (classes, and images of each at most; by default 5 and 1); `paper`;
`prototypical`, `lstm` (controls); `tc_only`, `attention_only` (SNAIL with one kind of its blocks);
`smoke` (a few steps of a tiny model, on letters of `meta_learning/glyphs`: it needs no DIR).
"""

import ml_collections

from attention_jax import experiment
from attention_jax.experiment import Experiment, Folders


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """The default, or its variants by `arg`."""
    from attention_jax import few_shots

    words, values = experiment.parse_arg(arg, few_shots.WORDS, [*few_shots.KEYS])
    config = few_shots.default_config("omniglot", values)
    config.steps = 1200
    if "paper" in words:
        few_shots.take_the_papers_sizes(config)
    few_shots.become(config, words)
    if "smoke" in words:
        few_shots.shrink(config)
    return config.lock()


def build(config: ml_collections.ConfigDict, folders: Folders) -> Experiment:
    """Characters -> embedding -> attention and convolutions over what was shown -> a class."""
    from attention_jax import few_shots
    from attention_jax.models.lstm_meta_learner import LSTMMetaLearner
    from attention_jax.models.prototypical import PrototypicalNetwork
    from attention_jax.models.snail import SNAIL

    models = {"snail": SNAIL, "prototypical": PrototypicalNetwork, "lstm": LSTMMetaLearner}
    return few_shots.assemble(models, config, folders)


def sweep(trial) -> dict:
    """Both kinds of blocks, or one of them."""
    blocks = trial.suggest_categorical("blocks", ["both", "tc_only", "attention_only"])
    return {
        "model.attention": blocks != "tc_only",
        "model.convolutions": blocks != "attention_only",
    }
