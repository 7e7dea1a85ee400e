"""What the pointing experiments share: their config, and how model, task and sets meet."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
from flax import linen as nn

from attention_jax import experiment
from attention_jax.data.pointing import PointingData, Problem
from attention_jax.errors import UserError
from attention_jax.experiment import Experiment, Folders
from attention_jax.tasks.pointing import Pointing
from attention_jax.training.optimizers import make_optimizer

WORDS = ("smoke", "paper", "lstm", "attention")
"""Of every experiment's `:arg`: `lstm` and `attention` are the controls that choose from a fixed
number of positions (Vinyals 2015, Table 1), without attention and with it."""

KEYS = ("points",)
"""`points=10` asks for sets of 10 points, `points=5-20` for all sizes from 5 to 20."""


def default_config(name: str, points: str) -> ml_collections.ConfigDict:
    """The config of every experiment, and what pointing adds to it.

    control: a fixed number of positions in place of the pointer.
    problem.min_points, problem.max_points: sizes of the sets, all between alike often.
    problem.log_uniform: small sets more often (`data.pointing.problem.Sized`).
    data.train_size, data.validation_size, data.test_size: sets to prepare, with their answers.
    data.seed: of their draws. data.buckets: numbers of points to which batches are padded.
    data.answers: False trains on sets drawn as they are needed, whose answers nobody knows.
    data.vary: vary each tour anew each time (`data.pointing.tours.varied`).
    decode.beams: 1 is greedy. decode.max_points: of a user's own set, at most.

    Args:
      name: of the problem.
      points: a size of the sets, or two with a hyphen between.

    Raises:
      UserError: for sizes that are none.
    """
    low, high = _sizes(points)
    config = experiment.default_config()
    config.update(
        {
            "control": False,
            "problem": {"min_points": low, "max_points": high, "log_uniform": False},
            "data": {
                "name": name,
                "train_size": 100_000,
                "validation_size": 500,
                "test_size": 1000,
                "seed": 0,
                "buckets": _buckets(high),
                "answers": True,
                "vary": False,
            },
            "decode": {"beams": 1, "max_points": 512},
            "model": network(),
        }
    )
    config.update(batch_size=128, log_every=50, evaluate_every=1000, checkpoint_every=1000)
    config.optimizer.clip = 2.0
    config.optimizer.schedule.name = "cosine"
    return config


def network(**values: Any) -> ml_collections.ConfigDict:
    """The config of `models.pointer_network.PointerNetwork`."""
    start = {"hidden": 128, "glimpses": 0, "standardised": False, "paper_init": False}
    return ml_collections.ConfigDict(start | values)


def become_control(config: ml_collections.ConfigDict, words: set[str]) -> None:
    """Makes the control that the words of an `:arg` ask for of a config, if they do.

    Raises:
      UserError: for both.
    """
    if not words & {"lstm", "attention"}:
        return
    if {"lstm", "attention"} <= words:
        raise UserError("lstm and attention are two controls: give one of them")
    config.control = True
    config.model = ml_collections.ConfigDict(
        {
            "longest": config.data.buckets[-1],
            "hidden": config.model.hidden,
            "attention": "attention" in words,
            "standardised": config.model.standardised,
            "paper_init": config.model.paper_init,
        }
    )


def train_as_the_paper(config: ml_collections.ConfigDict, steps: int) -> None:
    """A million sets, 256 units, batches of 128, gradients clipped at norm 2.

    Departures: Adam with a cosine to zero in place of SGD at a rate of 1, and the house's
    initialisation; from U(-0.08, 0.08), at half the rate, triangulations of 5 points learned about
    five times as slowly. The paper does not say how long it trained; here each set is seen up to
    four times. Hulls and triangulations set batches of 64 in their files.
    """
    config.data.update(train_size=1_000_000, test_size=10_000)
    config.model.hidden = 256
    config.update(steps=steps, evaluate_every=2_000, checkpoint_every=1_000, log_every=250)


def shrink(config: ml_collections.ConfigDict) -> None:
    """Makes a `:smoke` of a config: four steps of a tiny model on a few sets of a few points."""
    experiment.shrink(config, steps=4, batch_size=8)
    high = min(config.problem.max_points, 6)
    config.problem.update(min_points=min(config.problem.min_points, high), max_points=high)
    config.data.update(train_size=40, validation_size=8, test_size=12, buckets=(high,))
    config.model.hidden = 8
    if config.control:
        config.model.longest = high


def assemble(
    model: Callable[..., nn.Module],
    problem: Callable[..., Problem],
    config: ml_collections.ConfigDict,
    folders: Folders,
) -> Experiment:
    """The problem's sets, a model that points at their points, and the task between them.

    Args:
      model: a class of `models.pointer_network`; `config.model` holds its arguments.
      problem: a class of `data.pointing`; `config.problem` holds its sizes.
      config: as `default_config`.
      folders: prepared sets, and TSPLIB's files in `manual_dir`.

    Raises:
      UserError: for sizes, a model or an optimiser that cannot be.
    """
    asked = problem(**config.problem)
    data = PointingData(asked, config, folders.data_dir, folders.manual_dir)
    network = model(dtype=jnp.dtype(config.dtype), **config.model)
    optimizer = make_optimizer(config.optimizer, config.steps)
    task = Pointing(network, asked, config, optimizer, data.names)
    # Asked for now: a model that cannot be should leave no mark in the workdir.
    jax.eval_shape(task.init, jax.random.key(config.seed), task.example())
    return Experiment(config, task, data)


def _sizes(points: str) -> tuple[int, int]:
    low, hyphen, high = points.partition("-")
    if not low.isdecimal() or (hyphen and not high.isdecimal()):
        raise UserError(f"points={points} is no size of a set: write points=10 or points=5-50")
    return int(low), int(high or low)


def _buckets(most: int) -> tuple[int, ...]:
    """Up to ten points one bucket, else one every ten."""
    return (*range(10, most, 10), most)
