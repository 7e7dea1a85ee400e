"""Cells against Flax's own and against the papers' equations in NumPy."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax.errors import UserError
from attention_jax.layers.cells import GRU, LSTM, Vanilla, make_cell

BATCH, TIME, IN, FEATURES = 2, 6, 3, 4
INPUTS = jnp.array(np.random.default_rng(1).normal(size=(TIME, BATCH, IN)), jnp.float32)
CELLS = {
    "vanilla": Vanilla(FEATURES),
    "gru after": GRU(FEATURES, "after"),
    "gru before": GRU(FEATURES, "before"),
    "lstm": LSTM(FEATURES),
}


@pytest.fixture
def drawn(parameters):
    """`drawn(name)`: parameters of a cell with no zero bias among them."""
    return lambda name: parameters(CELLS[name], INPUTS, method="project")


def rolled(cell, params, inputs=INPUTS):
    """Outputs of all steps, inputs projected at once."""

    @jax.jit
    def outputs(params):
        projected = cell.apply(params, inputs, method="project")

        def step(carry, x):
            return cell.apply(params, carry, x, method="step")

        return jax.lax.scan(step, cell.initial((inputs.shape[1],)), projected)

    return outputs(params)


def flax_rolled(cell, params):
    carry = cell.initialize_carry(jax.random.key(0), INPUTS.shape[1:])

    def step(carry, x):
        return cell.apply({"params": params}, carry, x)

    return jax.jit(lambda carry: jax.lax.scan(step, carry, INPUTS))(carry)


def gates(array, count):
    return np.split(np.asarray(array), count, axis=-1)


def test_gru_after_never_differs_from_flax(drawn):
    params = drawn("gru after")
    own = params["params"]
    theirs = {"hn": {"bias": own["candidate_bias"]}}
    for name, kernel, bias in zip(
        "rzn", gates(own["input"]["kernel"], 3), gates(own["input"]["bias"], 3), strict=True
    ):
        theirs[f"i{name}"] = {"kernel": kernel, "bias": bias}
    for name, kernel in zip("rzn", gates(own["recurrent"], 3), strict=True):
        theirs.setdefault(f"h{name}", {})["kernel"] = kernel
    _, outputs = rolled(CELLS["gru after"], params)
    _, expected = flax_rolled(nn.GRUCell(FEATURES), theirs)
    np.testing.assert_allclose(outputs, expected, atol=1e-6)


def test_lstm_never_differs_from_flax(drawn):
    params = drawn("lstm")
    own = params["params"]
    theirs = {}
    for name, kernel in zip("ifgo", gates(own["input"]["kernel"], 4), strict=True):
        theirs[f"i{name}"] = {"kernel": kernel}
    for name, kernel, bias in zip(
        "ifgo", gates(own["recurrent"], 4), gates(own["input"]["bias"], 4), strict=True
    ):
        theirs[f"h{name}"] = {"kernel": kernel, "bias": bias}
    carry, outputs = rolled(CELLS["lstm"], params)
    (cell, hidden), expected = flax_rolled(nn.OptimizedLSTMCell(FEATURES), theirs)
    np.testing.assert_allclose(outputs, expected, atol=1e-6)
    np.testing.assert_allclose(carry.cell, cell, atol=1e-6)
    np.testing.assert_allclose(carry.hidden, hidden, atol=1e-6)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def numpy_gru_before(x, h, p):
    inputs = gates(x @ p["input"]["kernel"] + p["input"]["bias"], 3)
    reset = sigmoid(inputs[0] + h @ p["recurrent"][:, :FEATURES])
    update = sigmoid(inputs[1] + h @ p["recurrent"][:, FEATURES:])
    candidate = np.tanh(inputs[2] + (reset * h) @ p["candidate"])
    return update * h + (1 - update) * candidate


def numpy_vanilla(x, h, p):
    return np.tanh(x @ p["input"]["kernel"] + p["input"]["bias"] + h @ p["recurrent"])


@pytest.mark.parametrize(
    ("name", "equation"), [("gru before", numpy_gru_before), ("vanilla", numpy_vanilla)]
)
def test_a_cell_never_differs_from_its_equation(name, equation, drawn):
    params = drawn(name)
    own = jax.tree.map(np.asarray, params["params"])
    _, outputs = rolled(CELLS[name], params)
    hidden = np.zeros((BATCH, FEATURES), np.float32)
    for x, output in zip(np.asarray(INPUTS), outputs, strict=True):
        hidden = equation(x, hidden, own)
        np.testing.assert_allclose(output, hidden, atol=1e-5)


def test_the_two_reset_conventions_differ(drawn):
    after = drawn("gru after")
    recurrent = after["params"]["recurrent"]
    before = {
        "params": {
            "input": after["params"]["input"],
            "recurrent": recurrent[:, : 2 * FEATURES],
            "candidate": recurrent[:, 2 * FEATURES :],
        }
    }
    after = {"params": {**after["params"], "candidate_bias": jnp.zeros(FEATURES)}}
    first = rolled(CELLS["gru after"], after)[1]
    second = rolled(CELLS["gru before"], before)[1]
    np.testing.assert_allclose(first[0], second[0], atol=1e-6)
    assert np.abs(first - second).max() > 1e-3


@pytest.mark.parametrize("name", CELLS)
def test_bfloat16_products_leave_the_carry_in_float32(name, drawn):
    params = drawn(name)
    half = CELLS[name].clone(dtype=jnp.bfloat16)
    carry, outputs = rolled(half, params)
    assert outputs.dtype == jnp.bfloat16
    assert all(leaf.dtype == jnp.float32 for leaf in carry)
    exact = rolled(CELLS[name], params)[1]
    np.testing.assert_allclose(outputs.astype(jnp.float32), exact, atol=0.05)


@pytest.mark.parametrize("name", CELLS)
def test_a_carry_made_from_an_output_has_that_output(name):
    hidden = jnp.array(INPUTS[0, :, :1] * np.ones(FEATURES, np.float32))
    carry = CELLS[name].carry_from(hidden)
    np.testing.assert_array_equal(carry.hidden, hidden)
    assert jax.tree.structure(carry) == jax.tree.structure(CELLS[name].initial((BATCH,)))


def test_unknown_kinds_are_named_with_the_choice():
    with pytest.raises(UserError, match="cell 'gruu' is unknown: choose vanilla, gru or lstm"):
        make_cell("gruu", FEATURES)
    with pytest.raises(UserError, match="reset 'between' is unknown: choose after or before"):
        make_cell("gru", FEATURES, reset="between").init(
            jax.random.key(0), INPUTS, method="project"
        )


@pytest.mark.parametrize(("kind", "type_"), [("vanilla", Vanilla), ("gru", GRU), ("lstm", LSTM)])
def test_a_kind_is_its_cell(kind, type_):
    assert isinstance(make_cell(kind, FEATURES), type_)
