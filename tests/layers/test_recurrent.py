"""Layers over time: padding, direction, depth, dropout."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_jax.errors import UserError
from attention_jax.layers.cells import GRU, LSTM, Vanilla
from attention_jax.layers.recurrent import Bidirectional, Recurrent, Stacked

BATCH, TIME, IN, FEATURES = 3, 5, 3, 4
INPUTS = np.random.default_rng(1).normal(size=(BATCH, TIME, IN)).astype(np.float32)
LAYERS = {
    "forward": Recurrent(GRU(FEATURES)),
    "reversed": Recurrent(LSTM(FEATURES), reverse=True),
    "bidirectional": Bidirectional(GRU(FEATURES, "before"), GRU(FEATURES, "before")),
    "stacked": Stacked(
        (Bidirectional(Vanilla(FEATURES), Vanilla(FEATURES)), Recurrent(LSTM(FEATURES))), 0.5
    ),
}


def upto(lengths):
    return np.arange(TIME) < np.array(lengths)[:, None]


FULL = upto([TIME] * BATCH)
APPLY = {name: jax.jit(layer.apply) for name, layer in LAYERS.items()}


@pytest.fixture(scope="module")
def drawn(parameters):
    """`drawn(name)`: parameters of a layer."""
    return lambda name: parameters(LAYERS[name], jnp.array(INPUTS), jnp.array(FULL))


@pytest.fixture(scope="module")
def applied(drawn):
    """`applied(name, inputs, mask)`: last carry and outputs."""
    return lambda name, inputs, mask: APPLY[name](drawn(name), np.float32(inputs), mask)


@pytest.mark.parametrize("name", LAYERS)
@given(
    lengths=st.lists(st.integers(0, TIME), min_size=BATCH, max_size=BATCH),
    junk=st.sampled_from([0.0, -1e4, 1e4]),
)
def test_padding_never_changes_a_result(name, lengths, junk, applied):
    mask = upto(lengths)
    carry, outputs = applied(name, INPUTS, mask)
    junked = applied(name, np.where(mask[..., None], INPUTS, junk), mask)
    for one, other in zip(jax.tree.leaves((carry, outputs)), jax.tree.leaves(junked), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.any(np.asarray(outputs)[~mask])


@pytest.mark.parametrize("name", LAYERS)
def test_a_padded_example_never_differs_from_the_short_one_alone(name, applied):
    carry, outputs = applied(name, INPUTS, upto([3, 5, 1]))
    alone = applied(name, INPUTS[:1, :3], np.ones((1, 3), bool))
    np.testing.assert_allclose(alone[1][0], outputs[0, :3], atol=1e-6)
    for one, other in zip(jax.tree.leaves(alone[0]), jax.tree.leaves(carry), strict=True):
        np.testing.assert_allclose(one[0], other[0], atol=1e-6)


def test_reversed_reading_starts_at_each_examples_own_last_step(applied, drawn):
    lengths = [2, 5, 4]
    carry, outputs = applied("reversed", INPUTS, upto(lengths))
    turned = np.stack(
        [np.concatenate([x[:n][::-1], x[n:]]) for x, n in zip(INPUTS, lengths, strict=True)]
    )
    forward = Recurrent(LSTM(FEATURES))
    straight, turned_outputs = jax.jit(forward.apply)(drawn("reversed"), turned, upto(lengths))
    np.testing.assert_allclose(carry.hidden, straight.hidden, atol=1e-6)
    np.testing.assert_allclose(carry.cell, straight.cell, atol=1e-6)
    for row, length in enumerate(lengths):
        np.testing.assert_allclose(
            outputs[row, :length], turned_outputs[row, :length][::-1], atol=1e-6
        )


def test_bidirectional_outputs_are_both_directions_side_by_side(applied, drawn):
    (first, second), outputs = applied("bidirectional", INPUTS, upto([5, 2, 3]))
    for row, length in enumerate([5, 2, 3]):
        np.testing.assert_allclose(
            outputs[row, length - 1, :FEATURES], first.hidden[row], atol=1e-6
        )
        np.testing.assert_allclose(outputs[row, 0, FEATURES:], second.hidden[row], atol=1e-6)
    params = {"params": {"cell": drawn("bidirectional")["params"]["forward"]}}
    alone = Recurrent(GRU(FEATURES, "before"))
    _, ahead = jax.jit(alone.apply)(params, INPUTS, upto([5, 2, 3]))
    np.testing.assert_allclose(outputs[..., :FEATURES], ahead, atol=1e-6)


@pytest.mark.parametrize("cell", [Vanilla(FEATURES), GRU(FEATURES), LSTM(FEATURES)])
def test_stepping_never_differs_from_running(cell, parameters):
    layer = Stacked((Recurrent(cell), Recurrent(cell.clone())))
    inputs = jnp.array(INPUTS)
    params = parameters(layer, inputs)
    last, outputs = jax.jit(layer.apply)(params, inputs)
    step = jax.jit(lambda carries, x: layer.apply(params, carries, x, method="step"))
    carries = (cell.initial((BATCH,)),) * 2
    for time in range(TIME):
        carries, output = step(carries, INPUTS[:, time])
        np.testing.assert_allclose(output, outputs[:, time], atol=1e-6)
    for one, other in zip(jax.tree.leaves(carries), jax.tree.leaves(last), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("residual", ["residual", "dense"])
def test_what_is_added_above_the_first_layer_is_what_was_asked_for(residual, parameters):
    cells = tuple(Recurrent(Vanilla(FEATURES)) for _ in range(4))
    layer, inputs = Stacked(cells, residual=residual), jnp.array(INPUTS)
    params = parameters(layer, inputs)
    below = []
    for depth, cell in enumerate(cells):
        alone = {"params": params["params"][f"layers_{depth}"]}
        _, found = cell.apply(alone, below[-1] if below else inputs)
        added = below if residual == "dense" else below[-1:]
        below.append(sum(added, found))
    last, outputs = jax.jit(layer.apply)(params, inputs)
    np.testing.assert_allclose(outputs, below[-1], atol=1e-5)

    def step(carries, x):
        return layer.apply(params, carries, x, method="step")

    carries = tuple(cell.cell.initial((BATCH,)) for cell in cells)
    stepped, by_step = jax.jit(lambda: jax.lax.scan(step, carries, inputs.swapaxes(0, 1)))()
    np.testing.assert_allclose(by_step.swapaxes(0, 1), outputs, atol=1e-5)
    for one, other in zip(jax.tree.leaves(stepped), jax.tree.leaves(last), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_an_unknown_residual_is_named():
    layer = Stacked((Recurrent(Vanilla(FEATURES)),), residual="highway")
    with pytest.raises(UserError, match="residual 'highway' is unknown: choose none, residual or"):
        layer.init(jax.random.key(0), jnp.array(INPUTS))


def test_a_sequence_in_two_parts_never_differs_from_the_whole(applied, drawn):
    layer = LAYERS["forward"]
    _, outputs = applied("forward", INPUTS, FULL)
    run = jax.jit(layer.apply)
    carry, first = run(drawn("forward"), INPUTS[:, :2], None)
    _, second = run(drawn("forward"), INPUTS[:, 2:], None, carry)
    np.testing.assert_allclose(np.concatenate([first, second], 1), outputs, atol=1e-6)


def test_dropout_never_acts_outside_training(applied, drawn):
    _, outputs = applied("stacked", INPUTS, FULL)
    layer = LAYERS["stacked"]

    @jax.jit
    def trained(params, key):
        rngs = {"dropout": key}
        return layer.apply(params, jnp.array(INPUTS), train=True, rngs=rngs)[1]

    dropped = [trained(drawn("stacked"), jax.random.key(seed)) for seed in (0, 0, 1)]
    assert not np.allclose(dropped[0], outputs)
    np.testing.assert_array_equal(dropped[0], dropped[1])
    assert not np.allclose(dropped[0], dropped[2])


def test_gradients_are_never_infinite_for_inputs_of_ten_thousand(drawn):
    layer = LAYERS["bidirectional"]

    @jax.jit
    @jax.grad
    def gradient(params, inputs, mask):
        return layer.apply(params, inputs, mask)[1].sum()

    for leaf in jax.tree.leaves(
        gradient(drawn("bidirectional"), np.float32(1e4) * INPUTS, upto([5, 0, 2]))
    ):
        assert np.all(np.isfinite(leaf))
