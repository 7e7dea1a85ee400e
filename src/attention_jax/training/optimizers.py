"""Optimisers and learning-rate schedules from a config.

`default_config` documents every field. An optimiser sees the mean gradient of the whole batch:
clipping comes first in its chain.
"""

import jax
import jax.numpy as jnp
import ml_collections
import optax

from attention_jax.errors import UserError


def default_config() -> ml_collections.ConfigDict:
    """Adam at a constant rate, gradients clipped at norm 1.

    name: adam, sgd, adadelta or rmsprop.
    learning_rate: the schedule's peak. Adadelta's papers use 1.
    schedule.name: constant; cosine (to zero at the last step); transformer (inverse square root of
      the step, peak at the end of the warmup); halving (halved at `first`, then `every` steps).
    schedule.warmup: steps of linear increase before the schedule, whose steps count from there.
    clip: largest global norm of the gradient; 0 does not clip.
    clip_value: largest absolute value of each of its elements, cut off first; 0 does not cut.
    b1, b2, eps: Adam's; Adadelta and RMSProp take `decay` (rho) and `eps`.
    centered: RMSProp divides by the variance in place of the second moment (Graves 2013, eq. 38).
    ema: decay of the averaged parameters used for evaluation; 0 keeps none.
    accumulate: parts in which a batch is worked through, to save memory.

    An experiment may add `rates`: names of parameters or modules -> factors of their learning rate,
    for those that Adam, whose steps are as large however small the gradient, would move too fast.
    """
    return ml_collections.ConfigDict(
        {
            "name": "adam",
            "learning_rate": 1e-3,
            "schedule": {"name": "constant", "warmup": 0, "first": 0, "every": 0},
            "clip": 1.0,
            "clip_value": 0.0,
            "b1": 0.9,
            "b2": 0.999,
            "decay": 0.95,
            "eps": 1e-8,
            "momentum": 0.0,
            "centered": False,
            "ema": 0.0,
            "accumulate": 1,
        }
    )


def make_schedule(config: ml_collections.ConfigDict, steps: int) -> optax.Schedule:
    """The learning rate as a function of the step.

    Args:
      config: as `default_config`.
      steps: of the whole run; the cosine ends there.

    Raises:
      UserError: for a schedule that is not one of those named in `default_config`.
    """
    peak, plan = config.learning_rate, config.schedule
    warmup = plan.warmup
    match plan.name:
        case "constant":
            after = optax.constant_schedule(peak)
        case "cosine":
            after = optax.cosine_decay_schedule(peak, max(steps - warmup, 1))
        case "transformer":
            # Vaswani 2017, eq. 3, with the peak stated instead of d_model: their peak is
            # d_model^-0.5 * warmup^-0.5.
            if warmup < 1:
                raise UserError(
                    "config.optimizer.schedule.warmup is 0: the transformer schedule needs some"
                )
            return lambda step: (
                peak * warmup**0.5 * jnp.minimum((step + 1.0) ** -0.5, (step + 1.0) * warmup**-1.5)
            )
        case "halving":
            if plan.every < 1:
                raise UserError(
                    "config.optimizer.schedule.every is 0: say after how many steps to halve again"
                )
            boundaries = {at: 0.5 for at in range(plan.first, steps, plan.every)}
            after = optax.piecewise_constant_schedule(peak, boundaries)
        case _:
            raise UserError(
                f"config.optimizer.schedule.name is {plan.name!r}: "
                "choose constant, cosine, transformer or halving"
            )
    if not warmup:
        return after
    return optax.join_schedules([optax.linear_schedule(0.0, peak, warmup), after], [warmup])


def make_optimizer(config: ml_collections.ConfigDict, steps: int) -> optax.GradientTransformation:
    """Clipping, then the optimiser at the schedule's rate.

    Raises:
      UserError: for an optimiser or schedule that is not one of those named in `default_config`.
    """
    rate = make_schedule(config, steps)
    match config.name:
        case "adam":
            optimizer = optax.adam(rate, b1=config.b1, b2=config.b2, eps=config.eps)
        case "sgd":
            optimizer = optax.sgd(rate, momentum=config.momentum or None)
        case "adadelta":
            optimizer = optax.adadelta(rate, rho=config.decay, eps=config.eps)
        case "rmsprop":
            optimizer = optax.rmsprop(
                rate,
                decay=config.decay,
                eps=config.eps,
                centered=config.centered,
                momentum=config.momentum or None,
            )
        case _:
            raise UserError(
                f"config.optimizer.name is {config.name!r}: choose adam, sgd, adadelta or rmsprop"
            )
    parts = []
    if config.clip_value:
        parts.append(optax.clip(config.clip_value))
    if config.clip:
        parts.append(optax.clip_by_global_norm(config.clip))
    parts.append(optimizer)
    if rates := config.get("rates"):
        parts.append(_at_rates(rates.to_dict()))
    return optax.chain(*parts) if len(parts) > 1 else optimizer


def _at_rates(rates: dict[str, float]) -> optax.GradientTransformation:
    """Updates times the factor of their parameter, or of the innermost module that has one."""

    def scaled(path: tuple, update: jax.Array) -> jax.Array:
        names = (jax.tree_util.keystr((key,), simple=True) for key in reversed(path))
        return update * next((rates[name] for name in names if name in rates), 1.0)

    return optax.stateless(lambda updates, _: jax.tree.map_with_path(scaled, updates))
