"""What stands beside SNAIL: each against its equation, and what neither ever does."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from attention_jax.layers.conv_embedding import ConvEmbedding
from attention_jax.models.lstm_meta_learner import LSTMMetaLearner
from attention_jax.models.prototypical import PrototypicalNetwork

WAYS, BATCH, QUERIES, SIDE, FILTERS = 3, 2, 2, 16, 3
MODELS = {
    "prototypical": PrototypicalNetwork(WAYS, FILTERS),
    "lstm": LSTMMetaLearner(WAYS, FILTERS, embedding=4, hidden=5, layers=2),
}
RNG = np.random.default_rng(0)
SUPPORT = RNG.normal(size=(BATCH, 6, SIDE, SIDE, 1)).astype(np.float32)
ASKED = RNG.normal(size=(BATCH, QUERIES, SIDE, SIDE, 1)).astype(np.float32)
LABELS = np.array([[0, 1, 2, 2, 0, 1], [2, 0, 0, 0, 1, 2]])
EPISODE = (SUPPORT, LABELS, ASKED)
every_model = pytest.mark.parametrize("name", MODELS)


@cache
def face(name):
    return jax.jit(MODELS[name].apply)


def _positive(path, leaf):
    return np.abs(leaf) + 0.3 if path[-1].key == "var" else leaf


@pytest.fixture(scope="module")
def variables(parameters):
    """Of a model by name; variances are positive."""

    def draw(name):
        drawn = parameters(MODELS[name], *map(jnp.array, EPISODE))
        return {**drawn, "batch_stats": jax.tree.map_with_path(_positive, drawn["batch_stats"])}

    return draw


@pytest.fixture(scope="module")
def run(variables):
    return lambda name, *episode: face(name)(variables(name), *(episode or EPISODE))[0]


@pytest.fixture(scope="module")
def look(variables):
    """What a model's embedding makes of images."""
    embed = jax.jit(ConvEmbedding(FILTERS).apply)

    def look(name, images):
        parts = variables(name)
        return np.asarray(embed({kind: parts[kind]["look"] for kind in parts}, images))

    return look


def test_a_prototype_is_never_anything_but_its_class_mean(run, look):
    logits, told, asked = run("prototypical"), *(look("prototypical", x) for x in (SUPPORT, ASKED))
    for row in range(BATCH):
        for way in range(WAYS):
            mean = told[row][LABELS[row] == way].mean(0)
            expected = -np.square(asked[row] - mean).sum(-1)
            np.testing.assert_allclose(logits[row, :, way], expected, rtol=1e-3, atol=1e-5)


def dense(p, x):
    return x @ p["kernel"] + p.get("bias", 0.0)


def cell(p, x, state):
    hidden, memory = state
    gates = dense(p["input"], x) + hidden @ p["recurrent"]
    write, forget, new, output = np.split(gates, 4)
    write, forget, output = (1 / (1 + np.exp(-g)) for g in (write, forget, output))
    memory = forget * memory + write * np.tanh(new)
    return output * np.tanh(memory), memory


def test_the_lstm_reads_the_support_and_then_the_query_as_in_a_loop(run, look, variables):
    logits, told, asked = run("lstm"), *(look("lstm", x) for x in (SUPPORT, ASKED))
    p = jax.tree.map(np.asarray, variables("lstm")["params"])
    for row in range(BATCH):
        for query in range(QUERIES):
            images = dense(p["embed"], np.concatenate([told[row], asked[row, query][None]]))
            answers = np.concatenate([np.eye(WAYS)[LABELS[row]], np.zeros((1, WAYS))])
            states = [(np.zeros(5), np.zeros(5))] * 2
            for x in np.concatenate([images, answers], axis=-1):
                for depth in range(2):
                    layer = p["lstm"][f"layers_{depth}"]["cell"]
                    states[depth] = cell(layer, x, states[depth])
                    x = states[depth][0]
            np.testing.assert_allclose(logits[row, query], dense(p["logits"], x), atol=1e-4)


@every_model
def test_queries_never_see_one_another_and_episodes_never_do(name, run):
    logits, changed = run(name), ASKED.copy()
    changed[1, 1] += 1
    other = run(name, SUPPORT, LABELS, changed)
    np.testing.assert_array_equal(other[0], logits[0])
    np.testing.assert_array_equal(other[1, 0], logits[1, 0])
    assert np.any(other[1, 1] != logits[1, 1])


@every_model
def test_bfloat16_never_strays_far_from_float32(name, run, variables):
    half = MODELS[name].clone(dtype=jnp.bfloat16)
    logits, _ = jax.jit(half.apply)(variables(name), *EPISODE)
    assert logits.dtype == jnp.float32
    expected = run(name)
    np.testing.assert_allclose(logits, expected, atol=0.05 * np.abs(expected).max())


GOLDEN = {"prototypical": (1.1353, 1.0265), "lstm": (1.1184, 1.0882)}


@every_model
def test_a_tiny_batch_is_learned_by_heart_from_the_golden_first_step(
    name, variables, losses, assert_golden
):
    """Rows that only fill up the batch, of junk, teach nothing."""
    model = MODELS[name]
    start, answers = variables(name), jnp.array([[1, 0], [2, 2]])
    filled = [jnp.concatenate([part, part[:1] * 0 + 2]) for part in map(jnp.array, EPISODE)]
    mask = jnp.arange(BATCH + 1) < BATCH

    def loss(params):
        logits, _ = model.apply(
            {**start, "params": params}, *filled, mask, train=True, mutable=["batch_stats"]
        )[0]
        real = logits[:BATCH]
        return optax.softmax_cross_entropy_with_integer_labels(real, answers).mean()

    curve = losses(loss, start["params"], steps=100)
    assert curve[-1] < 0.05, curve
    assert_golden(curve, GOLDEN[name])
