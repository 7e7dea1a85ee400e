"""The memory layer: what its heads are told, what one step does, how it starts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax.errors import UserError
from attention_jax.layers.memory import Memory

BATCH, FEATURES, SLOTS, WORD = 2, 5, 6, 3
LAYER = Memory(slots=SLOTS, word=WORD, read_heads=2, write_heads=1, initial="learned")
HIDDEN = np.random.default_rng(1).normal(size=(BATCH, FEATURES)).astype(np.float32)


def first_step(layer, hidden, draws=None):
    return layer(layer.start(hidden.shape[0], draws), hidden)


@pytest.fixture(scope="module")
def variables(parameters):
    return parameters(LAYER, jnp.array(HIDDEN), method=first_step)


@pytest.fixture(scope="module")
def stepped(variables):
    """`stepped(variables)`: the state and what happened after a first step."""
    apply = jax.jit(lambda variables, hidden: LAYER.apply(variables, hidden, method=first_step))
    return lambda changed=variables: apply(changed, HIDDEN)


def changed(variables, columns):
    """The parameters with other numbers in some columns of the heads' product."""
    params = dict(variables["params"])
    heads = {name: np.array(value) for name, value in params["heads"].items()}
    heads["bias"][columns] += 1.5
    return {"params": {**params, "heads": heads}}


# A head's columns: key, strength, gate, three shifts, sharpening; then each writer's erase and add.
WIDTH = WORD + 1 + 1 + 3 + 1
ERASE = slice(3 * WIDTH, 3 * WIDTH + WORD)
ADD = slice(3 * WIDTH + WORD, 3 * WIDTH + 2 * WORD)


def test_every_head_has_its_own_columns_of_the_one_product(variables):
    tell = jax.jit(lambda v, hidden: LAYER.apply(v, hidden, method="tell"))
    told = tell(variables, HIDDEN)
    heads = variables["params"]["heads"]
    raw = HIDDEN @ heads["kernel"] + heads["bias"]
    assert raw.shape == (BATCH, 3 * WIDTH + 2 * WORD)
    softplus, sigmoid = (lambda x: np.log1p(np.exp(x))), (lambda x: 1 / (1 + np.exp(-x)))
    for b in range(BATCH):
        for h in range(3):
            own = raw[b, h * WIDTH : (h + 1) * WIDTH]
            powers = np.exp(own[WORD + 2 : WORD + 5])
            np.testing.assert_allclose(told.key[b, h], np.tanh(own[:WORD]), atol=1e-5)
            np.testing.assert_allclose(told.strength[b, h], softplus(own[WORD]), rtol=1e-4)
            np.testing.assert_allclose(told.gate[b, h], sigmoid(own[WORD + 1]), rtol=1e-4)
            np.testing.assert_allclose(told.shifts[b, h], powers / powers.sum(), rtol=1e-4)
            np.testing.assert_allclose(told.sharpening[b, h], 1 + softplus(own[-1]), rtol=1e-4)
        np.testing.assert_allclose(told.erase[b, 0], sigmoid(raw[b, ERASE]), rtol=1e-4)
        np.testing.assert_allclose(told.add[b, 0], np.tanh(raw[b, ADD]), atol=1e-5)


def test_reading_sees_the_memory_before_this_steps_writing(variables, stepped):
    state, happened = stepped()
    for columns in (ERASE, ADD):
        other, again = stepped(changed(variables, columns))
        np.testing.assert_array_equal(again["read_vectors"], happened["read_vectors"])
        assert not np.allclose(other.memory, state.memory)
    before = variables["params"]["first_memory"]
    np.testing.assert_allclose(happened["read_vectors"], happened["read"] @ before.T, atol=1e-6)


def test_reading_heads_come_before_writing_ones_and_never_write(variables, stepped):
    state, happened = stepped()
    np.testing.assert_array_equal(state.weights[:, :2], happened["read"])
    np.testing.assert_array_equal(state.weights[:, 2:], happened["write"])
    np.testing.assert_array_equal(state.weights, happened["sharpened"])
    for head in range(2):
        other, _ = stepped(changed(variables, slice(head * WIDTH, (head + 1) * WIDTH)))
        np.testing.assert_array_equal(other.memory, state.memory)
        assert not np.allclose(other.weights[:, head], state.weights[:, head])


def test_what_happened_has_its_shape(stepped):
    state, happened = stepped()
    assert jax.tree.map(jnp.shape, happened) == {
        "read": (BATCH, 2, SLOTS),
        "write": (BATCH, 1, SLOTS),
        "read_vectors": (BATCH, 2, WORD),
        "erase": (BATCH, 1, WORD),
        "add": (BATCH, 1, WORD),
        **dict.fromkeys(("content", "gated", "shifted", "sharpened"), (BATCH, 3, SLOTS)),
        **dict.fromkeys(("key_strength", "gate", "sharpening"), (BATCH, 3)),
        "shift": (BATCH, 3, 3),
    }
    assert jax.tree.map(jnp.shape, tuple(state)) == (
        (BATCH, WORD, SLOTS),
        (BATCH, 3, SLOTS),
        (BATCH, 2, WORD),
    )


@pytest.fixture(scope="module")
def started():
    """`started(initial, draws)`: the first state of a freshly drawn layer, and its parameters."""

    def start(initial, draws=None):
        layer = LAYER.clone(initial=initial)

        def both(key):
            variables = layer.init(key, jnp.array(HIDDEN), draws, method=first_step)
            return layer.apply(variables, BATCH, draws, method="start"), variables["params"]

        return jax.jit(both)(jax.random.key(0))

    return start


def test_the_first_weights_are_never_even(started):
    state, _ = started("constant")
    np.testing.assert_array_equal(state.memory, np.float32(1e-6))
    np.testing.assert_allclose(state.weights.sum(-1), 1, atol=1e-6)
    assert np.all(state.weights.std(-1) > 0.01)


def test_heads_begin_at_the_first_slot_and_going_on(started):
    state, params = started("constant")
    np.testing.assert_allclose(state.weights[..., 0], 0.9, atol=0.02)
    expected = np.zeros(3 * WIDTH + 2 * WORD)
    expected[[head * WIDTH + WORD + 4 for head in range(3)]] = 1
    np.testing.assert_array_equal(params["heads"]["bias"], expected)


def test_a_learned_memory_is_a_parameter_and_others_are_not(started):
    state, params = started("learned")
    np.testing.assert_array_equal(state.memory[1], params["first_memory"])
    assert "first_memory" not in started("constant")[1]


def test_a_random_memory_depends_on_its_own_draw_alone(started):
    draws = jax.random.split(jax.random.key(3), 2)
    state, params = started("random", draws)
    turned, _ = started("random", draws[::-1])
    np.testing.assert_array_equal(turned.memory, state.memory[::-1])
    assert not np.allclose(state.memory[0], state.memory[1])
    assert np.abs(state.memory).max() <= 1
    assert "first_memory" not in params


def test_a_random_memory_without_draws_is_a_mistake(started):
    with pytest.raises(UserError, match="pass draws, a random key for each"):
        started("random")


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"slots": 0}, "slots is 0: a memory needs at least one"),
        ({"word": 0}, "word is 0"),
        ({"read_heads": 0}, "read_heads is 0"),
        ({"write_heads": -1}, "write_heads is -1"),
        ({"max_shift": -1}, "max_shift is -1: set it to 0"),
        ({"max_shift": 3}, "shifts of -3 to 3 need 7 slots and the memory has 6: lower max_shift"),
        ({"shift": "roll"}, "shift 'roll' is unknown: choose softmax or scalar"),
        ({"initial": "zero"}, "initial 'zero' is unknown: choose constant, learned, random"),
    ],
)
def test_a_memory_that_cannot_be_is_named(attributes, message):
    layer = LAYER.clone(**attributes)
    with pytest.raises(UserError, match=message):
        jax.eval_shape(
            lambda key: layer.init(key, jnp.array(HIDDEN), method=first_step), jax.random.key(0)
        )


def test_shifts_may_reach_every_slot_and_there_may_be_none(parameters):
    for attributes in ({"slots": 7, "max_shift": 3}, {"slots": 1, "max_shift": 0}):
        layer = LAYER.clone(**attributes)
        variables = parameters(layer, jnp.array(HIDDEN), method=first_step)
        _, happened = jax.jit(lambda v, x, m=layer: m.apply(v, x, method=first_step))(
            variables, HIDDEN
        )
        np.testing.assert_allclose(happened["sharpened"].sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize("shift", ["softmax", "scalar"])
def test_gradients_are_never_infinite_whatever_the_controller_says(shift, parameters):
    layer = LAYER.clone(shift=shift, initial="constant")
    variables = parameters(layer, jnp.array(HIDDEN), method=first_step)

    def twice(layer, hidden):
        state, _ = layer(layer.start(BATCH), hidden)
        state, happened = layer(state, -hidden)
        return happened["read_vectors"].sum() + (state.memory**2).sum() + state.weights[0, 0, 0]

    @jax.jit
    @jax.grad
    def gradient(variables, hidden):
        return layer.apply(variables, hidden, method=twice)

    for scale in (0.0, 1e4):
        for leaf in jax.tree.leaves(gradient(variables, np.float32(scale) * HIDDEN)):
            assert np.all(np.isfinite(leaf))
