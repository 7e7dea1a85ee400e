"""What every translation model keeps: two faces, padding, the future, and that it learns."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attention_jax.models.britz import Britz
from attention_jax.models.luong import Luong
from attention_jax.models.rnnsearch import RNNsearch
from attention_jax.models.seq2seq import Seq2Seq
from attention_jax.models.transformer import Transformer

BATCH, SOURCE_TIME, TARGET_TIME, SOURCE_VOCAB, TARGET_VOCAB = 3, 6, 5, 11, 12
SIZES = {"source_vocab": SOURCE_VOCAB, "target_vocab": TARGET_VOCAB, "embedding": 6, "hidden": 8}
BLOCKS = {"features": 8, "heads": 2, "layers": 2, "feed_forward": 16}
MODELS = {
    "rnnsearch": RNNsearch(**SIZES, alignment=5, maxout=7, dropout=0.3),
    "rnnsearch lstm": RNNsearch(**SIZES, alignment=5, maxout=7, cell="lstm"),
    "seq2seq": Seq2Seq(**SIZES, layers=2, dropout=0.3),
    "rnnencdec": Seq2Seq(
        **SIZES, layers=1, cell="gru", reset="before", context="every_step", maxout=7
    ),
    "luong": Luong(**SIZES, layers=2, dropout=0.3),
    "luong local": Luong(**SIZES, layers=1, kind="local_m", radius=1, input_feeding=False),
    "britz": Britz(**SIZES, decoder_layers=2, residual="residual", attention_units=5),
    "transformer": Transformer(
        SOURCE_VOCAB, TARGET_VOCAB, **BLOCKS, dropout=0.3, embeddings="tied"
    ),
    "transformer pre": Transformer(
        SOURCE_VOCAB,
        TARGET_VOCAB,
        **BLOCKS,
        norm="pre",
        positions="learned",
        max_length=6,
        embeddings="separate",
    ),
}
LENGTHS = np.array([6, 3, 0])
MASK = np.arange(SOURCE_TIME) < LENGTHS[:, None]
SOURCE = np.random.default_rng(0).integers(3, SOURCE_VOCAB, (BATCH, SOURCE_TIME)).astype(np.int32)
INPUTS = np.random.default_rng(1).integers(3, TARGET_VOCAB, (BATCH, TARGET_TIME)).astype(np.int32)

ARRAYS = tuple(map(jnp.array, (SOURCE, MASK, INPUTS)))

every_model = pytest.mark.parametrize("name", MODELS)


@cache
def face(name):
    """The training face, compiled once per shape."""
    return jax.jit(partial(MODELS[name].apply, weights=True))


@pytest.fixture(scope="module")
def run(parameters):
    """`run(name)`: logits and weights of all steps; any array may be another."""

    def run(name, source=SOURCE, mask=MASK, inputs=INPUTS):
        variables = parameters(MODELS[name], *ARRAYS)
        return face(name)(variables, source, mask, inputs)

    return run


@pytest.mark.parametrize(("name", "beams"), [(name, 3) for name in MODELS] + [("rnnsearch", 1)])
def test_stepping_never_differs_from_running_all_steps(name, beams, run, parameters, stepped):
    model = MODELS[name]
    # Each beam says the sentence of another example, so that no two beams agree.
    spoken = [np.roll(INPUTS, beam, axis=0) for beam in range(beams)]
    beams_said = stepped(model, parameters(model, *ARRAYS), ARRAYS[:2], spoken)
    for beam, (log_probs, extras) in enumerate(beams_said):
        logits, weights = run(name, inputs=spoken[beam])
        np.testing.assert_allclose(log_probs, jax.nn.log_softmax(logits), atol=1e-5)
        # A step may know less than all steps at once do: never less than "cross".
        assert set(weights) & {"cross"} <= set(extras) <= set(weights)
        for key, value in extras.items():
            np.testing.assert_allclose(value, weights[key], atol=1e-5)


@every_model
@settings(max_examples=10)
@given(
    lengths=st.lists(st.integers(0, SOURCE_TIME), min_size=BATCH, max_size=BATCH),
    junk=st.integers(0, SOURCE_VOCAB - 1),
)
def test_source_padding_never_changes_a_logit(name, lengths, junk, run):
    mask = np.arange(SOURCE_TIME) < np.array(lengths)[:, None]
    logits, weights = run(name, mask=mask)
    other, _ = run(name, source=np.where(mask, SOURCE, np.int32(junk)), mask=mask)
    np.testing.assert_array_equal(logits, other)
    assert np.all(np.isfinite(logits))
    if weights:
        sums = weights["cross"].sum(-1)
        np.testing.assert_allclose(sums, np.repeat(mask.any(1)[:, None], TARGET_TIME, 1), atol=1e-6)
        assert not np.any(np.asarray(weights["cross"]).swapaxes(1, 2)[~mask])


@every_model
def test_neither_padding_nor_the_batch_ever_changes_an_example(name, run):
    logits, _ = run(name)
    alone, _ = run(name, SOURCE[1:2, :3], MASK[1:2, :3], INPUTS[1:2])
    np.testing.assert_allclose(alone[0], logits[1], atol=1e-5)


@every_model
def test_future_target_tokens_never_leak(name, run):
    logits = np.asarray(run(name)[0])
    for time in range(1, TARGET_TIME):
        changed = INPUTS.copy()
        changed[:, time:] = (changed[:, time:] + 1) % TARGET_VOCAB
        other = np.asarray(run(name, inputs=changed)[0])
        np.testing.assert_array_equal(other[:, :time], logits[:, :time])
        assert np.all(np.any(other[:, time] != logits[:, time], axis=-1))


def test_asking_for_weights_never_changes_the_logits(run, parameters):
    model = MODELS["rnnsearch"]
    variables = parameters(model, *ARRAYS)
    logits, none = jax.jit(model.apply)(variables, SOURCE, MASK, INPUTS)
    assert none == {}
    np.testing.assert_allclose(logits, run("rnnsearch")[0], atol=1e-6)


def test_dropout_acts_in_training_only(run, parameters):
    model = MODELS["rnnsearch"]
    variables = parameters(model, *ARRAYS)

    @jax.jit
    def trained(variables, key):
        apply = partial(model.apply, train=True, rngs={"dropout": key})
        return apply(variables, *ARRAYS)[0]

    first, again, other = (trained(variables, jax.random.key(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    assert not np.allclose(first, run("rnnsearch")[0])


@pytest.mark.parametrize("name", ["rnnsearch", "seq2seq", "transformer"])
def test_bfloat16_never_strays_far_from_float32(name, run, parameters):
    variables = parameters(MODELS[name], *ARRAYS)
    half = jax.jit(MODELS[name].clone(dtype=jnp.bfloat16).apply)
    logits, _ = half(variables, SOURCE, MASK, INPUTS)
    assert logits.dtype == jnp.float32
    np.testing.assert_allclose(logits, run(name)[0], atol=0.1)


def test_vmap_never_changes_a_logit(run, parameters):
    variables = parameters(MODELS["rnnsearch"], *ARRAYS)
    mapped = jax.jit(jax.vmap(MODELS["rnnsearch"].apply, in_axes=(None, 0, 0, 0)))(
        variables, SOURCE[:, None], MASK[:, None], INPUTS[:, None]
    )
    np.testing.assert_allclose(mapped[0][:, 0], run("rnnsearch")[0], atol=1e-5)


def loss(model, variables):
    """Of one batch: say the next input token. One source is empty, which gradients must survive."""
    logits, _ = model.apply(variables, *ARRAYS)
    targets = np.roll(INPUTS, -1, axis=1)
    return optax.softmax_cross_entropy_with_integer_labels(logits, targets).mean()

    return whole(vector)


GOLDEN = {
    "rnnsearch": (2.4361, 2.0885),
    "seq2seq": (2.5504, 2.4574),
    "rnnencdec": (2.6651, 2.2593),
    "luong": (2.8084, 2.6206),
    "britz": (2.5320, 2.3130),
    "transformer pre": (2.1797, 1.9568),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_tiny_batch_is_learned_by_heart_from_the_golden_first_step(
    name, parameters, losses, assert_golden
):
    model = MODELS[name]
    curve = losses(partial(loss, model), parameters(model, *ARRAYS), steps=100)
    assert curve[-1] < 0.1, curve
    assert_golden(curve, GOLDEN[name])
