"""Greedy and beam search against every sequence there is."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tests.decoding.toy import (
    BOS,
    DEAD_END,
    EOS,
    ONCE,
    PAD,
    TOKENS,
    assert_equal,
    exhaustive,
    log_prob,
    sequence,
    start,
    step,
    tables,
)

from attention_jax.decoding import beam_search, greedy
from attention_jax.errors import UserError


@functools.partial(jax.jit, static_argnames=("beams", "max_length", "n_best", "constraint"))
def search(table, alpha=0.0, beams=5, n_best=5, max_length=6, constraint=None):
    return beam_search(
        step,
        table,
        start(table.shape[0], beams, max_length),
        beams=beams,
        max_length=max_length,
        alpha=alpha,
        n_best=n_best,
        constraint=constraint,
        **TOKENS,
    )


@functools.partial(jax.jit, static_argnames=("max_length", "constraint"))
def walk(table, max_length=6, constraint=None):
    carry = start(table.shape[0], 1, max_length)
    return greedy(step, table, carry, max_length=max_length, constraint=constraint, **TOKENS)


@pytest.mark.parametrize("alpha", [-1.0, 0.0, 0.6, 2.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_wide_beam_never_misses_the_best_of_all_sequences(seed, alpha):
    table = tables(seed, batch=3, vocab=4)
    found = search(table, beams=120, max_length=4, alpha=alpha, n_best=5)
    for example in range(3):
        best = exhaustive(table[example], 4, alpha, 5)
        for place, (score, total, tokens) in enumerate(best):
            assert sequence(found, example, place) == tokens
            np.testing.assert_allclose(found.scores[example, place], score, rtol=1e-5)
            np.testing.assert_allclose(found.log_probs[example, place], total, rtol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_a_search_that_sees_everything_is_never_worse_than_greedy(seed):
    """A narrower beam may be: it can drop the path that greedy takes."""
    table = tables(seed, batch=3, vocab=4)
    plain = jax.tree.map(np.asarray, walk(table, max_length=4))
    found = search(table, beams=120, max_length=4, alpha=0.0, n_best=5)
    ended = (plain.tokens[:, 0] == EOS).any(-1)
    assert (np.asarray(found.scores)[ended, 0] >= plain.scores[ended, 0] - 1e-5).all()


def test_one_beam_without_a_penalty_never_differs_from_greedy():
    table = tables(3, batch=40)
    one, plain = search(table, beams=1, n_best=1), walk(table)
    assert_equal(one.tokens, plain.tokens)
    assert_equal(one.lengths, plain.lengths)
    assert_equal(one.extras, plain.extras)
    np.testing.assert_allclose(one.log_probs, plain.log_probs, rtol=1e-6)
    assert_equal(plain.scores, plain.log_probs)
    assert {2, 6} <= set(plain.lengths[:, 0].tolist())  # both: ended, and cut at max_length


def test_greedy_takes_the_likeliest_token_at_every_step():
    table = np.asarray(tables(4, batch=40))
    found = walk(table)
    for example in range(40):
        before, last, tokens = 0, BOS, []
        while len(tokens) < 6 and last != EOS:
            before, last = last, int(table[example, before, last].argmax())
            tokens.append(last)
        assert sequence(found, example) == tuple(tokens)
        total = log_prob(table[example], tokens)
        np.testing.assert_allclose(found.log_probs[example, 0], total, rtol=1e-5)


@pytest.mark.parametrize(("run", "batch"), [(walk, 40), (search, 6)])
def test_batch_size_never_changes_a_result(run, batch):
    table = tables(5, batch)
    together = run(table)
    for example in range(batch):
        alone = run(table[example : example + 1])
        assert_equal(jax.tree.map(lambda x, i=example: x[i : i + 1], together), alone)


def two_ways():
    """EOS at once with probability 0.6, or else 3, 4, 0, EOS with 0.4, one example."""
    table = np.full((1, 5, 5, 5), -40.0, np.float32)
    table[0, 0, BOS, EOS], table[0, 0, BOS, 3] = np.log(0.6), np.log(0.4)
    table[0, BOS, 3, 4] = table[0, 3, 4, 0] = table[0, 4, 0, EOS] = 0
    return jnp.asarray(table)


@jax.jit
def search_and_count(table, alpha):
    """The best of 8 beams, and at how many steps the loop ran."""

    def counted(source, carry, token, time):
        jax.debug.callback(STEPS.append, time)
        return step(source, carry, token, time)

    return beam_search(counted, table, start(1, 5, 8), beams=5, max_length=8, alpha=alpha, **TOKENS)


STEPS = []


@pytest.mark.parametrize(
    ("alpha", "winner", "steps"),
    [
        # log 0.6 = -0.51 stands after one step. Without a penalty log 0.4 = -0.92 cannot win; nor
        # below zero, where length only costs.
        (0.0, (EOS,), 1),
        (-1.0, (EOS,), 1),
        # With alpha = 2 it comes to -0.92 / (9/6)^2 = -0.41, three steps later; then nothing can.
        (2.0, (3, 4, 0, EOS), 4),
        # With alpha = 1 it could reach -0.92 / (13/6) = -0.42 until its end: -0.92 / (9/6) = -0.61.
        (1.0, (EOS,), 4),
    ],
)
def test_search_never_stops_before_a_longer_sequence_that_wins_nor_after(alpha, winner, steps):
    STEPS.clear()
    found = search_and_count(two_ways(), alpha)
    jax.effects_barrier()
    assert sequence(found, 0) == winner
    assert len(STEPS) == steps


def test_n_best_is_sorted_and_never_holds_one_sequence_twice():
    found = search(tables(6), alpha=0.6)
    for example in range(6):
        assert len({sequence(found, example, place) for place in range(5)}) == 5
        ended = [sequence(found, example, place)[-1] == EOS for place in range(5)]
        assert ended == sorted(ended, reverse=True)
        for kind in (True, False):
            scores = np.asarray(found.scores)[example, np.array(ended) == kind]
            assert (np.diff(scores) <= 0).all()
    penalty = ((5 + np.asarray(found.lengths)) / 6) ** 0.6
    np.testing.assert_allclose(found.scores, found.log_probs / penalty, rtol=1e-6)


def test_nothing_but_padding_follows_the_end():
    found = jax.tree.map(np.asarray, search(tables(6)))
    after = np.arange(6) >= found.lengths[..., None]
    assert (found.tokens[after] == PAD).all()
    assert (found.tokens[~after] != PAD).all()
    assert all((x[after] == 0).all() for x in jax.tree.leaves(found.extras))


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_extras_and_carry_never_belong_to_another_hypothesis(alpha):
    """Forcing the tokens of each hypothesis gives the same extras and log-probability."""
    table = tables(7)
    found = jax.tree.map(np.asarray, search(table, alpha))
    carry, token, total = start(6, 5, 6), np.full(30, BOS), np.zeros(30)
    for time in range(6):
        carry, log_probs, extras = jax.jit(step)(table, carry, token, time)
        token = found.tokens[:, :, time].reshape(-1)
        real = (time < found.lengths).reshape(-1)
        total += np.where(real, np.asarray(log_probs)[np.arange(30), token], 0)
        for expected, stored in zip(*map(jax.tree.leaves, (extras, found.extras)), strict=True):
            stored = stored[:, :, time].reshape(expected.shape)
            np.testing.assert_array_equal(stored[real], np.asarray(expected)[real])
    np.testing.assert_allclose(total, found.log_probs.reshape(-1), rtol=1e-5)
    assert len(set(found.lengths.reshape(-1).tolist())) > 2


def test_constraint_never_lets_a_token_be_visited_again_and_leaves_the_best_of_the_rest():
    table = tables(8)
    found = search(table, 1.0, beams=120, n_best=120, max_length=5, constraint=ONCE)
    for example in range(6):
        best = exhaustive(table[example], 5, 1.0, 120, lambda s: len(set(s)) == len(s))
        assert len(best) == 1 + 4 + 4 * 3 + 4 * 3 * 2 + 4 * 3 * 2
        for place, (_, _, tokens) in enumerate(best):
            assert sequence(found, example, place) == tokens
        # Places for which there is no sequence stay empty.
        assert (found.lengths[example, len(best) :] == 0).all()
        assert (found.scores[example, len(best) :] == -jnp.inf).all()
        assert (found.tokens[example, len(best) :] == PAD).all()


def test_greedy_under_a_constraint_never_visits_a_token_again():
    table = tables(8, batch=40)
    found = walk(table, constraint=ONCE)
    chosen = [sequence(found, example) for example in range(40)]
    assert all(len(set(tokens)) == len(tokens) for tokens in chosen)
    assert chosen != [sequence(walk(table), example) for example in range(40)]


@pytest.mark.parametrize("run", [walk, search])
def test_a_dead_end_is_never_returned_as_a_sequence(run):
    found = run(tables(9), constraint=DEAD_END)
    assert (found.tokens == PAD).all()
    assert (found.lengths == 0).all()
    assert (found.scores == -jnp.inf).all()
    assert (found.log_probs == -jnp.inf).all()
    assert all((x == 0).all() for x in jax.tree.leaves(found.extras))


def test_what_never_ends_is_returned_unfinished_and_never_before_what_ended():
    table = tables(11).at[..., EOS].set(-jnp.inf)
    found = search(table)
    assert (found.lengths == 6).all()
    assert (found.tokens[..., -1] != EOS).all()
    assert (found.scores > -jnp.inf).all()
    assert (np.diff(found.scores) <= 0).all()
    for example in range(6):
        total = log_prob(np.asarray(table[example]), sequence(found, example))
        np.testing.assert_allclose(found.log_probs[example, 0], total, rtol=1e-5)
    # An end that is possible, however unlikely, stands before what has none.
    found = search(table.at[:, 0, BOS, EOS].set(-30.0))
    assert all(sequence(found, example) == (EOS,) for example in range(6))
    assert (found.lengths[:, 1:] == 6).all()
    assert (found.scores[:, 1:] > found.scores[:, :1]).all()


def test_one_compilation_serves_every_batch_of_a_shape():
    traces = []

    def counted(source, carry, token, time):
        traces.append(1)
        return step(source, carry, token, time)

    @jax.jit
    def run(table):
        beam = beam_search(counted, table, start(6, 5), beams=5, max_length=6, **TOKENS)
        return beam, greedy(counted, table, start(6), max_length=6, **TOKENS)

    run(tables(0))
    traced = len(traces)
    run(tables(1))
    assert len(traces) == traced
    assert run._cache_size() == 1


def test_model_without_extras_or_source_decodes():
    def markov(source, carry, token, time):
        return carry, carry["table"][jnp.arange(len(token)), token], ()

    @jax.jit
    def run(carry):
        return beam_search(markov, (), carry, beams=3, max_length=4, **TOKENS)

    found = run({"table": jnp.repeat(tables(12)[:1, 0], 6, axis=0)})
    assert found.tokens.shape == (2, 1, 4)
    assert found.extras == ()
    assert_equal(found.tokens[0], found.tokens[1])


def test_mistakes_are_told_in_one_sentence():
    table = tables(0)
    with pytest.raises(UserError, match="n_best is 4 but must be from 1 to beams, which is 3"):
        search(table, beams=3, n_best=4)
    with pytest.raises(UserError, match="start the model with beams=3"):
        beam_search(step, table, start(6), beams=3, max_length=4, **TOKENS)
