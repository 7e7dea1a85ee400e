"""A model small enough to list every sequence there is.

The next token depends on the example and on the last two tokens.
"""

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from attention_jax.decoding import Constraint

PAD, BOS, EOS = -1, 1, 2
TOKENS = {"bos": BOS, "eos": EOS, "pad": PAD}


class Carry(NamedTuple):
    """A pytree of several leaves, as a stack of recurrent layers carries."""

    last: jax.Array  # [rows]
    before: dict  # {"last": [rows, 1]}
    tape: jax.Array  # [rows, max_length], every token read so far: a cache written in place


def tables(seed, batch=6, vocab=5):
    """Log-probabilities [batch, vocab, vocab, vocab] of the next token after the last two."""
    logits = 1.5 * jax.random.normal(jax.random.key(seed), (batch, vocab, vocab, vocab))
    return jax.nn.log_softmax(logits)


def start(batch, beams=1, max_length=8):
    rows = batch * beams
    zeros = jnp.zeros(rows, jnp.int32)
    return Carry(zeros, {"last": zeros[:, None]}, jnp.zeros((rows, max_length), jnp.int32))


def step(source, carry, token, time):
    """The extras are made of the whole past: they show whether every leaf followed its beam."""
    batch = source.shape[0]
    rows = token.shape[0]
    example = jnp.arange(rows) // (rows // batch)
    tape = carry.tape.at[:, time].set(token)
    log_probs = source[example, carry.last, token]
    extras = {"tape": tape.astype(jnp.float32), "last": (carry.before["last"][:, 0], carry.last)}
    return Carry(token, {"last": carry.last[:, None]}, tape), log_probs, extras


def sequences(vocab, max_length):
    """Every sequence that ends with EOS within max_length, EOS nowhere else."""
    others = [token for token in range(vocab) if token != EOS]
    for length in range(max_length):
        for prefix in itertools.product(others, repeat=length):
            yield (*prefix, EOS)


def pairs(sequence):
    """(token before the last, last token) at every step that chooses a token of the sequence."""
    before, last = 0, BOS
    for token in sequence:
        yield before, last
        before, last = last, token


def log_prob(table, sequence):
    """Of one sequence under the table [vocab, vocab, vocab] of one example."""
    steps = zip(pairs(sequence), sequence, strict=True)
    return sum(float(table[before, last, token]) for (before, last), token in steps)


def exhaustive(
    table, max_length, alpha, n_best, allowed=lambda sequence: True, bonus=lambda sequence: 0.0
):
    """The n_best (score, log_prob, sequence) of all sequences that end, best first."""
    table = np.asarray(table, np.float64)
    found = []
    for sequence in sequences(table.shape[-1], max_length):
        if allowed(sequence):
            total = log_prob(table, sequence)
            score = total / ((5 + len(sequence)) / 6) ** alpha + bonus(sequence)
            found.append((score, total, sequence))
    return sorted(found, reverse=True)[:n_best]


def sequence(hypotheses, example, place=0):
    length = int(np.asarray(hypotheses.lengths)[example, place])
    return tuple(np.asarray(hypotheses.tokens)[example, place, :length].tolist())


def assert_equal(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


ONCE = Constraint(  # no token but EOS a second time
    init=lambda table: jnp.zeros(table.shape[:2], bool),
    update=lambda seen, token, time: seen.at[jnp.arange(len(token)), token].set(True),
    mask=lambda seen, time: ~seen | (jnp.arange(seen.shape[1]) == EOS),
)
DEAD_END = Constraint(  # nothing at all from the third step on, and never EOS
    init=lambda table: (),
    update=lambda state, token, time: (),
    mask=lambda state, time: (jnp.arange(5) != EOS) & (time < 2),
)
