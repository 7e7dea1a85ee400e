"""The Transformer: what only it promises. Blocks are held to the paper in tests/layers."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from attention_jax.decoding import beam_search
from attention_jax.errors import UserError
from attention_jax.models.transformer import BIG, Transformer

VOCAB, LAYERS, HEADS, FEATURES = 9, 3, 2, 8
MODEL = Transformer(
    VOCAB, VOCAB, features=FEATURES, heads=HEADS, layers=LAYERS, feed_forward=12, dropout=0.3
)
SOURCE = jnp.array([[3, 4, 5, 6], [7, 8, 0, 0]])
MASK = SOURCE != 0
INPUTS = jnp.array([[1, 4, 8], [1, 5, 2]])
ARRAYS = (SOURCE, MASK, INPUTS)
BOS, EOS = 1, 2


@pytest.fixture(scope="module")
def found(parameters):
    """Logits and all weights."""
    return jax.jit(partial(MODEL.apply, weights=True))(parameters(MODEL, *ARRAYS), *ARRAYS)


def shapes(model):
    return jax.eval_shape(model.init, jax.random.key(0), *ARRAYS)["params"]


def test_every_layer_and_head_is_given_back(found):
    _, weights = found
    batch, source, target = 2, 4, 3
    assert {name: value.shape for name, value in weights.items()} == {
        "cross": (batch, target, source),
        "cross_heads": (batch, LAYERS, HEADS, target, source),
        "decoder": (batch, LAYERS, HEADS, target, target),
        "encoder": (batch, LAYERS, HEADS, source, source),
    }
    np.testing.assert_allclose(weights["cross"], weights["cross_heads"][:, -2].mean(1), atol=1e-7)
    assert not np.any(np.triu(weights["decoder"], k=1))
    assert not np.any(weights["encoder"][1, ..., 2:])


@pytest.mark.parametrize(("layers", "block"), [(1, 0), (2, 1), (3, 1), (6, 4)])
def test_of_two_blocks_the_first_never_stands_for_the_alignment(layers, block):
    assert MODEL.clone(layers=layers)._aligned == block


def test_asking_for_weights_never_changes_the_logits(found, parameters):
    logits, none = jax.jit(MODEL.apply)(parameters(MODEL, *ARRAYS), *ARRAYS)
    assert none == {}
    np.testing.assert_allclose(logits, found[0], atol=1e-5)


def test_on_the_fused_path_neither_padding_nor_the_future_is_ever_read(parameters):
    variables, apply = parameters(MODEL, *ARRAYS), jax.jit(MODEL.apply)
    logits, _ = apply(variables, *ARRAYS)
    junk, _ = apply(variables, jnp.where(MASK, SOURCE, 6), MASK, INPUTS)
    np.testing.assert_array_equal(junk, logits)
    changed, _ = apply(variables, SOURCE, MASK, INPUTS.at[:, 2].set(7))
    np.testing.assert_array_equal(changed[:, :2], logits[:, :2])
    assert np.any(changed[:, 2] != logits[:, 2])


@pytest.mark.parametrize(
    ("embeddings", "tables"),
    [
        ("shared", {"target_tokens"}),
        ("tied", {"target_tokens", "source_tokens"}),
        ("separate", {"target_tokens", "source_tokens", "logits"}),
    ],
)
def test_tied_embeddings_are_one_parameter(embeddings, tables):
    params = shapes(MODEL.clone(embeddings=embeddings))
    assert {name for name in params if name not in ("encoder", "decoder")} == tables


def test_the_papers_sizes_are_those_of_its_table():
    def count(**sizes):
        model = Transformer(37_000, 37_000, **sizes)
        return sum(leaf.size for leaf in jax.tree.leaves(shapes(model))) / 1e6

    # Table 3 says 65 and 213 million, and does not say for how many entries.
    assert 62 < count() < 66
    assert 208 < count(**BIG) < 216


def test_learned_positions_are_one_table_a_side():
    params = shapes(MODEL.clone(positions="learned", max_length=5))
    for side in ("source", "target"):
        assert params[side]["positions"]["table"].shape == (5, FEATURES)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heads": 3}, "8 features cannot be shared by 3 heads"),
        ({"norm": "rms"}, "norm 'rms' is unknown: choose post or pre"),
        ({"positions": "rotary"}, "positions 'rotary' is unknown"),
        ({"embeddings": "none"}, "embeddings 'none' is unknown: choose shared, tied or separate"),
        ({"source_vocab": 10}, "shared embeddings need one vocabulary .* 10 entries and .* 9: set"),
        (
            {"positions": "learned", "max_length": 3},
            "4 tokens needs 4 positions but 3 are learned: raise config.model.max_length",
        ),
    ],
)
def test_what_the_model_cannot_be_is_said_in_a_sentence(changes, message):
    with pytest.raises(UserError, match=message):
        shapes(MODEL.clone(**changes))


@pytest.mark.parametrize(
    ("model", "max_length", "message"),
    [
        (MODEL, 0, "a cache for 0 steps was asked for"),
        (MODEL.clone(positions="learned", max_length=5), 6, "6 positions but 5 are learned"),
    ],
    ids=["no length", "beyond the table"],
)
def test_a_cache_that_cannot_be_is_refused_at_the_start(model, max_length, message, parameters):
    def start(variables):
        memory = model.apply(variables, SOURCE, MASK, method="encode")
        return model.apply(variables, memory, 2, max_length, method="start")

    with pytest.raises(UserError, match=message):
        jax.eval_shape(start, parameters(model, *ARRAYS))


# The second has no end: it outgrows its first cache twice.
@pytest.mark.parametrize(("length", "eos"), [(5, EOS), (20, VOCAB)])
def test_a_search_over_the_cache_never_differs_from_reading_the_prefix_again(
    length, eos, parameters
):
    model, beams = MODEL.clone(layers=2), 3
    variables = parameters(model, *ARRAYS)

    @jax.jit
    def cached(variables):
        memory = model.apply(variables, SOURCE, MASK, method="encode")
        carry = model.apply(variables, memory, beams, length, method="start")
        step = partial(model.apply, variables, method="step")
        return beam_search(step, memory, carry, beams=beams, max_length=length, bos=BOS, eos=eos)

    @jax.jit
    def again(variables):
        def step(source, carry, token, time):
            said = carry.at[:, time].set(token)
            logits, _ = model.apply(variables, *source, said)
            return said, jax.nn.log_softmax(logits[:, time]), {}

        source = [jnp.repeat(x, beams, axis=0) for x in (SOURCE, MASK)]
        carry = jnp.zeros((2 * beams, length), jnp.int32)
        return beam_search(
            lambda _, *now: step(source, *now),
            SOURCE,
            carry,
            beams=beams,
            max_length=length,
            bos=BOS,
            eos=eos,
        )

    one, other = cached(variables), again(variables)
    np.testing.assert_array_equal(one.tokens, other.tokens)
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-4)


def test_the_published_order_learns_a_tiny_batch_by_heart_from_its_own_start(losses):
    model = MODEL.clone(layers=2)

    def loss(variables):
        logits, _ = model.apply(variables, *ARRAYS)
        targets = jnp.roll(INPUTS, -1, axis=1)
        return optax.softmax_cross_entropy_with_integer_labels(logits, targets).mean()

    start = jax.jit(model.init)(jax.random.key(0), *ARRAYS)
    assert losses(loss, start, steps=99, learning_rate=0.01)[-1] < 0.1
