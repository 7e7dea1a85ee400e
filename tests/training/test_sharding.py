"""A model that is split over devices is the same model."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tests.training.toys import Toy, ToySplit

from attention_jax.errors import UserError
from attention_jax.layers.transformer import PARTITIONS
from attention_jax.models.transformer import Transformer
from attention_jax.models.transformer_encoder import TransformerEncoder
from attention_jax.models.transformer_lm import TransformerLM
from attention_jax.tasks.protocol import Aux, State, one_optimizer_update
from attention_jax.training.devices import Devices
from attention_jax.training.sharding import LARGE, MODEL

ROWS, TIME, VOCAB, FEATURES = 8, 5, 1024, 16
SIZES = {"features": FEATURES, "heads": 4, "layers": 1, "feed_forward": LARGE // FEATURES}


class Copier(Toy):
    """A Transformer that learns to say again what it reads."""

    def __init__(self, **sizes):
        self.model = Transformer(VOCAB, VOCAB, **{**SIZES, "dropout": 0.0, **sizes})
        self.optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3))
        self.update = one_optimizer_update(self.loss, self.optimizer, ema_decay=0.9, accumulate=2)

    def batch(self, position):
        tokens = np.random.default_rng(position).integers(1, VOCAB, (ROWS, TIME), np.int32)
        return {
            "tokens": tokens,
            "index": np.arange(ROWS, dtype=np.int32),
            "mask": np.arange(ROWS) < (3 if position == 1 else ROWS),
        }

    def example(self):
        return self.batch(0)

    def logits(self, params, batch):
        tokens = batch["tokens"]
        inputs = jnp.pad(tokens[:, :-1], ((0, 0), (1, 0)))
        return self.model.apply({"params": params}, tokens, tokens > 0, inputs)[0]

    def init(self, rng, batch):
        tokens = batch["tokens"]
        params = self.model.init(rng, tokens, tokens > 0, tokens)["params"]
        return State(jnp.int32(0), params, self.optimizer.init(params), ema=params)

    def loss(self, params, state, batch, rng, across):
        logits = self.logits(params, batch)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch["tokens"])
        return (losses.mean(1) * batch["mask"]).sum(), Aux(batch["mask"].sum(), {})

    def predict(self, state, batch):
        return {"tokens": self.logits(state.averaged, batch).argmax(-1)}


def largest_part(tree):
    """What the device that holds most of a state holds of it."""
    held = {}
    for leaf in jax.tree.leaves(tree):
        for shard in leaf.addressable_shards:
            held[shard.device] = held.get(shard.device, 0) + shard.data.nbytes
    return max(held.values()) / sum(leaf.nbytes for leaf in jax.tree.leaves(tree))


def trained(count, **mesh):
    """Losses of three updates, the predictions after them, and how much of it a device held."""
    task = Copier()
    devices = Devices("jit", count, **mesh, partitions=task.model.partitions)
    state = devices.place(devices.create(task.init, jax.random.key(0), task.example()))
    held = [largest_part(state)]
    update = devices.compile_update(task.update, state)
    losses = []
    for step in range(3):
        batch = devices.put_training_batch(task.batch(step))
        state, metrics = update(state, batch, jax.random.key(step))
        losses.append(float(metrics["loss"][0] / metrics["loss"][1]))
    assert update.compilations == 1
    predicted = devices.compile(task.predict)(state, devices.put_batch(task.batch(0)))
    return losses, np.asarray(predicted["tokens"]), max(*held, largest_part(state))


@pytest.fixture(scope="module")
def alone():
    return trained(1)


@pytest.mark.parametrize("mesh", [{"model": 4}, {"model": 2, "fsdp": True}], ids=str)
def test_a_transformer_split_over_four_devices_equals_one_that_is_not(mesh, alone):
    losses, predicted, held = trained(4, **mesh)
    np.testing.assert_allclose(losses, alone[0], atol=1e-5, rtol=0)
    np.testing.assert_array_equal(predicted, alone[1])
    # A quarter, and what is too small to be split.
    assert 0.25 < held < 0.3
    assert alone[2] == 1


@pytest.mark.parametrize(
    "model",
    [
        Transformer(VOCAB, VOCAB, **SIZES),
        Transformer(VOCAB, VOCAB, **SIZES, embeddings="separate", positions="learned"),
        TransformerLM(VOCAB, **SIZES),
        TransformerEncoder(VOCAB, **SIZES),
    ],
    ids=["shared", "separate", "lm", "encoder"],
)
def test_no_matrix_of_a_transformer_is_left_whole(model):
    tokens = jnp.ones((2, 3), jnp.int32)
    inputs = [tokens, tokens > 0, tokens]
    inputs = inputs[: {TransformerLM: 1, TransformerEncoder: 2}.get(type(model), 3)]
    params = jax.eval_shape(model.init, jax.random.key(0), *inputs)["params"]
    laid = Devices("jit", 4, model=4, partitions=model.partitions).like(params)
    for path, leaf in jax.tree_util.tree_leaves_with_path(laid):
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        split = MODEL in leaf.sharding.spec
        assert split == any(name.endswith(end) for end in PARTITIONS)
        assert split or leaf.ndim == 1 or "positions" in name, name


@pytest.mark.parametrize(
    ("sizes", "sentence"),
    [
        ({"heads": 2}, "the model has 2 heads, which config.mesh.model=4 does not divide"),
        ({"feed_forward": 6}, "has 6 feed-forward units, which"),
    ],
)
def test_a_dimension_that_the_mesh_does_not_divide_is_refused(sizes, sentence):
    task = Copier(**sizes)
    devices = Devices("jit", 4, model=4, partitions=task.model.partitions)
    with pytest.raises(UserError, match=sentence):
        devices.create(task.init, jax.random.key(0), task.example())


def test_a_vocabulary_that_the_mesh_does_not_divide_is_refused():
    params = {"target_tokens": {"embedding": jax.ShapeDtypeStruct((1023, 16), jnp.float32)}}
    with pytest.raises(UserError, match="has 1023 entries in its vocabulary"):
        Devices("jit", 4, model=4, partitions=PARTITIONS).like(params)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"model": 3}, "3, into which 8 devices cannot be grouped: choose one of 1, 2, 4, 8"),
        ({"model": 0}, "cannot be grouped"),
        ({"model": 2, "partitions": None}, "does not say how it is divided"),
        ({"model": 2, "parallel": "pmap"}, "set it to 'jit'"),
        ({"fsdp": True, "parallel": "pmap"}, "set it to 'jit'"),
    ],
)
def test_a_mesh_that_cannot_be_is_refused(options, sentence):
    with pytest.raises(UserError, match=sentence):
        Devices(**{"count": 8, "partitions": ToySplit.model.partitions, **options})


def test_a_batch_that_the_data_axis_does_not_divide_is_refused():
    devices = Devices("jit", 8, model=2, partitions=PARTITIONS)
    devices.check_batch_size(12)
    with pytest.raises(UserError, match="multiple of 4"):
        devices.check_batch_size(10)
