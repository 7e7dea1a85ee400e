"""How an answer about points is searched for, and what may be pointed at meanwhile."""

from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
from flax import linen as nn

from attention_jax.data.pointing import Problem, Tours
from attention_jax.decoding import Constraint, Hypotheses, beam_search, greedy
from attention_jax.decoding.contract import take
from attention_jax.decoding.visited import END, ascending_triples, unvisited
from attention_jax.errors import UserError
from attention_jax.typing import Array


def check(decode: ml_collections.ConfigDict) -> None:
    """Raises UserError for a search that cannot be."""
    if decode.beams < 1:
        raise UserError(
            f"config.decode.beams is {decode.beams}: search with 1 (greedy) or more beams"
        )
    if decode.max_points < 1:
        raise UserError(f"config.decode.max_points is {decode.max_points}: allow 1 point or more")


def allowed(problem: Problem, points_mask: Array) -> Constraint:
    """Ascending triples for a triangulation; else no point twice, and no end before the answer has
    as many points as one must.
    """
    if problem.triples:
        return ascending_triples(points_mask)
    return unvisited(points_mask, problem.least(points_mask.shape[1]))


def search(
    beams: int,
    problem: Problem,
    model: nn.Module,
    variables: Any,
    points: Array,
    points_mask: Array,
    weights: bool = True,
) -> Hypotheses:
    """The best answer that is found for each set: hypotheses with n_best = 1.

    With one beam greedily. With more, the beams and the greedy answer are compared, so that a
    search is never worse than no search: the likeliest is taken, and of tours the shortest, whose
    lengths need no label.

    Source: Vinyals 2015, §4.4, where a beam search goes through valid tours only. Departures: hulls
    and triangulations are constrained too; the paper takes the likeliest tour.

    Args:
      beams: 1 or more.
      problem: says what is allowed.
      model: with `encode`, `start` and `step`.
      variables: its parameters.
      points: [batch, inputs, coordinates].
      points_mask: [batch, inputs].
      weights: keep those of each step.
    """

    def step(memory, carry, token, time):
        return model.apply(variables, memory, carry, token, time, weights=weights, method="step")

    memory = model.apply(variables, points, points_mask, method="encode")
    longest = problem.longest(points.shape[1])
    limits: dict[str, Any] = {"max_length": longest, "bos": END, "eos": END, "pad": END}
    limits["constraint"] = allowed(problem, points_mask)

    def start(rows: int):
        return model.apply(variables, memory, rows, longest, method="start")

    found = greedy(step, memory, start(1), **limits)
    if beams == 1:
        return found
    kept = beams if isinstance(problem, Tours) else 1
    searched = beam_search(step, memory, start(beams), beams=beams, n_best=kept, **limits)
    together = jax.tree.map(lambda a, b: jnp.concatenate([a, b], axis=1), found, searched)
    worth = together.log_probs
    if isinstance(problem, Tours):
        worth = jnp.where(worth > -jnp.inf, -tour_lengths(points, together.tokens), -jnp.inf)
    ended = (together.tokens == END).any(-1) & (together.lengths > 0)
    best = jnp.lexsort((-worth, ~ended))[:, :1]
    return jax.tree.map(lambda x: take(x, best), together)


def tour_lengths(points: Array, tokens: Array) -> Array:
    """Of closed tours as positions: [batch, tours] of points [batch, inputs, 2] and tokens
    [batch, tours, outputs], each up to its end.
    """
    following = jnp.pad(tokens[..., 1:], ((0, 0), (0, 0), (0, 1)))
    following = jnp.where(following == END, tokens[..., :1], following)

    def at(positions: Array) -> Array:
        return take(points, jnp.maximum(positions - 1, 0).reshape(len(points), -1))

    apart = jnp.linalg.norm(at(tokens) - at(following), axis=-1).reshape(tokens.shape)
    return jnp.where(tokens == END, 0, apart).sum(-1)
