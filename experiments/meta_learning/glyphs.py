"""SNAIL learns letters of scripts it has never seen from one image of each (Mishra 2017, §5.1).

What it shows: a network that reads a few labelled images with convolutions and attention tells
letters of Armenian, Georgian and Tifinagh apart, after nothing but episodes of Latin, Cyrillic,
Canadian and others. Which images it reads for an answer can be seen, and counted.

    attention-jax train --config=meta_learning/glyphs --workdir=W
    attention-jax evaluate --workdir=W --split=test
    attention-jax evaluate --config=meta_learning/glyphs --baseline=nearest --split=test

The paper has no such set; its Omniglot is `meta_learning/omniglot`. After 1,200 steps, means of
three seeds: 85.6 % of the queries right; a prototypical network 92.5 %; nearest in pixels 50.6 %.

Beside it with the same data, batches and steps: `:prototypical` (Snell 2017, nothing is learned but
the embedding), `:lstm` (what was shown lives in a state), `:tc_only` and `:attention_only` (SNAIL
with one kind of its blocks). `attention-jax sweep --config=meta_learning/glyphs` trains the last
two beside the whole.

    attention-jax predict --workdir=W --pictures=DIR 0 1 FOLDER

A number is an episode of the test split; FOLDER has `support/CLASS/*.png` and `queries/*.png`.

Arguments: `ways=20`, `shots=5` (classes, and images of each at most; by default 5 and 1); `paper`
(the paper's sizes, longer); `prototypical`, `lstm`, `tc_only`, `attention_only`; `smoke` (a few
steps of a tiny model).
"""

import ml_collections

from attention_jax import experiment
from attention_jax.experiment import Experiment, Folders


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """The default, or its variants by `arg`."""
    from attention_jax import few_shots

    words, values = experiment.parse_arg(arg, few_shots.WORDS, [*few_shots.KEYS])
    config = few_shots.default_config("glyphs", values)
    config.steps = 1200
    if "paper" in words:
        few_shots.take_the_papers_sizes(config)
    few_shots.become(config, words)
    if "smoke" in words:
        few_shots.shrink(config)
    return config.lock()


def build(config: ml_collections.ConfigDict, folders: Folders) -> Experiment:
    """Letters -> embedding -> attention and convolutions over what was shown -> a class."""
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
