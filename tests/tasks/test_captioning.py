"""Captioning: what is learned from, what is measured, and what is told of a caption."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from attention_jax import experiment
from attention_jax.data.captions import CaptionData, default_data
from attention_jax.data.tokenizers import EOS
from attention_jax.errors import UserError
from attention_jax.tasks.captioning import Captioning
from attention_jax.tasks.protocol import Across
from attention_jax.training.evaluation import means

BATCH, ROWS, COLUMNS = 4, 2, 3
KEYS = ROWS * COLUMNS
KEY = jax.random.key(1)
LOSS = {
    "doubly_stochastic": 0.5,
    "target": 0.0,
    "reinforce": 0.1,
    "entropy": 0.02,
    "expected": 0.5,
    "reward_to_go": False,
}


class Bigram(nn.Module):
    """A word says the next one, and where to look; nobody sees the image."""

    vocab: int
    attention: str = "soft"
    straight_through: bool = False

    @property
    def samples(self):
        return self.attention == "hard"

    def grid(self, height, width):
        return ROWS, COLUMNS

    def setup(self):
        normal = nn.initializers.normal(1.0)
        self.words = self.param("words", normal, (self.vocab, self.vocab))
        self.places = self.param("places", normal, (self.vocab, KEYS))

    def __call__(self, images, inputs, *, train=False, weights=False, draws=None, expected=None):
        logits, looked = self.words[inputs], self._look(inputs)
        if draws is not None:
            keys = jax.vmap(jax.random.split, in_axes=(0, None))(draws, inputs.shape[1])
            choose = jax.vmap(jax.vmap(jax.random.categorical))
            drawn = choose(keys, jnp.log(looked["chances"]))
            log_prob = jnp.log(jnp.take_along_axis(looked["chances"], drawn[..., None], -1)[..., 0])
            looked["log_prob"] = jnp.where(expected[:, None], 0.0, log_prob)
        return logits, looked if weights else {}

    def encode(self, images):
        return images.mean((1, 2))

    def start(self, memory, beams, max_length):
        return jnp.zeros(len(memory) * beams)

    def step(self, memory, carry, token, time, *, weights=False):
        return carry, jax.nn.log_softmax(self.words[token]), self._look(token) if weights else {}

    def _look(self, tokens):
        chances = jax.nn.softmax(self.places[tokens])
        if self.attention == "none":
            return {}
        if self.attention == "soft":
            return {"cross": chances}
        cross = jax.nn.one_hot(chances.argmax(-1), KEYS)
        entropy = -(chances * jnp.log(chances)).sum(-1)
        return {"cross": cross, "chances": chances, "entropy": entropy, "log_prob": 0 * entropy}


def make(attention="soft", **values):
    straight_through = values.pop("straight_through", False)
    config = experiment.default_config()
    decode = {"beams": 1, "length_penalty": 0.0, "max_length": 10}
    config.update(data=default_data(), loss=LOSS, decode=decode, batch_size=BATCH)
    config.data.update(validation_size=6, test_size=6)
    experiment.override(config, values)
    data = CaptionData(config, Path("unused"))
    model = Bigram(data.tokenizer.size, attention, straight_through)
    return Captioning(model, data, config, optax.sgd(0.1)), data


def started(task):
    return jax.jit(task.init)(jax.random.key(0), task.example())


@pytest.fixture(scope="module")
def slopes():
    """`slopes(attention, ...)`: a short batch, ((loss, aux), gradient) of it, and the state."""

    def of(attention, **values):
        task, data = make(attention, **values)
        state, batch = started(task), list(data.split("test"))[1]
        assert batch["mask"].tolist() == [True, True, False, False]
        slope = jax.jit(jax.value_and_grad(task.loss, has_aux=True), static_argnums=4)
        return batch, slope(state.params, state, batch, KEY, Across()), state

    return of


def nats(params, batch):
    """-log p of each reference."""
    logits = np.asarray(params["words"])[batch["inputs"]]
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    chosen = np.take_along_axis(log_probs, batch["targets"][..., None], -1)[..., 0]
    return -np.where(batch["targets_mask"], chosen, 0).sum(-1)


def softmax(scores):
    return np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)


def test_the_loss_of_soft_attention_is_of_words_and_of_places_never_looked_at(slopes):
    batch, ((total, aux), _), state = slopes("soft")
    mask = batch["targets_mask"]
    maps = softmax(np.asarray(state.params["places"])[batch["inputs"]])
    received = np.where(mask[..., None], maps, 0).sum(1)
    penalty = ((mask.sum(1)[:, None] / KEYS - received) ** 2).sum(1)
    expected = nats(state.params, batch)
    np.testing.assert_allclose(total, (expected + 0.5 * penalty)[:2].sum(), rtol=1e-5)
    assert aux.count == mask.sum()
    np.testing.assert_allclose(aux.metrics["cross_entropy"][0], expected[:2].sum(), rtol=1e-5)
    _, ((of_one, _), _), _ = slopes("soft", **{"loss.target": 1.0})
    penalty = ((1 - received) ** 2).sum(1)
    np.testing.assert_allclose(of_one, (expected + 0.5 * penalty)[:2].sum(), rtol=1e-5)


def test_without_attention_there_is_nothing_but_words(slopes):
    batch, ((total, aux), _), state = slopes("none")
    np.testing.assert_allclose(total, nats(state.params, batch)[:2].sum(), rtol=1e-5)
    assert aux.task_state == {}


def test_the_slope_of_the_draws_never_changes_the_loss_itself_and_moves_the_baseline(slopes):
    batch, ((total, aux), drawn), state = slopes("hard", **{"loss.expected": 0.0})
    chances = softmax(np.asarray(state.params["places"])[batch["inputs"]])
    entropy = -np.where(batch["targets_mask"], (chances * np.log(chances)).sum(-1), 0).sum(1)
    expected = nats(state.params, batch)
    np.testing.assert_allclose(total, (expected - 0.02 * entropy)[:2].sum(), rtol=1e-5)
    baseline = aux.task_state["baseline"]
    np.testing.assert_allclose(baseline, 0.1 * -expected[:2].mean(), rtol=1e-5)
    # Its gradient is there, and only where places were drawn.
    quiet = {"loss.entropy": 0.0}
    _, (_, drawn), _ = slopes("hard", **quiet, **{"loss.expected": 0.0})
    _, ((_, aux), read), _ = slopes("hard", **quiet, **{"loss.expected": 1.0})
    assert np.abs(drawn["places"]).max() > 1e-3
    np.testing.assert_array_equal(read["places"], 0)
    assert aux.task_state["baseline"] == 0
    _, ((_, aux), through), _ = slopes("hard", straight_through=True, **quiet)
    np.testing.assert_array_equal(through["places"], 0)
    assert aux.task_state == {}


def test_a_short_batch_and_the_split_over_devices_never_change_an_update():
    task, data = make("hard", **{"loss.reward_to_go": True})
    state, batch = started(task), list(data.split("test"))[1]
    update = jax.jit(lambda s, b: task.update(s, b, KEY, Across()))
    whole, metrics = update(state, batch)
    for alone in (
        update(state, {name: array[:2] for name, array in batch.items()}),
        _parted(task, state, batch),
    ):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-6),
            (whole, metrics),
            alone,
        )
    assert whole.task_state["baseline"] < 0


def _parted(task, state, batch):
    """An update on two devices, of which the second has only rows that fill up the batch."""
    across = Across(lambda tree: jax.lax.psum(tree, "data"), "data")
    parts = jax.tree.map(lambda x: x.reshape(2, 2, *x.shape[1:]), batch)
    each = jax.jit(jax.vmap(lambda b: task.update(state, b, KEY, across), axis_name="data"))(parts)
    return jax.tree.map(lambda x: x[1], each)


@pytest.fixture(scope="module")
def evaluated():
    """`evaluated(attention)`: (task, data, state, metrics, outputs) on the test split."""
    cached = {}

    def get(attention):
        if attention not in cached:
            task, data = make(attention)
            state = started(task)
            measure, predict = jax.jit(task.measure), jax.jit(task.predict)
            sums, outputs = {}, []
            for batch in data.split("test"):
                for name, pair in measure(state, batch).items():
                    sums.setdefault(name, []).append(pair)
                outputs.append(_kept(batch, predict(state, batch)))
            metrics = task.summarize(means(sums)) | task.score("test", outputs)
            cached[attention] = task, data, state, metrics, outputs
        return cached[attention]

    return get


def _kept(batch, output):
    output = jax.device_get({"index": batch["index"], **output})
    return {name: np.asarray(rows)[batch["mask"]] for name, rows in output.items()}


def test_what_is_said_is_the_likeliest_word_after_the_last_and_ends(evaluated):
    task, data, state, metrics, outputs = evaluated("soft")
    words, said = np.asarray(state.params["words"]), []
    token = 1
    while token != EOS and len(said) < 10:
        token = int(words[token].argmax())
        said.append(token)
    texts = [record["prediction"] for record in task.describe("test", outputs)]
    assert texts == [data.tokenizer.decode(said)] * 6
    per_word = sum(nats(state.params, b).sum() for b in data.split("test"))
    per_word /= sum(b["targets_mask"].sum() for b in data.split("test"))
    assert metrics["perplexity"] == pytest.approx(np.exp(per_word), rel=1e-4)
    assert metrics["exact_match"] == 0


def test_who_says_the_reference_and_looks_at_what_it_names_has_every_point(evaluated):
    task, *_, outputs = evaluated("hard")
    perfect = [dict(output) for output in outputs]
    for output in perfect:
        output["tokens"], output["forced"] = output["targets"], output["forced"].copy()
        for row, (boxes, boxed) in enumerate(zip(output["boxes"], output["boxed"], strict=True)):
            for step in np.flatnonzero(boxed[:, 0]):
                y0, x0, y1, x1 = boxes[step, 0]
                cell = int((y0 + y1) / 2 * ROWS) * COLUMNS + int((x0 + x1) / 2 * COLUMNS)
                output["forced"][row, step] = np.eye(KEYS)[cell]
    metrics = task.score("test", perfect)
    assert metrics["exact_match"] == 1
    assert metrics["bleu4"] == pytest.approx(100)
    assert metrics["attention_mass"] > 2 * metrics["pointing/chance"]
    assert metrics["pointing/chance"] == pytest.approx(0.16)
    assert set(task.notes) >= {"bleu4", "cider", "pointing", "attention_mass", "map_diversity"}
    records = task.describe("test", perfect)
    assert all(record["prediction"] == record["reference"] for record in records)
    assert all(record["rouge_l"] == pytest.approx(100) for record in records)
    # The boxes are drawn where the caption is the right one, and the cells are gold.
    (figure,) = task.pictures("test", perfect, metrics).values()
    blue = [patch for patch in figure.axes[0].patches if patch.get_linewidth() == 1.3]
    assert len(blue) == 2 + len(records[0]["prediction"].split())
    gold = task.maps("test", perfect)[0].gold
    assert {step for step, _ in gold} == {0, len(records[0]["prediction"].split()) - 1}


def test_maps_are_chances_and_a_place_was_read(evaluated):
    _, _, state, metrics, outputs = evaluated("hard")
    output = outputs[0]
    np.testing.assert_allclose(output["maps"].sum(-1), 1, atol=1e-2)
    np.testing.assert_array_equal(output["read"], output["maps"].argmax(-1))
    table = softmax(np.asarray(state.params["places"]))
    for row, targets in enumerate(output["targets"]):
        said = np.count_nonzero(targets)
        fed = [1, *targets[: said - 1]]
        np.testing.assert_allclose(output["forced"][row, :said], table[fed], atol=1e-2)
    assert 0 < metrics["map_diversity"] < 1


def test_a_model_without_attention_has_no_maps_to_measure_or_draw(evaluated):
    task, _, _, metrics, outputs = evaluated("none")
    assert {"pointing", "map_diversity"}.isdisjoint(metrics)
    assert set(outputs[0]) == {
        *("index", "tokens", "scores", "images", "targets", "boxes", "boxed"),
    }
    assert task.pictures("test", outputs, metrics) == {}
    assert task.maps("test", outputs) == []


def test_a_users_image_is_told_without_a_verdict(evaluated):
    task, data, state, _, _ = evaluated("soft")
    (batch,) = data.inputs(["2", "0"])
    outputs = [_kept(batch, jax.jit(task.predict)(state, batch))]
    records = task.describe("input", outputs)
    assert [set(record) for record in records] == [{"source", "prediction", "score"}] * 2
    assert [record["source"] for record in records] == ["2", "0"]
    (figure,) = task.pictures("input", outputs, {}).values()
    assert len(figure.axes) == 2
    assert [one.gold for one in task.maps("input", outputs)] == [None, None]


def test_a_beam_is_never_less_likely_than_greedy(evaluated):
    _, data, state, _, outputs = evaluated("soft")
    searching, _ = make("soft", **{"decode.beams": 3})
    batch = data.split("test")[0]
    found = jax.jit(searching.predict)(state, batch)
    assert np.all(found["scores"] >= outputs[0]["scores"] - 1e-5)
    assert found["maps"].shape == outputs[0]["maps"].shape


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"loss.reinforce": -1.0}, "loss.reinforce is -1.0: give 0 or more"),
        ({"loss.expected": 1.5}, "loss.expected is 1.5: give a chance from 0 to 1"),
        ({"decode.beams": 0}, "decode.beams is 0: search with 1"),
        ({"decode.beams": 99}, "at most as many as there are words"),
        ({"decode.max_length": 0}, "decode.max_length is 0: allow 1 token or more"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(values, sentence):
    with pytest.raises(UserError, match=sentence):
        make("hard", **values)
