"""Seq2seq: the hand-over, the reversal, and Cho's context against its equations."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax.errors import UserError
from attention_jax.models import seq2seq
from attention_jax.models.seq2seq import Seq2Seq

SIZES = {"source_vocab": 9, "target_vocab": 10, "embedding": 3, "hidden": 4}
SUTSKEVER = Seq2Seq(**SIZES, layers=2)
CHO = Seq2Seq(
    **SIZES,
    layers=1,
    cell="vanilla",
    reverse_source=False,
    context="every_step",
    maxout=6,
)
SOURCE = np.array([[3, 4, 5, 6], [7, 8, 0, 0]], np.int32)
MASK = SOURCE != 0
INPUTS = np.array([[1, 4, 9], [1, 5, 2]], np.int32)


def test_reversal_turns_the_real_tokens_only(parameters):
    variables = parameters(SUTSKEVER, SOURCE, MASK, INPUTS)
    reversed_, _ = jax.jit(SUTSKEVER.apply)(variables, SOURCE, MASK, INPUTS)
    straight = jax.jit(SUTSKEVER.clone(reverse_source=False).apply)
    turned = np.array([[6, 5, 4, 3], [8, 7, 0, 0]], np.int32)
    np.testing.assert_allclose(straight(variables, turned, MASK, INPUTS)[0], reversed_, atol=1e-6)
    assert not np.allclose(straight(variables, SOURCE, MASK, INPUTS)[0], reversed_, atol=1e-3)


def test_the_last_states_of_all_layers_are_handed_over(parameters):
    variables = parameters(SUTSKEVER, SOURCE, MASK, INPUTS)
    encode = jax.jit(partial(SUTSKEVER.apply, method="encode"))
    memory = encode(variables, SOURCE, MASK)
    carry = SUTSKEVER.apply(variables, memory, method="start")
    assert len(carry.layers) == 2
    for first, last in zip(carry.layers, memory.carries, strict=True):
        np.testing.assert_array_equal(first.hidden, last.hidden)
        np.testing.assert_array_equal(first.cell, last.cell)
        assert np.any(first.cell)


def paper(p, source, inputs):
    """RNNencdec with the vanilla cell, one sentence: c, the last state, enters every step."""

    def step(p, x, h):
        return np.tanh(x @ p["input"]["kernel"] + p["input"]["bias"] + h @ p["recurrent"])

    context = np.zeros(SIZES["hidden"])
    for x in p["source_embedding"]["embedding"][source]:
        context = step(p["encoder"]["layers_0"]["cell"], x, context)
    first = p["first_states_0"]
    state, logits = np.tanh(context @ first["kernel"] + first["bias"]), []
    for token in p["target_embedding"]["embedding"][inputs]:
        summed = (
            state @ p["readout"]["state"]["kernel"]
            + p["readout"]["state"]["bias"]
            + token @ p["readout"]["token"]["kernel"]
            + context @ p["readout"]["context"]["kernel"]
        )
        maxout = np.maximum(*np.split(summed, 2))
        logits.append(maxout @ p["logits"]["kernel"] + p["logits"]["bias"])
        state = step(p["decoder"]["layers_0"]["cell"], np.concatenate([token, context]), state)
    return np.stack(logits)


def test_the_fixed_context_never_differs_from_the_papers_equations(parameters):
    variables = parameters(CHO, SOURCE, MASK, INPUTS)
    logits, _ = jax.jit(CHO.apply)(variables, SOURCE, MASK, INPUTS)
    for row in range(2):
        expected = paper(variables["params"], SOURCE[row, : MASK[row].sum()], INPUTS[row])
        np.testing.assert_allclose(logits[row], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("model", "paper", "other"),
    [(SUTSKEVER, "SUTSKEVER", "BAHDANAU"), (CHO, "BAHDANAU", "SUTSKEVER")],
)
def test_each_forms_own_paper_initialises_it(model, paper, other, labels, monkeypatch):
    monkeypatch.setattr(seq2seq, paper, labels)
    monkeypatch.setattr(seq2seq, other, None)
    model = model.clone(paper_init=True)
    parts = jax.jit(model.init)(jax.random.key(0), SOURCE, MASK, INPUTS)["params"]
    for path, leaf in jax.tree.leaves_with_path(parts):
        name = {"embedding": "embedding", "recurrent": "recurrent", "bias": "bias"}.get(
            path[-1].key, "kernel"
        )
        assert np.all(leaf == labels._fields.index(name)), path


def test_an_unknown_context_is_named():
    with pytest.raises(UserError, match="context 'never' is unknown: choose initial or every_step"):
        SUTSKEVER.clone(context="never").init(
            jax.random.key(0), jnp.array(SOURCE), jnp.array(MASK), jnp.array(INPUTS)
        )
