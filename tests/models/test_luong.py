"""Luong's models against the paper's equations, and what each kind of attention promises."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax.errors import UserError
from attention_jax.models import luong
from attention_jax.models.luong import Luong

HIDDEN, LAYERS, RADIUS = 4, 2, 1
MODEL = Luong(9, 10, 3, HIDDEN, LAYERS, kind="local_p", radius=RADIUS, alignment=5, max_source=5)
HARD = MODEL.clone(kind="hard", score="additive", layers=1)
SOURCE = np.array([[3, 4, 5, 6], [7, 8, 0, 0]], np.int32)
MASK = SOURCE != 0
INPUTS = np.array([[1, 4, 9], [1, 5, 2]], np.int32)
ARRAYS = tuple(map(jnp.array, (SOURCE, MASK, INPUTS)))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(p, x, state, extra=0.0):
    gates = x @ p["input"]["kernel"] + p["input"]["bias"] + state[0] @ p["recurrent"] + extra
    i, f, g, o = np.split(gates, 4)
    cell = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(cell), cell


def encode(p, source):
    """The annotations at their words' places, and every layer's last state; read backwards."""
    below, states = p["source_embedding"]["embedding"][source], []
    for depth in range(LAYERS):
        state, outputs = (np.zeros(HIDDEN), np.zeros(HIDDEN)), []
        for x in below[::-1]:
            state = lstm(p["encoder"][f"layers_{depth}"]["cell"], x, state)
            outputs.append(state[0])
        below = np.stack(outputs[::-1])
        states.append(state)
    return below, states


def align(p, h, t, annotations, kind):
    """Weights of the general score, and p_t (eq. 7, 9 and 10)."""
    size = len(annotations)
    energies = [h @ (p["scorer"]["bilinear"]["kernel"].T @ value) for value in annotations]
    center, radius = None, np.inf
    if kind == "local_m":
        center, radius = min(t, size - 1), RADIUS
    if kind == "local_p":
        center = size * sigmoid(p["center_v"] @ np.tanh(h @ p["center_weight"]))
        radius = RADIUS
    inside = [s for s in range(size) if center is None or abs(s - center) <= radius]
    weights = np.zeros(size)
    for s in inside:
        weights[s] = np.exp(energies[s]) / sum(np.exp(energies[i]) for i in inside)
        if kind == "local_p":
            weights[s] *= np.exp(-((s - center) ** 2) / (2 * (RADIUS / 2) ** 2))
    return weights, center


def paper(p, source, inputs, kind, feeding):
    """One sentence without padding: logits, alignment and centres, word by word."""
    annotations, states = encode(p, source)
    decoder, told = p["decoder"], np.zeros(HIDDEN)
    logits, alignment, centers = [], [], []
    for t, below in enumerate(p["target_embedding"]["embedding"][inputs]):
        extra = told @ decoder["told"]["kernel"] if feeding else 0.0
        for depth in range(LAYERS):
            cell = decoder["stack"][f"layers_{depth}"]["cell"]
            states[depth] = lstm(cell, below, states[depth], extra)
            below, extra = states[depth][0], 0.0
        weights, center = align(decoder["attention"], below, t, annotations, kind)
        context = sum(w * value for w, value in zip(weights, annotations, strict=True))
        told = np.tanh(np.concatenate([context, below]) @ decoder["combination"]["kernel"])
        logits.append(told @ p["logits"]["kernel"] + p["logits"]["bias"])
        alignment.append(weights)
        centers.append(center)
    return np.stack(logits), np.stack(alignment), centers


@pytest.mark.parametrize(("kind", "feeding"), [("local_p", True), ("local_m", False)])
def test_the_model_never_differs_from_the_papers_equations(kind, feeding, parameters):
    model = MODEL.clone(kind=kind, input_feeding=feeding)
    variables = parameters(model, SOURCE, MASK, INPUTS)
    logits, weights = jax.jit(partial(model.apply, weights=True))(variables, SOURCE, MASK, INPUTS)
    for row in range(2):
        length = MASK[row].sum()
        expected = paper(variables["params"], SOURCE[row, :length], INPUTS[row], kind, feeding)
        np.testing.assert_allclose(logits[row], expected[0], atol=1e-4)
        np.testing.assert_allclose(weights["cross"][row, :, :length], expected[1], atol=1e-5)
        np.testing.assert_allclose(weights["center"][row], expected[2], atol=1e-5)
        assert not np.any(weights["cross"][row, :, length:])


@pytest.mark.parametrize(("kind", "feeding"), [("local_p", True), ("hard", False)])
def test_stepping_never_differs_from_running_all_steps(kind, feeding, parameters):
    model = MODEL.clone(kind=kind, input_feeding=feeding)
    variables = parameters(model, SOURCE, MASK, INPUTS)

    @jax.jit
    def both_faces(variables):
        memory = model.apply(variables, *ARRAYS[:2], method="encode")

        def step(carry, now):
            carry, *said = model.apply(variables, memory, carry, *now, weights=True, method="step")
            return carry, said

        carry = model.apply(variables, memory, method="start")
        steps = ARRAYS[2].T, jnp.arange(INPUTS.shape[1])
        at_once = model.apply(variables, *ARRAYS, weights=True)
        return at_once, jax.lax.scan(step, carry, steps)[1]

    (logits, looked), (log_probs, extras) = both_faces(variables)
    np.testing.assert_allclose(log_probs.swapaxes(0, 1), jax.nn.log_softmax(logits), atol=1e-5)
    assert set(looked) == set(extras) == {"cross"} | ({"center"} if kind == "local_p" else set())
    for name, value in looked.items():
        np.testing.assert_allclose(extras[name].swapaxes(0, 1), value, atol=1e-5)


@pytest.fixture(scope="module")
def drawn(parameters):
    """`drawn(rows, key)`: logits and weights of hard attention in training, some examples alone."""
    variables = parameters(HARD, SOURCE, MASK, INPUTS)
    apply = jax.jit(partial(HARD.apply, weights=True))

    def drawn(rows, key):
        keys = jax.random.split(jax.random.key(key), 2)
        return apply(variables, *(x[rows] for x in ARRAYS), draws=keys[rows])

    return drawn


def test_the_same_draws_look_at_the_same_words_whatever_the_batch(drawn):
    both = slice(None)
    logits, looked = drawn(both, 0)
    assert np.all(np.sort(looked["cross"])[..., -1] == 1)
    assert np.all(looked["cross"].sum(-1) == 1)
    assert not np.any(np.asarray(looked["cross"])[1, :, 2:])
    np.testing.assert_array_equal(drawn(both, 0)[0], logits)
    alone, looked_alone = drawn(slice(1, 2), 0)
    np.testing.assert_array_equal(looked_alone["cross"][0], looked["cross"][1])
    np.testing.assert_allclose(alone[0], logits[1], atol=1e-5)
    assert any(np.any(drawn(both, key)[1]["cross"] != looked["cross"]) for key in (1, 2, 3))


def test_hard_attention_learns_where_to_look(parameters):
    model = HARD.clone(cell="vanilla")
    variables = parameters(model, SOURCE, MASK, INPUTS)

    @jax.jit
    @jax.grad
    def gradient(variables, key):
        draws = jax.random.split(key, 2)
        train = {"train": True, "draws": draws, "rngs": {"dropout": key}}
        return (model.apply(variables, *ARRAYS, **train)[0] ** 2).sum()

    found = gradient(variables, jax.random.key(0))["params"]
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(found))
    assert all(np.any(leaf) for leaf in jax.tree.leaves(found["decoder"]["attention"]))


def test_only_hard_attention_wants_draws():
    kinds = "global", "local_m", "local_p", "hard"
    assert [kind for kind in kinds if MODEL.clone(kind=kind).samples] == ["hard"]


def test_dropout_in_the_decoder_never_repeats_a_mask(parameters):
    model = MODEL.clone(kind="global", cell="vanilla", dropout=0.5)
    variables = parameters(model, SOURCE, MASK, INPUTS)
    # No step knows what came before, and all read one word: without dropout all say the same.
    forgetful = jax.tree.map_with_path(
        lambda path, leaf: 0 * leaf if path[-1].key == "recurrent" or "told" in str(path) else leaf,
        variables,
    )
    same = jnp.full((2, 6), 4)

    @partial(jax.jit, static_argnums=0)
    def hidden(train, variables, key):
        def decode(model):
            memory = model.encode(*ARRAYS[:2])
            # The drop on embeddings is not the decoder's.
            return model.decoder(memory, model.target_embedding(same), train=train)[0]

        return model.apply(variables, method=decode, rngs={"dropout": key})

    plain = np.asarray(hidden(False, forgetful, jax.random.key(0)))
    np.testing.assert_allclose(plain[:, 1:], plain[:, :-1], atol=1e-6)
    dropped = np.asarray(hidden(True, forgetful, jax.random.key(0)))
    assert len({row.tobytes() for row in dropped[0]}) > 2


def test_the_papers_initialisation_reaches_every_part(labels, monkeypatch):
    monkeypatch.setattr(luong, "LUONG", labels)
    model = MODEL.clone(paper_init=True, score="additive", layers=1)
    parts = jax.jit(model.init)(jax.random.key(0), SOURCE, MASK, INPUTS)["params"]
    parts = jax.tree.map(lambda leaf: labels._fields[int(leaf.max())], parts)
    dense = {"kernel": "kernel", "bias": "bias"}
    stack = {"layers_0": {"cell": {"input": dense, "recurrent": "recurrent"}}}
    score = {
        "query_projection": {"kernel": "alignment"},
        "key_projection": {"kernel": "alignment"},
        "v": "energy",
    }
    assert parts == {
        "source_embedding": {"embedding": "embedding"},
        "target_embedding": {"embedding": "embedding"},
        "encoder": stack,
        "decoder": {
            "attention": {"scorer": score, "center_weight": "alignment", "center_v": "energy"},
            "stack": stack,
            "told": {"kernel": "kernel"},
            "combination": {"kernel": "kernel"},
        },
        "logits": dense,
    }


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "soft"}, "kind 'soft' is unknown"),
        ({"score": "location"}, "location attention knows whole sources, not windows"),
        (
            {"kind": "global", "score": "location", "max_source": 3},
            r"source has 4 tokens but location attention was built for 3: raise config\.model",
        ),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence(wrong, message):
    with pytest.raises(UserError, match=message):
        jax.eval_shape(MODEL.clone(**wrong).init, jax.random.key(0), SOURCE, MASK, INPUTS)
