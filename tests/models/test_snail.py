"""SNAIL against the paper's equations in loops, and what it never does."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from attention_jax.errors import UserError
from attention_jax.models.snail import SNAIL

WAYS, SHOTS, BATCH, QUERIES, SIDE = 3, 2, 2, 2, 16
ITEMS = WAYS * SHOTS
MODEL = SNAIL(WAYS, SHOTS, filters=8, embedding=4, sizes=((4, 3), 3, (5, 2)))
MODELS = {
    "both": MODEL,
    "attention": MODEL.clone(convolutions=False),
    "convolutions": MODEL.clone(attention=False),
}
RNG = np.random.default_rng(0)
SUPPORT = RNG.normal(size=(BATCH, ITEMS, SIDE, SIDE, 1)).astype(np.float32)
ASKED = RNG.normal(size=(BATCH, QUERIES, SIDE, SIDE, 1)).astype(np.float32)
LABELS = np.array([[0, 1, 2, 2, 0, 1], [2, 0, 1, 0, 1, 2]])
EPISODE = (SUPPORT, LABELS, ASKED)
every_model = pytest.mark.parametrize("name", MODELS)


@cache
def face(name):
    return jax.jit(partial(MODELS[name].apply, weights=True))


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
    return lambda name, *episode: face(name)(variables(name), *(episode or EPISODE))


def dense(p, x):
    return x @ p["kernel"] + p["bias"]


def looked(p, stats, image):
    """One image [height width 1] through the four blocks, by running averages."""
    x = image
    for block in range(4):
        kernel = p[f"Conv_{block}"]["kernel"]
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
        x = np.einsum("hwcij,ijco->hwo", windows, kernel)
        norm, seen = p[f"BatchNorm_{block}"], stats[f"BatchNorm_{block}"]
        x = (x - seen["mean"]) / np.sqrt(seen["var"] + 1e-5) * norm["scale"] + norm["bias"]
        half = len(x) // 2
        x = np.maximum(x, 0).reshape(half, 2, half, 2, -1).max((1, 3))
    return x.reshape(-1)


def attended(p, x):
    """What an attention block makes of one sequence, and the last step's weights."""
    p = p["project"]
    value_features = 3 if p["bias"].size == 11 else 2
    keys_at = (p["bias"].size - value_features) // 2
    query, keys, values = np.split(dense(p, x), [keys_at, 2 * keys_at], axis=-1)
    found = np.zeros((len(x), value_features))
    for t in range(len(x)):
        powers = np.exp(keys[: t + 1] @ query[t] / np.sqrt(keys_at))
        weights = powers / powers.sum()
        found[t] = weights @ values[: t + 1]
    return np.concatenate([x, found], axis=-1), weights


def convolved(p, x):
    """What a TC block makes of one sequence."""
    for depth in range(len(p)):
        conv, dilation = p[f"dense_{depth}"]["gated"]["both"], 2**depth
        past = np.concatenate([np.zeros((dilation, x.shape[1])), x])[: len(x)]
        y = past @ conv["kernel"][0] + x @ conv["kernel"][1] + conv["bias"]
        filtered, opening = np.split(y, 2, axis=-1)
        x = np.concatenate([x, np.tanh(filtered) / (1 + np.exp(-opening))], axis=-1)
    return x


def paper(variables, support, labels, query):
    """Scores of one query, and its weights in each attention block."""
    p, stats = (jax.tree.map(np.asarray, variables[key]) for key in ("params", "batch_stats"))
    steps, answers = [], [*np.eye(WAYS)[labels], np.zeros(WAYS)]
    for image, label in zip([*support, query], answers, strict=True):
        seen = dense(p["embed"], looked(p["look"], stats["look"], image))
        steps.append(np.concatenate([seen, label]))
    x, every = np.array(steps), []
    for block in p["blocks"].values():
        if "project" in block:
            x, weights = attended(block, x)
            every.append(weights)
        else:
            x = convolved(block, x)
    return dense(p["logits"], x[-1]), every


@every_model
def test_a_query_never_gets_other_scores_than_by_the_papers_equations(name, run, variables):
    logits, weights = run(name)
    assert set(weights) == (set() if name == "convolutions" else {"attention"})
    for row in range(BATCH):
        for query in range(QUERIES):
            expected, every = paper(variables(name), SUPPORT[row], LABELS[row], ASKED[row, query])
            np.testing.assert_allclose(logits[row, query], expected, atol=1e-3)
            for block, attended_to in enumerate(every):
                found = weights["attention"][row, query, block]
                np.testing.assert_allclose(found, attended_to, atol=1e-4)


def widths(ways, shots, **options):
    """What the blocks are given and leave, at the published sizes."""
    model = SNAIL(ways, shots, **options)
    images = jnp.zeros((1, 1, 28, 28, 1))
    shapes = jax.eval_shape(model.init, jax.random.key(0), images, jnp.zeros((1, 1), int), images)
    params = shapes["params"]
    assert params["embed"]["kernel"].shape == (64, 64)
    assert params["logits"]["bias"].shape == (ways,)
    inputs = [
        (block["project"] if "project" in block else block["dense_0"]["gated"]["both"])["kernel"]
        for block in params["blocks"].values()
    ]
    return [*(kernel.shape[-2] for kernel in inputs), params["logits"]["kernel"].shape[0]]


def test_the_published_sizes_follow_from_ways_and_shots():
    assert widths(5, 1) == [69, 101, 485, 613, 997, 1253]
    assert widths(5, 5) == [69, 101, 741, 869, 1509, 1765]
    assert widths(20, 5) == [84, 116, 1012, 1140, 2036, 2292]
    assert widths(5, 1, attention=False) == [69, 453, 837]
    assert widths(5, 1, convolutions=False) == [69, 101, 229, 485]


@every_model
def test_shown_one_by_one_a_query_never_gets_other_scores(name, run, variables):
    model = MODELS[name]
    images = np.concatenate([SUPPORT, ASKED], axis=1)
    labels = np.concatenate([LABELS, np.full((BATCH, QUERIES), -1)], axis=1)

    @jax.jit
    def stepped(variables, images, labels):
        def show(carry, now):
            following, *found = model.apply(variables, carry, *now, method="step")
            # What was asked leaves no trace: the next query starts from the same support.
            kept = partial(jnp.where, now[1][0] < 0)
            return jax.tree.map(kept, carry, following), found

        carry = model.apply(variables, BATCH, ITEMS + 1, method="start")
        assert all(leaf.shape[0] == BATCH for leaf in jax.tree.leaves(carry))
        times = jnp.minimum(jnp.arange(ITEMS + QUERIES), ITEMS)
        shown = (images.swapaxes(0, 1), labels.T, times)
        return jax.lax.scan(show, carry, shown)[1]

    logits, weights = stepped(variables(name), images, labels)
    expected, at_once = run(name)
    np.testing.assert_allclose(logits[ITEMS:].swapaxes(0, 1), expected, atol=1e-4)
    for key, value in at_once.items():
        np.testing.assert_allclose(weights[key][ITEMS:].swapaxes(0, 1), value, atol=1e-4)


def test_queries_never_see_one_another_and_episodes_never_do(run):
    logits, _ = run("both")
    asked = ASKED.copy()
    asked[1, 1] += 1
    other, _ = run("both", SUPPORT, LABELS, asked)
    np.testing.assert_array_equal(other[0], logits[0])
    np.testing.assert_array_equal(other[1, 0], logits[1, 0])
    assert np.any(other[1, 1] != logits[1, 1])
    support = SUPPORT.copy()
    support[1, 1] += 1
    other, _ = run("both", support, LABELS, ASKED)
    np.testing.assert_array_equal(other[0], logits[0])
    assert np.all(np.any(other[1] != logits[1], axis=-1))


def test_the_answers_in_the_support_always_matter(run):
    others = (LABELS + 1) % WAYS
    assert not np.allclose(run("both", SUPPORT, others, ASKED)[0], run("both")[0], atol=1e-3)


def test_rows_that_only_fill_up_a_batch_never_change_the_others_or_the_statistics(variables):
    @jax.jit
    def train(variables, support, labels, queries, mask):
        return MODEL.apply(
            variables, support, labels, queries, mask, train=True, mutable=["batch_stats"]
        )

    junk = [np.concatenate([part, part[:1] * 0 + 7]) for part in (SUPPORT, ASKED)]
    labels = np.concatenate([LABELS, LABELS[:1]])
    mask = np.arange(BATCH + 1) < BATCH
    (padded, _), after = train(variables("both"), junk[0], labels, junk[1], mask)
    (alone, _), expected = train(variables("both"), *EPISODE, mask[:BATCH])
    np.testing.assert_allclose(padded[:BATCH], alone, atol=1e-4)
    jax.tree.map(partial(np.testing.assert_allclose, atol=1e-5), after, expected)


def test_asking_for_weights_never_changes_the_logits(run, variables):
    logits, none = jax.jit(MODEL.apply)(variables("both"), *EPISODE)
    assert none == {}
    np.testing.assert_allclose(logits, run("both")[0], atol=1e-5)


def test_bfloat16_never_strays_far_from_float32(run, variables):
    half = MODEL.clone(dtype=jnp.bfloat16)
    logits, _ = jax.jit(half.apply)(variables("both"), *EPISODE)
    assert logits.dtype == jnp.float32
    expected = run("both")[0]
    np.testing.assert_allclose(logits, expected, atol=0.05 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("options", "episode", "message"),
    [
        ({"attention": False, "convolutions": False}, EPISODE, "never sees an example: set"),
        ({"shots": 1}, EPISODE, "shows 6 images .* 3 ways x 1 shots: raise config.model.shots"),
        ({}, (SUPPORT[:, :, :15], LABELS, ASKED[:, :, :15]), "15 x 16 pixels, but .* enlarge"),
    ],
)
def test_what_cannot_be_is_named(options, episode, message):
    model = MODEL.clone(**options)
    with pytest.raises(UserError, match=message):
        jax.eval_shape(model.init, jax.random.key(0), *map(jnp.array, episode))


GOLDEN = {"both": (1.1052, 0.9222), "attention": (1.0983, 0.9505), "convolutions": (1.4276, 1.0824)}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_tiny_batch_is_learned_by_heart_from_the_golden_first_step(
    name, variables, losses, assert_golden
):
    model = MODELS[name]
    start, answers = variables(name), jnp.array([[1, 0], [2, 2]])
    episode = tuple(map(jnp.array, EPISODE))

    def loss(params):
        logits, _ = model.apply(
            {**start, "params": params}, *episode, train=True, mutable=["batch_stats"]
        )[0]
        return optax.softmax_cross_entropy_with_integer_labels(logits, answers).mean()

    curve = losses(loss, start["params"], steps=100)
    assert curve[-1] < 0.05, curve
    assert_golden(curve, GOLDEN[name])
