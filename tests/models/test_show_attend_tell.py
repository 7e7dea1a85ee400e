"""Show, Attend and Tell against its equations, its two faces, and what it draws."""

import itertools
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from attention_jax.errors import UserError
from attention_jax.layers.conv_grid import ConvGrid
from attention_jax.models.show_attend_tell import ShowAttendTell
from attention_jax.tasks import captioning_reinforce

BATCH, TIME, KEYS, VOCAB = 3, 4, 6, 9
STAGES = ((3,), (4,))
KINDS = ("soft", "hard", "none")
MODELS = {
    kind: ShowAttendTell(VOCAB, STAGES, embedding=5, hidden=4, alignment=3, attention=kind)
    for kind in KINDS
}
# Two stages make cells of 2 x 2 pixels: 2 rows of 3.
IMAGES = np.random.default_rng(0).normal(size=(BATCH, 4, 6, 2)).astype(np.float32)
INPUTS = np.random.default_rng(1).integers(3, VOCAB, (BATCH, TIME)).astype(np.int32)
ARRAYS = (jnp.array(IMAGES), jnp.array(INPUTS))
DRAWS = jax.random.split(jax.random.key(2), BATCH)
COINS = np.array([False, True, False])

every_kind = pytest.mark.parametrize("kind", KINDS)


@cache
def face(kind):
    """The training face, compiled once per shape."""
    return jax.jit(partial(MODELS[kind].apply, weights=True))


@pytest.fixture(scope="module")
def run(parameters):
    """`run(kind)`: logits and weights of all steps; any array may be another."""

    def run(kind, images=IMAGES, inputs=INPUTS, **drawing):
        return face(kind)(parameters(MODELS[kind], *ARRAYS), images, inputs, **drawing)

    return run


@pytest.fixture(scope="module")
def drawn(run):
    """What hard attention draws; the second example reads the expectation."""
    return run("hard", draws=DRAWS, expected=COINS)


def paper(p, kind, annotations, inputs, places=None):
    """Xu 2015, eq. 1 to 7, for one image and caption, word by word: logits and chances.

    Hard attention reads `places`, or where the chances are best.
    """

    def dense(name, x):
        return x @ p[name]["kernel"] + p[name].get("bias", 0.0)

    mean = annotations.mean(0)
    hidden, memory = jnp.tanh(dense("first_hidden", mean)), jnp.tanh(dense("first_cell", mean))
    logits, chances = [], []
    for time, token in enumerate(jnp.asarray(p["embed"]["embedding"])[inputs]):
        if kind == "none":
            read = mean
        else:
            score = p["scorer"]
            asked = hidden @ score["query_projection"]["kernel"]
            keys = annotations @ score["key_projection"]["kernel"]
            alpha = jax.nn.softmax(jnp.tanh(asked + keys) @ score["v"])
            chances.append(alpha)
            place = alpha.argmax() if places is None else places[time]
            read = alpha @ annotations if kind == "soft" else annotations[place]
        z = jax.nn.sigmoid(dense("selector", hidden)) * read
        from_token = token @ p["cell"]["input"]["kernel"] + p["cell"]["input"]["bias"]
        gates = from_token + dense("from_read", z) + hidden @ p["cell"]["recurrent"]
        i, f, g, o = jnp.split(gates, 4)
        memory = jax.nn.sigmoid(f) * memory + jax.nn.sigmoid(i) * jnp.tanh(g)
        hidden = jax.nn.sigmoid(o) * jnp.tanh(memory)
        deep = token + dense("output_state", hidden) + dense("output_read", z)
        logits.append(dense("logits", deep))
    return jnp.stack(logits), jnp.stack(chances) if chances else None


@every_kind
def test_the_model_never_differs_from_the_papers_equations(kind, run, parameters):
    p = parameters(MODELS[kind], *ARRAYS)["params"]
    annotations = jax.jit(ConvGrid(STAGES).apply)({"params": p["encoder"]}, IMAGES)
    expected, chances = jax.jit(jax.vmap(partial(paper, p, kind)))(annotations, INPUTS)
    logits, weights = run(kind)
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    if kind == "soft":
        np.testing.assert_allclose(weights["cross"], chances, atol=1e-5)
        np.testing.assert_allclose(weights["cross"].sum(-1), 1, atol=1e-6)
    if kind == "hard":
        np.testing.assert_allclose(weights["chances"], chances, atol=1e-5)
        np.testing.assert_array_equal(weights["cross"], np.eye(KEYS)[chances.argmax(-1)])
    assert weights["selector"].shape == (BATCH, TIME)


@every_kind
def test_stepping_never_differs_from_running_all_steps(kind, run, parameters, stepped):
    model = MODELS[kind]
    # Each beam says the caption of another example, so that no two beams agree.
    spoken = [np.roll(INPUTS, beam, axis=0) for beam in range(2)]
    beams_said = stepped(model, parameters(model, *ARRAYS), ARRAYS[:1], spoken)
    for beam, (log_probs, extras) in enumerate(beams_said):
        logits, weights = run(kind, inputs=spoken[beam])
        np.testing.assert_allclose(log_probs, jax.nn.log_softmax(logits), atol=1e-5)
        assert set(extras) == set(weights)
        for name, value in extras.items():
            np.testing.assert_allclose(value, weights[name], atol=1e-5)


def test_neither_padding_nor_the_batch_ever_changes_an_example(run, drawn):
    for kind, whole in (("soft", run("soft")), ("hard", drawn)):
        drawing = {"draws": DRAWS[:1], "expected": COINS[:1]} if kind == "hard" else {}
        logits, weights = run(kind, IMAGES[:1], INPUTS[:1, :3], **drawing)
        np.testing.assert_allclose(logits[0], whole[0][0, :3], atol=1e-5)
        assert set(weights) == set(whole[1])
        for name in weights:
            np.testing.assert_allclose(weights[name][0], whole[1][name][0, :3], atol=1e-5)


def test_future_words_never_leak(run, drawn):
    changed = INPUTS.copy()
    changed[:, 2:] = 0  # Padding, as in a shorter caption.
    other = run("hard", inputs=changed, draws=DRAWS, expected=COINS)
    for now, then in zip(jax.tree.leaves(other), jax.tree.leaves(drawn), strict=True):
        np.testing.assert_array_equal(now[:, :2], then[:, :2])
    assert np.all(np.any(np.asarray(other[0])[:, 2] != np.asarray(drawn[0])[:, 2], axis=-1))


def test_a_place_that_was_drawn_is_never_shared_and_its_chance_is_told(run, drawn):
    _, weights = drawn
    weights = {name: np.asarray(value) for name, value in weights.items()}
    cross, chances = weights["cross"][~COINS], weights["chances"][~COINS]
    np.testing.assert_array_equal(np.sort(cross, axis=-1)[..., :-1], 0)
    np.testing.assert_array_equal(cross.max(-1), 1)
    np.testing.assert_allclose(
        weights["log_prob"][~COINS], np.log((cross * chances).sum(-1)), atol=1e-5
    )
    logs = weights["chances"] * np.log(weights["chances"])
    np.testing.assert_allclose(weights["entropy"], -logs.sum(-1), atol=1e-5)
    _, again = run("hard", draws=jax.random.split(jax.random.key(3), BATCH), expected=COINS)
    assert np.any(np.asarray(again["cross"])[~COINS] != cross)


def test_reading_the_expectation_is_soft_attention_and_draws_nothing(run, drawn):
    logits, weights = drawn
    soft, attended = run("soft")
    np.testing.assert_allclose(logits[1], soft[1], atol=1e-5)
    np.testing.assert_allclose(weights["cross"][1], attended["cross"][1], atol=1e-6)
    np.testing.assert_array_equal(weights["log_prob"][1], 0)


def test_without_a_glimpse_nothing_is_known_of_an_image_before_it_is_looked_at(parameters):
    model = MODELS["soft"].clone(glimpse=False)
    variables = parameters(model, *ARRAYS)
    assert {"first_hidden", "first_cell"}.isdisjoint(variables["params"])
    _, weights = jax.jit(partial(model.apply, weights=True))(variables, *ARRAYS)
    # The state that asks first is zero, whatever the image is.
    np.testing.assert_allclose(
        weights["selector"][:, 0], 1 / (1 + np.exp(-_bias(variables))), atol=1e-6
    )


def _bias(variables):
    return np.broadcast_to(variables["params"]["selector"]["bias"], BATCH)


def test_only_straight_through_passes_a_gradient_through_what_was_drawn(parameters):
    variables = parameters(MODELS["hard"], *ARRAYS)

    def slope(model):
        def said(variables):
            logits, _ = model.apply(variables, *ARRAYS, draws=DRAWS)
            return jax.nn.log_softmax(logits)[..., 3].sum()

        return jax.grad(said)(variables)["params"]["scorer"]["v"]

    models = MODELS["hard"], MODELS["hard"].clone(straight_through=True)
    cut, passed = jax.jit(lambda: tuple(map(slope, models)))()
    np.testing.assert_array_equal(cut, 0)
    assert np.all(np.abs(passed) > 1e-6)


# The estimate of ∇ E[log p(y|s)] against the sum over all places at all steps.
STEPS, PLACES, DRAWN = 2, 3, 16_000
POLICY = ShowAttendTell(4, (), embedding=3, hidden=3, alignment=2, attention="hard")
SEEN = jnp.array(np.random.default_rng(3).normal(size=(1, PLACES, 2)), jnp.float32)
FED, SAID = jnp.array([[1, 3]]), np.array([3, 2])


@pytest.fixture(scope="module")
def params(parameters):
    params = parameters(POLICY, SEEN, FED)["params"]
    # Large enough that the places differ in what they make likely.
    return jax.tree.map(lambda leaf: 2.5 * leaf, params)


@pytest.fixture(scope="module")
def exact(params):
    """∇ Σ_s p(s) log p(y|s), by the paper's equations, which nothing draws."""
    steps = np.arange(STEPS)

    def of_places(params, places):
        logits, chances = paper(params, "hard", SEEN[0], FED[0], places)
        log_probs = jax.nn.log_softmax(logits)[steps, SAID]
        return jnp.prod(chances[steps, places]), log_probs.sum()

    def expectation(params):
        every = np.array(list(itertools.product(range(PLACES), repeat=STEPS)))
        chance, log_prob = jax.vmap(of_places, in_axes=(None, 0))(params, every)
        return (chance * log_prob).sum(), chance.sum()

    slope, total = jax.jit(jax.grad(expectation, has_aux=True))(params)
    np.testing.assert_allclose(total, 1, atol=1e-5)
    return np.asarray(ravel_pytree(slope)[0])


@pytest.fixture(scope="module")
def deviations(params, exact):
    """`deviations(scale, to_go)`: mean estimate less the exact one, and standard errors; `scale`
    of what `tasks.captioning_reinforce` gives.
    """
    every, baseline = jnp.ones((1, STEPS), bool), jnp.float32(-1.0)

    def objective(params, key, scale, to_go):
        logits, looked = POLICY.apply({"params": params}, SEEN, FED, weights=True, draws=key[None])
        log_probs = jax.nn.log_softmax(logits)[:, np.arange(STEPS), SAID]
        drawn = log_probs, looked["log_prob"], every, baseline
        slopes = [captioning_reinforce.slope(*drawn, to_go=way)[0] for way in (False, True)]
        return log_probs.sum() + scale * jnp.where(to_go, slopes[1], slopes[0])

    @jax.jit
    def estimates(scale, to_go):
        keys = jax.random.split(jax.random.key(4), DRAWN)
        slopes = jax.vmap(jax.grad(objective), in_axes=(None, 0, None, None))(
            params, keys, scale, to_go
        )
        return jax.vmap(lambda slope: ravel_pytree(slope)[0])(slopes)

    def measured(scale, to_go):
        drawn = np.asarray(estimates(scale, to_go))
        return drawn.mean(0) - exact, drawn.std(0, ddof=1) / DRAWN**0.5

    return measured


@pytest.mark.parametrize("to_go", [False, True], ids=["sentence", "reward-to-go"])
def test_the_estimate_never_strays_from_the_exact_gradient(to_go, deviations, exact):
    away, error = deviations(1.0, to_go)
    assert np.all(np.abs(away) <= 4 * error + 1e-5), np.max(np.abs(away) / (error + 1e-5))
    # The error is small against what is estimated.
    assert np.linalg.norm(error) < 0.05 * np.linalg.norm(exact)


@pytest.mark.parametrize("scale", [0.0, 0.5])
def test_without_all_of_the_chances_of_the_places_it_would_stray(scale, deviations):
    away, error = deviations(scale, False)
    assert np.max(np.abs(away) / (error + 1e-5)) > 5


def test_less_is_left_to_chance_where_a_place_answers_for_later_words_only(deviations):
    (_, whole), (_, later) = deviations(1.0, False), deviations(1.0, True)
    assert np.linalg.norm(later) < np.linalg.norm(whole)


def test_training_memory_never_grows_with_queries_by_keys_by_features():
    model = MODELS["soft"].clone(stages=(), alignment=64)
    features, inputs = jnp.ones((2, 128, 3)), jnp.full((2, 128), 3)
    variables = jax.eval_shape(model.init, jax.random.key(0), features, inputs)
    gradient = jax.jit(
        jax.grad(lambda variables: model.apply(variables, features, inputs)[0].sum())
    )
    analysis = gradient.lower(variables).compile().memory_analysis()
    energies = 2 * 128 * 128 * 64 * 4
    assert analysis.temp_size_in_bytes + analysis.output_size_in_bytes < energies / 4


def test_half_precision_never_reaches_the_logits_or_the_state():
    model = MODELS["hard"].clone(dtype=jnp.bfloat16)
    (logits, looked), _ = jax.eval_shape(
        partial(model.init_with_output, weights=True), jax.random.key(0), *ARRAYS
    )
    assert logits.dtype == jnp.float32
    assert {name: value.dtype for name, value in looked.items()} == dict.fromkeys(
        ("cross", "chances", "log_prob", "entropy", "selector"), jnp.dtype("float32")
    )


@pytest.mark.parametrize(
    ("change", "images", "mistake"),
    [
        ({"attention": "sharp"}, IMAGES, "attention 'sharp' is unknown"),
        ({}, IMAGES[:, 0], "was built for images, and got features"),
        ({"stages": ()}, IMAGES, "was built for features, and got images"),
        ({"stages": ((3,), (3,), (3,))}, IMAGES, "resize the images to multiples of 4"),
    ],
)
def test_what_does_not_fit_is_named(change, images, mistake):
    with pytest.raises(UserError, match=mistake):
        jax.eval_shape(MODELS["soft"].clone(**change).init, jax.random.key(0), images, INPUTS)


def loss(model, variables):
    """Of one batch: say the next input word; hard attention by REINFORCE."""
    drawing = {"draws": DRAWS} if model.samples else {}
    logits, looked = model.apply(variables, *ARRAYS, weights=True, **drawing)
    targets = np.roll(INPUTS, -1, axis=1)
    each = optax.softmax_cross_entropy_with_integer_labels(logits, targets).mean(-1)
    if model.samples:
        slope = jax.lax.stop_gradient(each) * looked["log_prob"].sum(-1)
        each = each + slope - jax.lax.stop_gradient(slope)
    return each.mean()


GOLDEN = {"soft": (2.4226, 2.2840), "hard": (2.4892, 2.3336), "none": (2.4148, 2.2784)}


@pytest.mark.parametrize("kind", GOLDEN)
def test_a_tiny_batch_is_learned_by_heart_from_the_golden_first_step(
    kind, parameters, losses, assert_golden
):
    model = MODELS[kind]
    curve = losses(partial(loss, model), parameters(model, *ARRAYS), steps=150)
    assert curve[-1] < 0.1, curve
    assert_golden(curve, GOLDEN[kind])
