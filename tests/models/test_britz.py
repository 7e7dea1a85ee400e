"""Britz's baseline against its equations, and the choices that its search varies."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax.errors import UserError
from attention_jax.models.britz import Britz

HIDDEN = 4
SIZES = {"source_vocab": 9, "target_vocab": 10, "embedding": 3, "hidden": HIDDEN}
MODEL = Britz(
    **SIZES,
    encoder_layers=2,
    decoder_layers=3,
    cell="vanilla",
    residual="dense",
    attention="multiplicative",
    attention_units=5,
)
SOURCE = np.array([[3, 4, 5, 6], [7, 8, 0, 0]], np.int32)
MASK = SOURCE != 0
INPUTS = np.array([[1, 4, 9], [1, 5, 2]], np.int32)
ARRAYS = tuple(map(jnp.array, (SOURCE, MASK, INPUTS)))


def cell(p, x, h, extra=0.0):
    return np.tanh(x @ p["input"]["kernel"] + p["input"]["bias"] + h @ p["recurrent"] + extra)


def directions(p, below):
    """[forward; backward] at every word."""
    ahead, back = [np.zeros(HIDDEN)], [np.zeros(HIDDEN)]
    for x in below:
        ahead.append(cell(p["forward"], x, ahead[-1]))
    for x in below[::-1]:
        back.append(cell(p["backward"], x, back[-1]))
    return np.stack([np.concatenate(pair) for pair in zip(ahead[1:], back[:0:-1], strict=True)])


def paper(p, source, inputs):
    """One sentence without padding: logits and alignment, word by word."""
    first = directions(p["encoder"]["layers_0"], p["source_embedding"]["embedding"][source])
    annotations = directions(p["encoder"]["layers_1"], first) + first
    decoder = p["decoder"]
    score = decoder["attention"]["scorer"]
    states = [np.zeros(HIDDEN) for _ in range(3)]
    context, logits, alignment = np.zeros(2 * HIDDEN), [], []
    for word in p["target_embedding"]["embedding"][inputs]:
        reads, extra = [word], context @ decoder["told"]["kernel"]
        for depth in range(3):
            layer = decoder["stack"][f"layers_{depth}"]["cell"]
            states[depth] = cell(layer, reads[-1], states[depth], extra)
            # x_{l+1} = f(x_l) + x_l + ... + x_1: all but the word itself.
            reads.append(sum(reads[1:], states[depth]))
            extra = 0.0
        top = reads[-1]
        asks = top @ score["query_projection"]["kernel"]
        energies = [asks @ (h @ score["key_projection"]["kernel"]) for h in annotations]
        weights = np.exp(energies) / np.exp(energies).sum()
        context = sum(w * h for w, h in zip(weights, annotations, strict=True))
        combined = np.tanh(np.concatenate([context, top]) @ decoder["combination"]["kernel"])
        logits.append(combined @ p["logits"]["kernel"] + p["logits"]["bias"])
        alignment.append(weights)
    return np.stack(logits), np.stack(alignment)


def test_the_model_never_differs_from_its_equations(parameters):
    variables = parameters(MODEL, SOURCE, MASK, INPUTS)
    logits, weights = jax.jit(partial(MODEL.apply, weights=True))(variables, SOURCE, MASK, INPUTS)
    for row in range(2):
        length = MASK[row].sum()
        expected = paper(variables["params"], SOURCE[row, :length], INPUTS[row])
        np.testing.assert_allclose(logits[row], expected[0], atol=1e-4)
        np.testing.assert_allclose(weights["cross"][row, :, :length], expected[1], atol=1e-5)


@pytest.mark.parametrize(
    ("attention", "direction"), [("none_state", "unidirectional"), ("none_input", "bidirectional")]
)
def test_without_attention_only_the_last_state_passes_on(attention, direction, parameters):
    model = Britz(**SIZES, attention=attention, direction=direction, decoder_layers=2)
    variables = parameters(model, SOURCE, MASK, INPUTS)

    @jax.jit
    def both_faces(variables):
        memory = model.apply(variables, *ARRAYS[:2], method="encode")

        def step(carry, now):
            carry, log_probs, _ = model.apply(variables, memory, carry, *now, method="step")
            return carry, log_probs

        carry = model.apply(variables, memory, method="start")
        steps = ARRAYS[2].T, jnp.arange(INPUTS.shape[1])
        logits, weights = model.apply(variables, *ARRAYS, weights=True)
        return memory, logits, weights, jax.lax.scan(step, carry, steps)[1]

    memory, logits, weights, stepped = both_faces(variables)
    assert memory.last.shape == (2, 2 * HIDDEN * (2 if direction == "bidirectional" else 1))
    assert weights == {}
    np.testing.assert_allclose(stepped.swapaxes(0, 1), jax.nn.log_softmax(logits), atol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"attention": "none"}, "attention 'none' is unknown: choose additive, multiplicative, "),
        ({"direction": "both"}, "direction 'both' is unknown: choose bidirectional or unidirect"),
        ({"residual": "sum"}, "residual 'sum' is unknown"),
        ({"cell": "rnn"}, "cell 'rnn' is unknown"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(wrong, message):
    with pytest.raises(UserError, match=message):
        jax.eval_shape(MODEL.clone(**wrong).init, jax.random.key(0), SOURCE, MASK, INPUTS)
