"""What batch statistics see, and a reader that is known to read the right class."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from attention_jax import experiment, few_shots
from attention_jax.data.episodes import EpisodeData, example_batch
from attention_jax.layers.batch_norm import BatchNorm
from attention_jax.tasks import few_shot, few_shot_outputs
from attention_jax.tasks.few_shot import FewShot
from attention_jax.tasks.protocol import Across
from attention_jax.training.evaluation import means

WAYS, SHOTS, QUERIES, SIDE, CLASSES = 3, 2, 4, 2, 7


class Pool:
    """Of class c the first pixel is 30 c, of drawing n the last one n."""

    drawings = np.full(CLASSES, 9)
    words = 0

    def __init__(self, split):
        self.names = [f"{split} {n}" for n in range(CLASSES)]
        self.groups = [""] * CLASSES

    def draw(self, classes, numbers, words):
        images = np.zeros((len(classes), SIDE, SIDE, 1), np.uint8)
        images[:, 0, 0, 0], images[:, 1, 1, 0] = 30 * classes, numbers
        return images


class Pools:
    side, channels, dark_ink = SIDE, 1, False

    def pool(self, split):
        return Pool(split)

    def hash(self):
        return ""


class Matcher(nn.Module):
    """The class of the image whose first pixel is nearest, read with the second of two blocks; the
    first reads everything alike. Before that the batch is normalised.
    """

    sharp: float = 200.0
    reads: bool = True
    axis_name: str | None = None

    @nn.compact
    def __call__(self, support, labels, queries, mask=None, *, train=False, weights=False):
        scale = self.param("scale", nn.initializers.constant(self.sharp), ())
        told = support.shape[1]
        pixels = jnp.concatenate([support, queries], axis=1)[:, :, 0, 0]
        pixels = BatchNorm(axis_name=self.axis_name)(pixels, mask, train=train)[..., 0]
        away = jnp.abs(pixels[:, told:, None] - pixels[:, None, :told])
        sharp = jax.nn.softmax(-scale * away)
        chances = jnp.einsum("bqs,bsw->bqw", sharp, jax.nn.one_hot(labels, WAYS))
        even = jnp.full((*sharp.shape[:2], told + 1), 1 / (told + 1))
        blocks = jnp.stack([even, jnp.pad(sharp, ((0, 0), (0, 0), (0, 1)))], axis=2)
        logits = jnp.log(chances + 1e-6)
        return logits, {"attention": blocks} if weights and self.reads else {}


def make(model, **values):
    config = few_shots.default_config("toy", {"ways": str(WAYS), "shots": str(SHOTS)})
    config.update(batch_size=4)
    sizes = {"queries": QUERIES, "test_queries": QUERIES}
    config.data.update(validation_episodes=3, test_episodes=6, **sizes)
    experiment.override(config, values)
    data = EpisodeData(Pools(), config)
    example = example_batch(WAYS, SHOTS, SIDE, 1)
    return FewShot(model, config, optax.sgd(0.1), example, data.names), data


def predicted(task, state, batches):
    predict, outputs = jax.jit(task.predict), []
    for batch in batches:
        output = jax.device_get({"index": batch["index"], **predict(state, batch)})
        outputs.append({name: rows[batch["mask"]] for name, rows in output.items()})
    return outputs


@pytest.fixture(scope="module")
def evaluated():
    """Of a model the (task, metrics, outputs) on the test split."""
    cached = {}

    def get(model):
        if model not in cached:
            task, data = make(model)
            state = jax.jit(task.init)(jax.random.key(0), task.example())
            batches = list(data.split("test"))
            measure, sums = jax.jit(task.measure), {}
            for batch in batches:
                for name, pair in measure(state, batch).items():
                    sums.setdefault(name, []).append(pair)
            outputs = predicted(task, state, batches)
            metrics = task.summarize(means(sums)) | task.score("test", outputs)
            cached[model] = task, metrics, outputs
        return cached[model]

    return get


READER, LEARNER, GUESSER = Matcher(), Matcher(sharp=2.0), Matcher(sharp=0.0, reads=False)


def test_who_finds_the_class_is_right_and_reads_it(evaluated):
    task, metrics, _ = evaluated(READER)
    assert metrics["accuracy"] == 1
    for shots in (1, SHOTS):
        assert metrics[f"accuracy/{WAYS}way_{shots}shot"] == 1
        assert metrics[f"accuracy_margin/{WAYS}way_{shots}shot"] == 0
    assert metrics["attention_mass"] == metrics["attention_mass/block_2"]
    assert metrics["attention_mass"] == pytest.approx(1, abs=1e-3)
    even = [shots / (WAYS * shots + 1) for shots in (1, SHOTS)]
    assert metrics["attention_mass/block_1"] == pytest.approx(np.mean(even))
    assert set(task.notes) == {"accuracy_margin", "attention_mass"}


def test_who_guesses_pays_for_each_class_and_has_no_attention_to_measure(evaluated):
    task, metrics, outputs = evaluated(GUESSER)
    assert metrics["loss"] == pytest.approx(np.log(WAYS), rel=1e-4)
    right = [np.mean(o["said"] == o["targets"], axis=1) for o in outputs]
    assert metrics["accuracy"] == pytest.approx(np.concatenate(right).mean())
    assert not [name for name in metrics if name.startswith("attention_mass")]
    assert task.maps("test", outputs) == []
    assert set(task.pictures("test", outputs, metrics)) == {"episodes", "shots"}


def test_an_interval_is_over_episodes_and_never_over_those_of_other_shots():
    shots = np.array([1, 5, 1, 5, 1])
    right = np.array([0.2, 1.0, 0.6, 0.8, 0.7])
    metrics = few_shot_outputs.by_shots(20, shots, right)
    error = np.std([0.2, 0.6, 0.7], ddof=1) / np.sqrt(3)
    assert metrics["accuracy/20way_1shot"] == pytest.approx(0.5)
    assert metrics["accuracy_margin/20way_1shot"] == pytest.approx(1.96 * error)
    assert metrics["accuracy/20way_5shot"] == pytest.approx(0.9)
    assert set(few_shot_outputs.by_shots(5, shots[:1], right[:1])) == {"accuracy/5way_1shot"}


def test_rows_that_fill_up_a_batch_never_count():
    task, data = make(LEARNER)
    state = jax.jit(task.init)(jax.random.key(0), task.example())
    _, short, *_ = data.split("test")
    assert list(short["mask"]) == [True, True, False, False]
    full = {name: array[:2] for name, array in short.items()}
    update = jax.jit(lambda s, b: task.update(s, b, jax.random.key(1), Across()))
    measure = jax.jit(task.measure)
    for name, pair in measure(state, full).items():
        np.testing.assert_allclose(measure(state, short)[name], pair, rtol=1e-5)
    for of_full, of_short in zip(update(state, full), update(state, short), strict=True):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(b, a, rtol=1e-4), of_full, of_short)


def test_the_split_over_devices_never_changes_an_update():
    task, data = make(LEARNER, **{"optimizer.ema": 0.5})
    state = jax.jit(task.init)(jax.random.key(0), task.example())
    batch, key = data.train()[0], jax.random.key(1)
    # One device has nothing but rows that fill up the batch.
    batch["mask"] = np.array([True, True, False, False])
    whole, metrics = jax.jit(lambda s, b: task.update(s, b, key, Across()))(state, batch)
    across = Across(lambda tree: jax.lax.psum(tree, "data"), "data")
    parts = jax.tree.map(lambda x: x.reshape(2, 2, *x.shape[1:]), batch)
    each = jax.jit(jax.vmap(lambda b: task.update(state, b, key, across), axis_name="data"))(parts)
    for device in range(2):
        one = jax.tree.map(lambda x, n=device: x[n], each)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-6),
            (whole, metrics),
            one,
        )
    before, after = (jax.tree.leaves(s.model_state["batch_stats"]) for s in (state, whole))
    assert np.any(before[0] != after[0])
    scales = (state.params["scale"] + whole.params["scale"]) / 2
    np.testing.assert_allclose(whole.averaged["scale"], scales, rtol=1e-6)


def test_an_answer_never_depends_on_what_else_is_asked(evaluated):
    task, _, outputs = evaluated(READER)
    _, data = make(READER)
    state = jax.jit(task.init)(jax.random.key(0), task.example())
    batch = next(iter(data.split("test")))
    (alone,) = predicted(task, state, [{name: array[1:2] for name, array in batch.items()}])
    for name, rows in alone.items():
        np.testing.assert_allclose(rows[0], outputs[0][name][1], rtol=1e-3, atol=1e-4)


def test_records_name_the_classes_of_their_split(evaluated):
    task, _, outputs = evaluated(READER)
    records = task.describe("test", outputs)
    assert [record["input"]["shots"] for record in records] == [1] * 6 + [SHOTS] * 6
    for record in records:
        assert len(set(record["input"]["classes"])) == WAYS
        assert set(record["prediction"]) <= set(record["input"]["classes"])
        assert record["prediction"] == record["reference"]
        assert record["accuracy"] == 1
        assert record["attention_mass"] == pytest.approx(1, abs=1e-3)
        assert all(name.startswith("test ") for name in record["prediction"])


def test_a_users_own_episode_is_answered_without_a_verdict(evaluated):
    task, _, _ = evaluated(READER)
    _, data = make(READER)
    state = jax.jit(task.init)(jax.random.key(0), task.example())
    batch = {name: array[:1] for name, array in next(iter(data.split("test"))).items()}
    right = [f"test {n}" for n in batch["classes"][0][batch.pop("targets")[0]]]
    outputs = predicted(task, state, [batch])
    (record,) = task.describe("test", outputs)
    assert set(record) == {"input", "prediction"}
    assert record["prediction"] == right
    assert list(task.pictures("input", outputs, {})) == ["episodes", "reading_0"]
    assert task.maps("test", outputs)[0].gold is None


def test_maps_show_each_block_class_by_class_with_the_truth(evaluated):
    task, _, outputs = evaluated(READER)
    maps = task.maps("test", outputs)
    assert [one.example for one in maps[::2]] == sorted({one.example for one in maps})
    even, sharp = maps[-2:]
    assert (even.kind, sharp.kind) == tuple(f"attention block {n} of 2" for n in (1, 2))
    np.testing.assert_allclose(even.weights, 1 / (WAYS * SHOTS + 1), rtol=1e-3)
    assert sharp.keys[-1] == "itself"
    assert sharp.keys[:-1:SHOTS] == sharp.keys[1:-1:SHOTS]
    assert sharp.gold is not None
    for query, row in enumerate(sharp.weights):
        gold = [key for asked, key in sharp.gold if asked == query]
        assert len(gold) == SHOTS
        assert row[gold].sum() == pytest.approx(1, abs=1e-2)
        assert {sharp.keys[key] for key in gold} == {sharp.queries[query]}


def test_pictures_of_a_reader_show_what_it_read_and_too_large_ones_are_never_kept(
    evaluated, monkeypatch
):
    task, metrics, outputs = evaluated(READER)
    figures = task.pictures("test", outputs, metrics)
    assert list(figures) == ["episodes", "reading_0", "reading_1", "shots"]
    assert "2 of 2: 1.00 on the right class" in figures["reading_1"].axes[1].get_title(loc="left")
    monkeypatch.setattr(few_shot, "_LARGEST_EPISODE", 1)
    _, data = make(READER)
    state = jax.jit(task.init)(jax.random.key(0), task.example())
    outputs = predicted(task, state, data.split("test_1shot"))
    assert not {"support", "queries", "weights"} & set(outputs[0])
    assert task.pictures("test_1shot", outputs, task.score("test_1shot", outputs)) == {}
