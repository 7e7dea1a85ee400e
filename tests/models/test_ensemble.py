"""An ensemble is the mean of its members' probabilities, on every face."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from attention_jax.decoding import beam_search, score_tokens
from attention_jax.errors import UserError
from attention_jax.models.ensemble import Ensemble
from attention_jax.models.rnnsearch import RNNsearch
from attention_jax.models.seq2seq import Seq2Seq

BATCH, SOURCE_TIME, TARGET_TIME, VOCAB = 3, 5, 4, 9
PAD, BOS, EOS = -1, 1, 0  # 0: the models below like to say it
SIZES = {"source_vocab": 8, "target_vocab": VOCAB, "embedding": 4, "hidden": 6}
SOURCE = np.random.default_rng(0).integers(3, 8, (BATCH, SOURCE_TIME)).astype(np.int32)
MASK = np.arange(SOURCE_TIME) < np.array([5, 3, 1])[:, None]
INPUTS = np.random.default_rng(1).integers(3, VOCAB, (BATCH, TARGET_TIME)).astype(np.int32)
ARRAYS = tuple(map(jnp.array, (SOURCE, MASK, INPUTS)))


class Bigram(nn.Module):
    """The least that has the four faces: the next token hangs on the last one alone."""

    vocab: int = VOCAB
    attends: bool = True

    def setup(self):
        self.table = self.param("table", nn.initializers.normal(1.0), (self.vocab, self.vocab))
        self.looks = self.param("looks", nn.initializers.normal(1.0), (self.vocab, SOURCE_TIME))

    def __call__(self, source, source_mask, inputs, *, train=False, weights=False):
        return self.table[inputs], self._extras(inputs, weights)

    def encode(self, source, source_mask, *, train=False):
        return source

    def start(self, source_memory, beams=1, max_length=0):
        return jnp.zeros(len(source_memory) * beams)

    def step(self, source_memory, carry, token, time, *, weights=False):
        log_probs = jax.nn.log_softmax(self.table[token])
        return carry + 1, log_probs, self._extras(token, weights)

    def _extras(self, tokens, weights):
        attended = jax.nn.softmax(self.looks[tokens])
        return {"cross": attended} if weights and self.attends else {}


def drawn(model, seed):
    return model.init(jax.random.key(seed), *ARRAYS)["params"]


def as_one(*parameters):
    return {"params": {f"members_{number}": of_one for number, of_one in enumerate(parameters)}}


def faces(model, variables):
    """What the training face says, and the stepping face at two steps of two beams."""
    logits, extras = model.apply(variables, *ARRAYS, weights=True)
    memory = model.apply(variables, *ARRAYS[:2], method="encode")
    carry = model.apply(variables, memory, 2, 7, method="start")
    said = [jax.nn.log_softmax(logits), extras]
    step = partial(model.apply, variables, memory, weights=True, method="step")
    for time in range(2):
        carry, *result = step(carry, jnp.arange(2 * BATCH) + time, time)
        said.append(result)
    return said


def assert_close(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-5), a, b)


@pytest.mark.parametrize("size", [1, 2])
def test_an_ensemble_of_equal_members_never_differs_from_one_of_them(size):
    parameters = drawn(Bigram(), 0)
    several = Ensemble(tuple(Bigram() for _ in range(size)))
    found = faces(several, as_one(*[parameters] * size))
    assert_close(found, faces(Bigram(), {"params": parameters}))


def test_probabilities_and_attention_are_means():
    first, second = drawn(Bigram(), 0), drawn(Bigram(), 1)
    found = faces(Ensemble((Bigram(), Bigram())), as_one(first, second))
    of_each = [faces(Bigram(), {"params": parameters}) for parameters in (first, second)]
    mean = jax.tree.map(lambda a, b: (np.asarray(a) + b) / 2, *map(probable, of_each))
    assert_close(probable(found), mean)
    assert not np.allclose(found[0], of_each[0][0], atol=0.1)


def probable(said):
    """Probabilities in place of their logarithms."""
    log_probs, extras, *steps = said
    return [jnp.exp(log_probs), extras, *([jnp.exp(log_probs), e] for log_probs, e in steps)]


def test_a_token_that_one_member_rules_out_never_spoils_the_others():
    parameters = drawn(Bigram(), 0)
    never = {**parameters, "table": parameters["table"].at[:, 3].set(-jnp.inf)}
    both, _ = Ensemble((Bigram(), Bigram())).apply(as_one(parameters, never), *ARRAYS)
    alone, _ = Bigram().apply({"params": parameters}, *ARRAYS)
    half = jax.nn.softmax(alone)[..., 3] / 2
    np.testing.assert_allclose(jnp.exp(both[..., 3]), half, rtol=1e-5)
    neither, _ = Ensemble((Bigram(), Bigram())).apply(as_one(never, never), *ARRAYS)
    assert (neither[..., 3] == -jnp.inf).all()


def test_attention_is_left_out_where_a_member_has_none():
    members = (Bigram(), Bigram(attends=False))
    parameters = as_one(*(drawn(member, 0) for member in members))
    assert [extras for _, extras in faces(Ensemble(members), parameters)[2:]] == [{}, {}]


def test_members_of_different_classes_search_and_are_scored_as_one(parameters):
    """A hypothesis of the search has the log-probability that the training face gives it."""
    members = (RNNsearch(**SIZES, alignment=5, maxout=7), Seq2Seq(**SIZES, layers=1))
    model = Ensemble(members)
    variables = parameters(model, *ARRAYS)
    assert set(variables["params"]) == {"members_0", "members_1"}

    @jax.jit
    def run(variables):
        memory = model.apply(variables, *ARRAYS[:2], method="encode")
        carry = model.apply(variables, memory, 3, TARGET_TIME, method="start")
        found = beam_search(
            partial(model.apply, variables, method="step"),
            memory,
            carry,
            beams=3,
            n_best=3,
            max_length=TARGET_TIME,
            bos=BOS,
            eos=EOS,
            pad=PAD,
        )
        tokens = found.tokens.reshape(3 * BATCH, TARGET_TIME)
        inputs = jnp.pad(jnp.maximum(tokens[:, :-1], 0), ((0, 0), (1, 0)), constant_values=BOS)
        sources = (jnp.repeat(x, 3, axis=0) for x in ARRAYS[:2])
        logits, _ = model.apply(variables, *sources, inputs)
        return found, score_tokens(logits, tokens, PAD)[0]

    found, totals = run(variables)
    np.testing.assert_allclose(totals, found.log_probs.reshape(-1), rtol=1e-4)
    assert len(set(found.lengths.reshape(-1).tolist())) > 1


def test_members_with_different_vocabularies_are_refused():
    model = Ensemble((Bigram(), Bigram(vocab=VOCAB + 2)))
    with pytest.raises(UserError, match=r"target vocabularies of \[9, 11\] tokens"):
        jax.eval_shape(model.init, jax.random.key(0), *ARRAYS)


def test_a_module_given_twice_is_refused():
    member = Bigram()
    with pytest.raises(UserError, match="holds one module twice"):
        jax.eval_shape(Ensemble((member, member)).init, jax.random.key(0), *ARRAYS)
