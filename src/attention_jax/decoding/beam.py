"""Beam search that stops only when nothing better can come."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from attention_jax.decoding.contract import (
    FREE,
    Constraint,
    Hypotheses,
    Step,
    batch_size,
    constrain,
    empty_extras,
    keep_where,
    take,
    write,
)
from attention_jax.decoding.penalties import (
    NO_COVERAGE,
    Coverage,
    coverage_penalty,
    length_penalty,
)
from attention_jax.decoding.stages import in_stages
from attention_jax.decoding.top_k import top_k
from attention_jax.errors import UserError
from attention_jax.typing import Array, Bool, Float, PyTree


class _Sequences(NamedTuple):
    """Sequences known by their ends; [batch, n] each."""

    scores: Array  # -inf where there is none
    log_probs: Array
    lengths: Array
    tokens: Array  # the last token
    beams: Array  # the beam it was added to


class _Loop(NamedTuple):
    time: Array
    carry: PyTree
    state: PyTree  # of the constraint
    covered: Array  # [batch x beams, source], attention so far; no source without the penalty
    token: Array  # [batch x beams], added last
    alive: Array  # [batch, beams], log-probability of what has not ended, best first
    ended: _Sequences  # the n_best that ended so far, best first
    done: Array  # [batch], nothing alive can win any more
    tokens: Array  # [max_length, batch, beams], the token added
    parents: Array  # [max_length, batch, beams], the beam it was added to
    extras: PyTree  # leaves [max_length, batch x beams, ...], by the beam that computed them


def beam_search(
    step: Step,
    source: PyTree,
    carry: PyTree,
    *,
    beams: int,
    max_length: int,
    bos: int,
    eos: int,
    pad: int = 0,
    alpha: float | Array = 0.0,
    n_best: int = 1,
    constraint: Constraint | None = None,
    coverage: Coverage | None = None,
) -> Hypotheses:
    """Searches for the sequences with the highest score.

    score = log p(y | source) / length_penalty(|y|, alpha) + coverage_penalty (see `penalties`).

    At every step each example keeps its `beams` likeliest unfinished prefixes. An extension by
    `eos` counts if it is among the `beams` likeliest extensions (so one beam without a penalty is
    greedy decoding), and the `n_best` of those with the highest scores are kept. An example stops
    when no unfinished prefix could reach a place among them, even with the best penalties that it
    can still earn up to `max_length`: it never stops before a longer sequence that would win,
    and what it returns does not depend on the others in its batch. Prefixes still unfinished at
    `max_length` fill the places that are left, after all that ended (see `Hypotheses`).

    The coverage penalty counts where a sequence ends, not between prefixes: what a prefix has not
    looked at yet it still may. Attention only adds up, so the penalty can only rise as a prefix
    grows, and never above 0: with 0 in its place the bound holds whatever comes.

    Runs on the device, in a loop (`stages`); call it under `jit`. Rows of the carry are
    reordered by gather; extras stay where they were written and are traced back once at the end.

    Shapes: leaves of source lead with batch, of carry with batch x beams. `beams` may exceed the
    vocabulary; with beams >= vocab ** max_length the search is exhaustive.

    Raises:
      UserError: n_best exceeds beams, beta is negative, or the carry was started for another
        number of beams.

    Source: Sutskever 2014, §3.2; penalties of Wu 2016, eq. 14. Wu prunes by a score threshold; this
    stops by the bound instead, which loses nothing.
    """
    if not 1 <= n_best <= beams:
        raise UserError(f"n_best is {n_best} but must be from 1 to beams, which is {beams}")
    batch = batch_size(source, carry, beams)
    constraint, coverage = constraint or FREE, coverage or NO_COVERAGE
    if coverage.beta < 0:
        raise UserError(f"the coverage penalty is {coverage.beta} but must be at least 0")
    real = coverage.mask(source)

    def body(now: _Loop) -> _Loop:
        carry, log_probs, extras = step(source, now.carry, now.token, now.time)
        log_probs = constrain(log_probs, constraint, now.state, now.time)
        covered = now.covered + coverage.weights(extras).astype(jnp.float32)
        uncovered = _uncovered(covered, real, now.alive.shape, coverage.beta)
        new = _extend(now, log_probs, alpha, uncovered)
        ended = _finish(now, new, eos)
        going_on = jnp.where(new.tokens == eos, -jnp.inf, new.log_probs)
        alive, order = jax.lax.top_k(going_on, beams)
        parents, tokens = take(new.beams, order), take(new.tokens, order)
        carry, state, covered = jax.tree.map(
            lambda x: _reorder(x, parents), (carry, now.state, covered)
        )
        settled = ended.scores[:, -1] >= _bound(alive[:, 0], now.time + 1, max_length, alpha)
        return _Loop(
            time=now.time + 1,
            carry=carry,
            state=constraint.update(state, tokens.reshape(-1), now.time),
            covered=covered,
            token=tokens.reshape(-1),
            alive=alive,
            ended=ended,
            done=now.done | settled,
            tokens=write(now.tokens, now.time, tokens),
            parents=write(now.parents, now.time, parents),
            extras=write(now.extras, now.time, extras),
        )

    token = jnp.full((batch * beams,), bos, jnp.int32)
    history = jnp.zeros((max_length, batch, beams), jnp.int32)
    start = _Loop(
        time=jnp.int32(0),
        carry=carry,
        state=jax.tree.map(lambda x: jnp.repeat(x, beams, axis=0), constraint.init(source)),
        covered=jnp.zeros((batch * beams, real.shape[-1])),
        token=token,
        # All beams begin alike: all but the first are shut off, or each would be found many times.
        alive=jnp.full((batch, beams), -jnp.inf).at[:, 0].set(0.0),
        ended=_none_ended(batch, n_best),
        done=jnp.zeros(batch, bool),
        tokens=history,
        parents=history,
        extras=empty_extras(step, source, carry, token, max_length),
    )
    end = in_stages(lambda now: ~now.done.all(), body, start, max_length)
    uncovered = _uncovered(end.covered, real, end.alive.shape, coverage.beta)
    return _trace_back(end, _ranked(end, alpha, uncovered), pad)


def _reorder(x: Array, parents: Array) -> Array:
    """Rows [batch x beams, ...] so that each beam continues its parent [batch, beams]."""
    return take(x.reshape(*parents.shape, *x.shape[1:]), parents).reshape(x.shape)


def _uncovered(
    covered: Float[Array, "rows source"],
    real: Bool[Array, "_ source"],
    shape: tuple[int, ...],
    beta: float,
) -> Float[Array, "batch beams"]:
    """The coverage penalty of each beam if it ends here, for beams of this [batch, beams]."""
    covered = covered.reshape(*shape, covered.shape[-1])
    return coverage_penalty(covered, jnp.broadcast_to(real[:, None], covered.shape), beta)


def _none_ended(batch: int, n_best: int) -> _Sequences:
    never = jnp.full((batch, n_best), -jnp.inf)
    nowhere = jnp.zeros((batch, n_best), jnp.int32)
    return _Sequences(never, never, lengths=nowhere, tokens=nowhere, beams=nowhere)


def _extend(
    now: _Loop, log_probs: Float[Array, "rows vocab"], alpha: float | Array, uncovered: Array
) -> _Sequences:
    """The likeliest extensions of each example, 2 x beams, and their scores if they end there.

    At most one extension a beam ends, so among 2 x beams there are enough that go on.
    """
    batch, beams = now.alive.shape
    vocab = log_probs.shape[-1]
    total = now.alive[:, :, None] + log_probs.reshape(batch, beams, vocab)
    top, flat = top_k(total.reshape(batch, beams * vocab), 2 * beams)
    parents = flat // vocab
    return _Sequences(
        scores=top / length_penalty(now.time + 1, alpha) + take(uncovered, parents),
        log_probs=top,
        lengths=jnp.full_like(parents, now.time + 1),
        tokens=flat % vocab,
        beams=parents,
    )


def _finish(now: _Loop, new: _Sequences, eos: int) -> _Sequences:
    """Merges the extensions that end, where they are among the likeliest `beams`, into the kept."""
    beams, n_best = now.alive.shape[1], now.ended.scores.shape[1]
    new = jax.tree.map(lambda x: x[:, :beams], new)
    # A finished search is frozen: neighbours in the batch that search on must not change it.
    counts = (new.tokens == eos) & ~now.done[:, None]
    new = new._replace(scores=jnp.where(counts, new.scores, -jnp.inf))
    together = _beside(now.ended, new)
    _, order = jax.lax.top_k(together.scores, n_best)
    return jax.tree.map(lambda x: take(x, order), together)


def _bound(
    log_prob: Float[Array, " batch"], length: Array, max_length: int, alpha: float | Array
) -> Float[Array, " batch"]:
    """The best score that a prefix of this length and log-probability can still end with.

    Its log-probability can only fall, and the penalty is monotone in the length: the best one
    lies at the shortest end or at the longest, whatever the signs. Its coverage penalty is 0 at
    best.
    """
    shortest = log_prob / length_penalty(length + 1, alpha)
    longest = log_prob / length_penalty(jnp.int32(max_length), alpha)
    return jnp.maximum(shortest, longest)


def _beside(a: _Sequences, b: _Sequences) -> _Sequences:
    return jax.tree.map(lambda x, y: jnp.concatenate([x, y], axis=1), a, b)


def _ranked(end: _Loop, alpha: float | Array, uncovered: Array) -> _Sequences:
    """The n_best of the whole search: what ended, then what did not, then places never filled."""
    max_length, batch, beams = end.tokens.shape
    n_best = end.ended.scores.shape[1]
    unfinished = _Sequences(
        scores=end.alive / length_penalty(jnp.int32(max_length), alpha) + uncovered,
        log_probs=end.alive,
        lengths=jnp.full((batch, beams), max_length, jnp.int32),
        tokens=end.tokens[-1],
        beams=end.parents[-1],
    )
    tier = jnp.where(end.ended.scores > -jnp.inf, 0, 2)
    tier = jnp.concatenate([tier, jnp.ones((batch, beams), tier.dtype)], axis=1)
    together = _beside(end.ended, unfinished)
    order = jnp.lexsort((-together.scores, tier))[:, :n_best]
    chosen = jax.tree.map(lambda x: take(x, order), together)
    exists = chosen.scores > -jnp.inf
    return chosen._replace(
        log_probs=jnp.where(exists, chosen.log_probs, -jnp.inf),
        lengths=jnp.where(exists, chosen.lengths, 0),
    )


def _trace_back(end: _Loop, best: _Sequences, pad: int) -> Hypotheses:
    """Follows the parents from the last token of every hypothesis to its first."""
    max_length, batch, beams = end.tokens.shape

    def earlier(beam: Array, at: tuple[Array, Array, Array]) -> tuple[Array, tuple[Array, Array]]:
        time, tokens, parents = at
        is_last = time == best.lengths - 1
        token = jnp.where(is_last, best.tokens, take(tokens, beam))
        beam = jnp.where(is_last, best.beams, take(parents, beam))
        return beam, (jnp.where(time < best.lengths, token, pad), beam)

    times = jnp.arange(max_length)
    history = (times, end.tokens, end.parents)
    _, (tokens, path) = jax.lax.scan(earlier, jnp.zeros_like(best.beams), history, reverse=True)

    def extras_of(x: Array) -> Array:
        x = jax.vmap(take)(x.reshape(max_length, batch, beams, *x.shape[2:]), path)
        return jnp.moveaxis(keep_where(times[:, None, None] < best.lengths, x), 0, 2)

    return Hypotheses(
        tokens=jnp.moveaxis(tokens, 0, 2),
        lengths=best.lengths,
        log_probs=best.log_probs,
        scores=best.scores,
        extras=jax.tree.map(extras_of, end.extras),
    )
