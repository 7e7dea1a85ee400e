"""The Pointer Network and its controls against the equations in loops, and what they never do."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attention_jax.errors import UserError
from attention_jax.models import pointer_network
from attention_jax.models.pointer_network import FixedVocabulary, PointerNetwork

BATCH, INPUTS, COORDINATES, OUTPUTS = 3, 6, 2, 5
MODELS = {
    "pointer": PointerNetwork(8),
    "glimpses": PointerNetwork(8, glimpses=2, clip=3.0),
    "seq2seq": FixedVocabulary(7, hidden=8),
    "attention": FixedVocabulary(7, hidden=8, attention=True),
}
POINTS = np.random.default_rng(0).uniform(size=(BATCH, INPUTS, COORDINATES)).astype(np.float32)
COUNTS = np.array([6, 4, 0])
MASK = np.arange(INPUTS) < COUNTS[:, None]
SAID = np.array([[0, 3, 1, 6, 2], [0, 4, 1, 2, 0], [0, 0, 0, 0, 0]], np.int32)
ARRAYS = tuple(map(jnp.array, (POINTS, MASK, SAID)))

every_model = pytest.mark.parametrize("name", MODELS)


@cache
def face(name):
    """The training face, compiled once per shape."""
    return jax.jit(partial(MODELS[name].apply, weights=True))


@pytest.fixture(scope="module")
def run(parameters):
    """`run(name)`: logits and weights of all steps; any array may be another."""

    def run(name, points=POINTS, mask=MASK, said=SAID):
        return face(name)(parameters(MODELS[name], *ARRAYS), points, mask, said)

    return run


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(p, x, state, extra=0.0):
    hidden, cell = state
    gates = x @ p["input"]["kernel"] + p["input"]["bias"] + hidden @ p["recurrent"] + extra
    write, forget, new, output = np.split(gates, 4)
    cell = sigmoid(forget) * cell + sigmoid(write) * np.tanh(new)
    return sigmoid(output) * np.tanh(cell), cell


def energies(p, query, keys):
    asked = query @ p["query_projection"]["kernel"]
    return np.array([p["v"] @ np.tanh(key @ p["key_projection"]["kernel"] + asked) for key in keys])


def softmax(x):
    return np.exp(x - x.max()) / np.exp(x - x.max()).sum()


def paper(model, p, points, said):
    """One set without padding: scores of every step, and the weights of what was read before."""
    state, keys = (np.zeros(8), np.zeros(8)), []
    for x in points:
        state = lstm(p["encoder"]["cell"], x, state)
        keys.append(state[0])
    context, scores, looked = np.zeros(8), [], []
    for position in said:
        fed = np.array([*points[position - 1], 0] if position else [0] * COORDINATES + [1])
        told = context @ p["from_context"]["kernel"] if "from_context" in p else 0.0
        state = lstm(p["decoder"]["cell"], fed, state, told)
        if isinstance(model, PointerNetwork):
            query, all_keys = state[0], [p["end_key"], *keys]
            for _ in range(model.glimpses):
                weights = softmax(energies(p["glimpse"]["scorer"], query, all_keys))
                query = sum(w * key for w, key in zip(weights, all_keys, strict=True))
                looked.append(weights)
            found = energies(p["pointer"], query, all_keys)
            scores.append(model.clip * np.tanh(found) if model.clip else found)
            continue
        chosen_by = state[0]
        if model.attention:
            weights = softmax(energies(p["reader"]["scorer"], state[0], keys))
            context = sum(w * key for w, key in zip(weights, keys, strict=True))
            chosen_by = np.concatenate([state[0], context])
            looked.append([0, *weights])
        found = chosen_by @ p["logits"]["kernel"] + p["logits"]["bias"]
        scores.append(found[: len(points) + 1])
    return np.array(scores), np.array(looked)


@every_model
def test_the_model_never_differs_from_the_papers_equations(name, run, parameters):
    model = MODELS[name]
    params = parameters(model, *ARRAYS)["params"]
    logits, weights = run(name)
    for row in range(2):
        count = COUNTS[row]
        expected, looked = paper(model, params, POINTS[row, :count], SAID[row])
        np.testing.assert_allclose(logits[row, :, : count + 1], expected, atol=1e-4)
        chances = [softmax(scores) for scores in expected]
        np.testing.assert_allclose(weights["pointer"][row, :, : count + 1], chances, atol=1e-5)
        for key in set(weights) - {"pointer"}:
            found = weights[key][row].reshape(-1, INPUTS + 1)[:, : count + 1]
            np.testing.assert_allclose(found, looked, atol=1e-5)
    assert set(weights) - {"pointer"} == {
        "glimpses": {"glimpse"},
        "attention": {"cross"},
    }.get(name, set())


@every_model
def test_stepping_never_differs_from_running_all_steps(name, run, parameters, stepped):
    model = MODELS[name]
    # Each beam says something else.
    spoken = [SAID, np.where(SAID > 1, SAID - 1, SAID)]
    beams_said = stepped(model, parameters(model, *ARRAYS), ARRAYS[:2], spoken)
    for beam, (log_probs, extras) in enumerate(beams_said):
        logits, weights = run(name, said=spoken[beam])
        np.testing.assert_allclose(log_probs, jax.nn.log_softmax(logits), rtol=1e-5, atol=1e-5)
        assert set(extras) == set(weights)
        for key, value in extras.items():
            np.testing.assert_allclose(value, weights[key], atol=1e-5)


@every_model
@settings(max_examples=10)
@given(
    counts=st.lists(st.integers(0, INPUTS), min_size=BATCH, max_size=BATCH),
    junk=st.sampled_from([0.0, -1e4, 1e4]),
)
def test_nothing_is_ever_seen_or_pointed_at_where_there_is_no_element(name, counts, junk, run):
    mask = np.arange(INPUTS) < np.array(counts)[:, None]
    junked = np.where(mask[..., None], POINTS, np.float32(junk))
    said = np.where(np.take_along_axis(np.pad(mask, ((0, 0), (1, 0))), SAID, 1), SAID, 0)
    logits, weights = run(name, mask=mask, said=said)
    other, _ = run(name, points=junked, mask=mask, said=said)
    np.testing.assert_array_equal(other, logits)
    assert np.all(np.isfinite(logits))
    nowhere = np.pad(~mask, ((0, 0), (1, 0)))
    for value in weights.values():
        assert not np.any(np.moveaxis(np.asarray(value), -1, 1)[nowhere])
    np.testing.assert_allclose(weights["pointer"].sum(-1), 1, rtol=1e-5)


@every_model
def test_neither_padding_nor_the_batch_ever_changes_an_example(name, run):
    logits, _ = run(name)
    alone, _ = run(name, POINTS[1:2, :4], MASK[1:2, :4], SAID[1:2])
    np.testing.assert_allclose(alone[0], logits[1, :, :5], atol=1e-5)


@every_model
def test_later_positions_never_leak(name, run):
    logits = np.asarray(run(name)[0])
    for time in range(1, OUTPUTS):
        changed = SAID.copy()
        changed[:2, time:] = (changed[:2, time:] + 1) % 5
        other = np.asarray(run(name, said=changed)[0])
        np.testing.assert_array_equal(other[:, :time], logits[:, :time])
        assert np.all(np.any(other[:2, time] != logits[:2, time], axis=-1))


def test_the_network_points_into_any_number_of_inputs_and_a_control_says_where_it_ends(parameters):
    arrays = jnp.zeros((1, 9, COORDINATES)), jnp.ones((1, 9), bool), jnp.zeros((1, 2), jnp.int32)

    def scores(name):
        variables = parameters(MODELS[name], *ARRAYS)
        return jax.eval_shape(MODELS[name].apply, variables, *arrays)[0]

    assert scores("pointer").shape == (1, 2, 10)
    with pytest.raises(UserError, match="has 9 elements and this model's outputs end at 7"):
        scores("seq2seq")


def test_asking_for_weights_never_changes_the_logits(run, parameters):
    variables = parameters(MODELS["glimpses"], *ARRAYS)
    logits, none = jax.jit(MODELS["glimpses"].apply)(variables, *ARRAYS)
    assert none == {}
    np.testing.assert_allclose(logits, run("glimpses")[0], atol=1e-6)


@pytest.mark.parametrize("name", ["glimpses", "attention"])
def test_bfloat16_never_strays_far_from_float32(name, run, parameters):
    variables = parameters(MODELS[name], *ARRAYS)
    logits, _ = jax.jit(MODELS[name].clone(dtype=jnp.bfloat16).apply)(variables, *ARRAYS)
    assert logits.dtype == jnp.float32
    np.testing.assert_allclose(jax.nn.softmax(logits), run(name)[1]["pointer"], atol=0.1)


def test_training_memory_never_grows_with_queries_by_keys_by_features():
    model = PointerNetwork(64)
    points = jnp.zeros((2, 128, COORDINATES))
    arrays = points, jnp.ones(points.shape[:2], bool), jnp.zeros((2, 128), jnp.int32)
    variables = jax.eval_shape(model.init, jax.random.key(0), *arrays)
    gradient = jax.grad(lambda variables: model.apply(variables, *arrays)[0].sum())
    analysis = jax.jit(gradient).lower(variables).compile().memory_analysis()
    energies = 2 * 128 * 128 * 64 * 4
    assert analysis.temp_size_in_bytes + analysis.output_size_in_bytes < energies / 2


@every_model
def test_standardised_points_are_seen_with_mean_0_and_variance_1(name, run, parameters):
    model = MODELS[name].clone(standardised=True)
    variables = parameters(MODELS[name], *ARRAYS)
    logits, _ = jax.jit(model.apply)(variables, *ARRAYS)
    expected, _ = run(name, (POINTS - 0.5) * 12**0.5)
    np.testing.assert_allclose(logits, expected, atol=1e-5)


def test_the_papers_initialisation_reaches_every_part(labels, monkeypatch):
    monkeypatch.setattr(pointer_network, "SUTSKEVER", labels)

    def parts(model):
        start = jax.jit(model.clone(paper_init=True).init)(jax.random.key(0), *ARRAYS)
        return jax.tree.map(lambda leaf: labels._fields[int(leaf.max())], start["params"])

    dense = {"kernel": "kernel", "bias": "bias"}
    lstm = {"cell": {"input": dense, "recurrent": "recurrent"}}
    score = {
        "query_projection": {"kernel": "alignment"},
        "key_projection": {"kernel": "alignment"},
        "v": "energy",
    }
    assert parts(MODELS["glimpses"]) == {
        "encoder": lstm,
        "decoder": lstm,
        "end_key": "energy",
        "glimpse": {"scorer": score},
        "pointer": score,
    }
    assert parts(MODELS["attention"]) == {
        "encoder": lstm,
        "decoder": lstm,
        "reader": {"scorer": score},
        "from_context": {"kernel": "kernel"},
        "logits": dense,
    }


def loss(model, variables):
    """Of one batch: the positions said."""
    logits, _ = model.apply(variables, *ARRAYS)
    targets = np.roll(SAID, -1, axis=1)
    return optax.softmax_cross_entropy_with_integer_labels(logits, targets).mean()

    return whole(vector)


GOLDEN = {
    "pointer": (1.1787, 1.1564),
    "attention": (1.2901, 1.2042),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_tiny_batch_is_learned_by_heart_from_the_golden_first_step(
    name, parameters, losses, assert_golden
):
    model = MODELS[name]
    curve = losses(partial(loss, model), parameters(model, *ARRAYS), steps=200)
    assert curve[-1] < 0.1, curve
    assert_golden(curve, GOLDEN[name])
