"""Everything that looks back in time: against loops, never ahead, and step by step the same."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax.errors import UserError
from attention_jax.layers.causal_blocks import AttentionBlock, DenseBlock, TCBlock, make_blocks
from attention_jax.layers.causal_conv import CausalConv, GatedConv, ResidualSkip

BATCH, TIME, FEATURES = 2, 11, 3
X = jnp.array(np.random.default_rng(0).normal(size=(BATCH, TIME, FEATURES)), jnp.float32)
# The rings are shorter than the sequence, and go round more than once.
LAYERS = {
    "conv": CausalConv(FEATURES, 5, kernel_size=3, dilation=2),
    "gated": GatedConv(FEATURES, 5, dilation=3),
    "residual_skip": ResidualSkip(FEATURES, skip_features=4, dilation=2),
    "dense": DenseBlock(FEATURES, 2, dilation=4),
    "tc": TCBlock(FEATURES, 2, length=TIME),
    "tc_from_2": TCBlock(FEATURES, 2, length=TIME, first_dilation=2),
    "attention": AttentionBlock(FEATURES, key_features=4, value_features=2),
    "blocks": make_blocks(FEATURES, ((4, 2), 2, (3, 5)), TIME, dtype=jnp.float32),
}
WITH_A_CACHE = ("attention", "blocks")
every_layer = pytest.mark.parametrize("name", LAYERS)


@cache
def face(name):
    """All steps at once, compiled once: outputs that lead with [batch time], the first the main."""
    options = {"weights": True} if name in WITH_A_CACHE else {}

    def apply(variables, x):
        found = jax.tree.leaves(LAYERS[name].apply(variables, x, **options))
        # Weights of all blocks [batch blocks time time], or of one [batch time time].
        return [leaf.swapaxes(1, 2) if leaf.ndim == 4 else leaf for leaf in found]

    return jax.jit(apply)


@pytest.fixture(scope="module")
def run(parameters):
    return lambda name, x=X: face(name)(parameters(LAYERS[name], X), x)


@every_layer
def test_later_inputs_never_change_what_was_found(name, run):
    before = run(name)
    for time in range(1, TIME):
        changed = run(name, X.at[:, time:].add(1.0))
        for old, new in zip(before, changed, strict=True):
            np.testing.assert_array_equal(new[:, :time], old[:, :time])
        assert np.all(np.any(changed[0][:, time] != before[0][:, time], axis=-1))


@pytest.mark.parametrize("name", sorted(set(LAYERS) - {"residual_skip"}))
def test_each_branch_is_what_it_would_be_alone(name, parameters):
    layer, shared = LAYERS[name], TIME - 3
    apply = partial(layer.apply, parameters(layer, X))
    options = {"weights": True} if name in WITH_A_CACHE else {}
    found = jax.tree.leaves(jax.jit(partial(apply, branches=3, **options))(X))
    for n in range(3):
        kept = np.r_[:shared, shared + n]
        alone = jax.tree.leaves(jax.jit(partial(apply, **options))(X[:, kept]))
        np.testing.assert_allclose(found[0][:, kept], alone[0], atol=1e-5)
        for branching, weights in zip(found[1:], alone[1:], strict=True):
            reads = branching[..., kept, :][..., kept]
            np.testing.assert_allclose(reads, weights, atol=1e-5)
            others = np.delete(branching[..., shared + n, :], kept, axis=-1)
            assert (others == 0).all()


@every_layer
def test_stepping_never_differs_from_running_all_steps(name, run, parameters):
    layer = LAYERS[name]
    lengths = (TIME,) if name in WITH_A_CACHE else ()

    @jax.jit
    def stepped(variables, x):
        carry = layer.apply(variables, BATCH, *lengths, method="start")
        assert all(leaf.shape[0] == BATCH for leaf in jax.tree.leaves(carry))

        def step(carry, now):
            carry, *found = layer.apply(variables, carry, *now, method="step")
            return carry, jax.tree.leaves(found)

        return jax.lax.scan(step, carry, (x.swapaxes(0, 1), jnp.arange(TIME)))[1]

    found = stepped(parameters(layer, X), X)
    for one_by_one, at_once in zip(found, run(name), strict=True):
        np.testing.assert_allclose(one_by_one.swapaxes(0, 1), at_once, atol=1e-5)


@every_layer
def test_bfloat16_never_strays_far_from_float32(name, run, parameters):
    layer = LAYERS[name]
    if name == "blocks":
        half = make_blocks(FEATURES, ((4, 2), 2, (3, 5)), TIME, dtype=jnp.bfloat16)
    else:
        half = layer.clone(dtype=jnp.bfloat16)
    found = jax.tree.leaves(jax.jit(half.apply)(parameters(layer, X), X))
    np.testing.assert_allclose(found[0].astype(jnp.float32), run(name)[0], atol=0.1)


def gated(p, x, dilation):
    """One sequence [time features], step by step, by the paper's equation."""
    p = p["both"]
    found = np.zeros((len(x), p["bias"].size // 2))
    for t in range(len(x)):
        before = x[t - dilation] if t >= dilation else np.zeros(x.shape[1])
        y = before @ p["kernel"][0] + x[t] @ p["kernel"][1] + p["bias"]
        filtered, opening = np.split(y, 2)
        found[t] = np.tanh(filtered) / (1 + np.exp(-opening))
    return found


@pytest.mark.parametrize(
    ("name", "dilations"), [("tc", (1, 2, 4, 8)), ("tc_from_2", (2, 4, 8, 16)), ("dense", (4,))]
)
def test_a_tc_block_never_differs_from_dense_blocks_in_a_loop(name, dilations, run, parameters):
    params = jax.tree.map(np.asarray, parameters(LAYERS[name], X)["params"])
    (found,) = run(name)
    for row in range(BATCH):
        x = np.asarray(X[row])
        for depth, dilation in enumerate(dilations):
            p = params if name == "dense" else params[f"dense_{depth}"]
            x = np.concatenate([x, gated(p["gated"], x, dilation)], axis=-1)
        np.testing.assert_allclose(found[row], x, atol=1e-5)


def test_residual_and_skip_never_differ_from_the_equations(run, parameters):
    p = jax.tree.map(np.asarray, parameters(LAYERS["residual_skip"], X)["params"])
    onward, skip = run("residual_skip")
    for row in range(BATCH):
        x = np.asarray(X[row])
        ways = gated(p["gated"], x, 2) @ p["ways"]["kernel"] + p["ways"]["bias"]
        np.testing.assert_allclose(onward[row], x + ways[:, :FEATURES], atol=1e-5)
        np.testing.assert_allclose(skip[row], ways[:, FEATURES:], atol=1e-5)


def test_attention_never_differs_from_a_loop_over_steps(run, parameters):
    p = jax.tree.map(np.asarray, parameters(LAYERS["attention"], X)["params"]["project"])
    found, weights = run("attention")
    for row in range(BATCH):
        x = np.asarray(X[row])
        query, keys, values = np.split(x @ p["kernel"] + p["bias"], [4, 8], axis=-1)
        for t in range(TIME):
            powers = np.exp(keys[: t + 1] @ query[t] / np.sqrt(4))
            expected = powers / powers.sum()
            np.testing.assert_allclose(weights[row, t, : t + 1], expected, atol=1e-5)
            appended = np.concatenate([x[t], expected @ values[: t + 1]])
            np.testing.assert_allclose(found[row, t], appended, atol=1e-5)


@pytest.mark.parametrize("name", WITH_A_CACHE)
def test_weights_sum_to_one_over_keys_and_asking_for_them_changes_nothing(name, run, parameters):
    found, weights = run(name)
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
    plain, none = jax.jit(LAYERS[name].apply)(parameters(LAYERS[name], X), X)
    assert none is None
    np.testing.assert_allclose(plain, found, atol=1e-5)


@pytest.mark.parametrize("length", [2, 3, 4, 5, 26, 101])
def test_a_tc_block_sees_all_of_a_sequence_and_each_step_once(length):
    """How many paths lead from each step to the last: dilation d doubles those of d steps back."""
    block = TCBlock(FEATURES, 2, length)
    paths = np.zeros(2 * length, int)
    paths[0] = 1
    for depth in range(block.layers):
        dilation = block.first_dilation * 2**depth
        paths[dilation:] += paths[:-dilation].copy()
    assert np.all(paths[:length] == 1)
    assert block.out_features == FEATURES + 2 * int(np.ceil(np.log2(length)))


def test_a_tc_block_as_in_the_pseudocode_never_sees_the_step_before(run):
    changed = run("tc_from_2", X.at[:, 3].add(1.0))[0] != run("tc_from_2")[0]
    seen_by = np.any(changed, axis=(0, 2))
    assert seen_by.tolist() == [t >= 3 and (t - 3) % 2 == 0 for t in range(TIME)]


def test_a_step_past_the_cache_is_never_mistaken_for_a_number(parameters):
    layer = LAYERS["attention"]
    variables = parameters(layer, X)
    full = layer.apply(variables, BATCH, 1, method="start")
    _, found, _ = jax.jit(partial(layer.apply, method="step"))(variables, full, X[:, 0], 1)
    assert np.all(np.isnan(found[:, FEATURES:]))


@pytest.mark.parametrize("sizes", [{"kernel_size": 1}, {"dilation": 0}])
def test_a_convolution_that_looks_nowhere_is_named(sizes):
    layer = LAYERS["conv"].clone(**sizes)
    with pytest.raises(UserError, match="it needs at least 2 steps, at least 1 apart"):
        jax.eval_shape(layer.init, jax.random.key(0), X)
