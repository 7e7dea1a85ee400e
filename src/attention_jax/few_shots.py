"""What the few-shot experiments share: their config, and how model, task and episodes meet."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
from flax import linen as nn

from attention_jax import experiment
from attention_jax.baselines import nearest
from attention_jax.data.episodes import EpisodeData, example_batch, make_pools
from attention_jax.errors import UserError
from attention_jax.experiment import Experiment, Folders
from attention_jax.tasks.few_shot import FewShot
from attention_jax.training.optimizers import make_optimizer

_SYSTEMS = ("prototypical", "lstm", "tc_only", "attention_only")

WORDS = ("smoke", "paper", *_SYSTEMS)
"""Of every experiment's `:arg`: `prototypical` and `lstm` are the controls, `tc_only` is SNAIL
without its attention blocks and `attention_only` without its convolutions."""

KEYS = {"ways": "5", "shots": "1"}
"""`ways=20` asks for episodes of 20 classes, `shots=5` for a support of up to five images of each;
what they are where nothing is said."""


def default_config(name: str, values: Mapping[str, str]) -> ml_collections.ConfigDict:
    """The config of every experiment, and what few-shot learning adds to it.

    system: snail, prototypical or lstm; chosen by a word of the `:arg`, since each has a `model` of
      its own.
    data: see `data.episodes`.

    Args:
      name: of the data set.
      values: of `KEYS`, as they were written.

    Raises:
      UserError: for ways or shots that are no number.
    """
    ways, shots = (_number(key, values.get(key, given)) for key, given in KEYS.items())
    config = experiment.default_config()
    config.update(
        {
            "system": "snail",
            "data": {
                "name": name,
                "ways": ways,
                "shots": shots,
                "queries": ways,
                "test_queries": max(15, ways),
                "validation_episodes": 100,
                "test_episodes": 1000,
                "seed": 0,
                "limit": 0,
                "split": "alphabets",
                "side": 28,
                "channels": 1,
            },
            "model": {
                "shots": shots,
                "filters": 32,
                "embedding": 64,
                "sizes": ((32, 16), 32, (64, 32), 32, (128, 64)),
                "attention": True,
                "convolutions": True,
                "first_dilation": 1,
            },
        }
    )
    config.update(batch_size=16, log_every=50, evaluate_every=300, checkpoint_every=300)
    config.optimizer.learning_rate = 2e-3
    config.optimizer.schedule.name = "cosine"
    return config


def take_the_papers_sizes(config: ml_collections.ConfigDict) -> None:
    """SNAIL as published for Omniglot, trained for longer.

    How many batches of how many episodes, at what rate, is ours.
    """
    sizes = ((64, 32), 128, (256, 128), 128, (512, 256))
    config.model.update(filters=64, embedding=64, sizes=sizes)
    config.update(steps=50_000, batch_size=32, evaluate_every=2_500, checkpoint_every=2_500)
    config.log_every = 250
    config.optimizer.learning_rate = 3e-4
    config.optimizer.schedule.warmup = 500


def become(config: ml_collections.ConfigDict, words: set[str]) -> None:
    """Makes the control or the ablation that the words of an `:arg` ask for of a config, if any.

    Raises:
      UserError: for more than one.
    """
    asked = [word for word in _SYSTEMS if word in words]
    if len(asked) > 1:
        raise UserError(f"{' and '.join(asked)} are different systems: give one of them")
    model = config.model
    match asked:
        case ["prototypical"]:
            config.system, config.model = "prototypical", _dict(filters=model.filters)
        case ["lstm"]:
            sizes = _dict(filters=model.filters, embedding=model.embedding, hidden=256, layers=1)
            config.system, config.model = "lstm", sizes
        case ["tc_only"]:
            model.attention = False
        case ["attention_only"]:
            model.convolutions = False


def shrink(config: ml_collections.ConfigDict) -> None:
    """Makes a `:smoke` of a config: four steps of a tiny model on a few embedded letters."""
    experiment.shrink(config, steps=4, batch_size=4)
    config.data.update(name="glyphs", limit=4, ways=3, shots=1, queries=3, test_queries=3)
    config.data.update(validation_episodes=4, test_episodes=6)
    tiny = {
        "shots": 1,
        "filters": 4,
        "embedding": 4,
        "hidden": 4,
        "sizes": ((4, 4), 4, (4, 4)),
    }
    config.model.update({name: size for name, size in tiny.items() if name in config.model})


def assemble(
    models: Mapping[str, Callable[..., nn.Module]],
    config: ml_collections.ConfigDict,
    folders: Folders,
) -> Experiment:
    """The data set's episodes, a model that reads them, and the task between them.

    Args:
      models: system -> its class; `config.model` holds its arguments.
      config: as `default_config`.
      folders: prepared images, and in `manual_dir` those that the user brings.

    Raises:
      UserError: for episodes, a model or an optimiser that cannot be.
    """
    pools = make_pools(config.data, folders.data_dir, folders.manual_dir)
    data = EpisodeData(pools, config)
    network = _network(models, config)
    optimizer = make_optimizer(config.optimizer, config.steps)
    longest = config.data.ways, config.data.shots
    example = example_batch(*longest, pools.side, pools.channels)
    task = FewShot(network, config, optimizer, example, data.names)
    # Asked for now: a model that cannot be should leave no mark in the workdir.
    jax.eval_shape(task.init, jax.random.key(config.seed), task.example())
    return Experiment(config, task, data, nearest.for_data(data))


def _network(
    models: Mapping[str, Callable[..., nn.Module]], config: ml_collections.ConfigDict
) -> nn.Module:
    if config.system not in models:
        raise UserError(f"config.system is {config.system!r}: choose {', '.join(models)}")
    model: Any = models[config.system]
    known = {field.name for field in dataclasses.fields(model)}
    values = dict(config.model)
    if other := sorted(values.keys() - known):
        raise UserError(
            f"config.model.{other[0]} is nothing of {config.system}: give the system as the "
            f"experiment's argument, such as :{config.system}, not as config.system"
        )
    if "sizes" in values:
        # As JSON gives them back, pairs are lists.
        values["sizes"] = tuple(
            size if isinstance(size, int) else tuple(size) for size in values["sizes"]
        )
    return model(ways=config.data.ways, dtype=jnp.dtype(config.dtype), **values)


def _dict(**values: Any) -> ml_collections.ConfigDict:
    return ml_collections.ConfigDict(values)


def _number(key: str, text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise UserError(f"{key}={text} is no number: write {key}=5")
    return int(text)
