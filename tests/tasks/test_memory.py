"""The cost of a tape by hand, and a machine that is known to read where it wrote."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from attention_jax import experiment, memories
from attention_jax.data.memory_sequences import Copy, MemoryData, NGrams
from attention_jax.tasks.memory import Memory
from attention_jax.tasks.protocol import Across
from attention_jax.training.evaluation import means

SLOTS, WORD, BITS, LONGEST = 6, 3, 2, 3


class Copyist(nn.Module):
    """Writes step t to slot t, and reads what it is to say `early` steps before it says it."""

    early: int = 1
    heads: int = 1

    @nn.compact
    def __call__(self, inputs, *, weights=False):
        scale = self.param("scale", nn.initializers.constant(4.0), ())
        batch, time, _ = inputs.shape
        steps = jnp.arange(time)
        delimiter = inputs[..., BITS].argmax(-1)
        place = steps - delimiter[:, None] - 1
        answer = jnp.clip(place, 0, time - 1)
        said = jnp.take_along_axis(inputs[..., :BITS], answer[..., None], axis=1)
        logits = scale * (2 * said - 1)
        if not weights:
            return logits, {}
        write = jnp.broadcast_to(jax.nn.one_hot(steps, SLOTS), (batch, time, SLOTS))[:, :, None]
        # Of two heads the first looks elsewhere.
        slots = [(place + self.early + 3 * head) % SLOTS for head in reversed(range(self.heads))]
        read = jnp.stack([jax.nn.one_hot(slot, SLOTS) for slot in slots], axis=2)
        both = jnp.concatenate([read, write], 2)
        happened = {"read": read, "write": write}
        happened |= dict.fromkeys(("add", "erase"), jnp.zeros((batch, time, 1, WORD)))
        return logits, happened | dict.fromkeys(("content", "gated", "shifted", "sharpened"), both)


class Silent(nn.Module):
    """No memory, and no opinion."""

    outputs: int

    @nn.compact
    def __call__(self, inputs, *, weights=False):
        logits = self.param("logits", nn.initializers.zeros, (self.outputs,))
        return jnp.broadcast_to(logits, (*inputs.shape[:2], self.outputs)), {}


def make(model, sequences, **values):
    config = memories.default_config("toy")
    config.update(batch_size=4)
    config.data.update(validation_size=6, test_size=6)
    experiment.override(config, values)
    task = Memory(model, sequences, config, optax.sgd(0.1))
    return task, MemoryData(sequences, config)


COPY = Copy(bits=BITS, min_length=1, max_length=LONGEST)


def evaluate(model, sequences=COPY, split="test"):
    """(task, metrics, outputs)."""
    task, data = make(model, sequences)
    state = task.init(jax.random.key(0), task.example())
    sums, outputs = {}, []
    for batch in data.split(split):
        for name, pair in task.measure(state, batch).items():
            sums.setdefault(name, []).append(pair)
        output = {"index": batch["index"], **task.predict(state, batch)}
        outputs.append({name: np.asarray(rows)[batch["mask"]] for name, rows in output.items()})
    return task, task.summarize(means(sums)) | task.score(split, outputs), outputs


def test_who_knows_nothing_pays_a_bit_for_each_bit():
    _, metrics, outputs = evaluate(Silent(BITS))
    bits = [BITS * length for output in outputs for length in output["length"]]
    assert metrics["bits_per_sequence"] == pytest.approx(np.mean(bits))
    assert metrics["loss"] == metrics["bits_per_sequence"]
    for length in (1, 2, 3):
        assert metrics[f"bits_per_sequence/length_{length}"] == pytest.approx(BITS * length)
    assert "read_head_accuracy" not in metrics


def test_who_is_sure_and_right_pays_next_to_nothing():
    _, metrics, outputs = evaluate(Copyist())
    lengths = np.concatenate([output["length"] for output in outputs])
    each = BITS * np.log2(1 + np.exp(-4.0))
    assert metrics["bits_per_sequence"] == pytest.approx(each * lengths.mean(), rel=1e-5)
    assert metrics["error"] == 0
    assert metrics["exact_match"] == 1


def test_wrong_bits_are_counted_where_they_are_asked_for_and_nowhere_else():
    task, metrics, outputs = evaluate(Silent(BITS))
    wrong = [output["targets"].sum((1, 2)) for output in outputs]
    assert metrics["error"] == pytest.approx(np.concatenate(wrong).mean())
    records = task.describe("test", outputs)
    assert [record["error"] for record in records] == list(np.concatenate(wrong))


@pytest.mark.parametrize(("early", "accuracy"), [(0, 0.0), (1, 1.0), (2, 0.0)])
@pytest.mark.parametrize("heads", [1, 2])
def test_the_read_head_is_right_where_the_step_before_read_what_is_to_be_said(
    early, accuracy, heads
):
    # What is read in the step itself comes too late for its output. Of two heads one is enough.
    _, metrics, _ = evaluate(Copyist(early, heads))
    assert metrics["read_head_accuracy"] == accuracy


def test_rows_that_fill_up_a_batch_never_count():
    task, data = make(Copyist(), COPY)
    state = task.init(jax.random.key(0), task.example())
    *_, short = data.split("test")
    assert list(short["mask"]) == [True, True, False, False]
    full = {name: array[:2] for name, array in short.items()}
    for update in (task.measure, lambda s, b: task.update(s, b, jax.random.key(1), Across())[1]):
        of_short, of_full = update(state, short), update(state, full)
        for name in of_full:
            np.testing.assert_allclose(of_short[name], of_full[name], rtol=1e-6)


def test_padding_never_changes_a_cost():
    task, data = make(Copyist(), COPY)
    state = task.init(jax.random.key(0), task.example())
    batch = next(iter(data.split("test")))
    longer = {
        name: np.pad(array, [(0, 0), (0, 4)] + [(0, 0)] * (array.ndim - 2))
        if name in ("inputs", "targets", "scored", "source_step")
        else array
        for name, array in batch.items()
    }
    for name, pair in task.measure(state, batch).items():
        np.testing.assert_allclose(task.measure(state, longer)[name], pair, rtol=1e-6)


def test_records_hold_what_was_heard_and_said():
    task, _, outputs = evaluate(Copyist())
    records = task.describe("test", outputs)
    assert len(records) == 6
    for record in records:
        *vectors, delimiter = record["input"]
        assert delimiter == [0, 0, 1]
        assert [vector[:BITS] for vector in vectors] == record["prediction"] == record["reference"]
        assert record["error"] == 0
        assert record["bits_per_sequence"] > 0


def test_a_users_own_sequence_is_answered_without_a_verdict():
    task, data = make(Copyist(), COPY)
    state = task.init(jax.random.key(0), task.example())
    (batch,) = data.inputs(["[[0, 1], [1, 1]]", "[[1, 0]]"])
    outputs = [jax.device_get({"index": batch["index"], **task.predict(state, batch)})]
    first, second = task.describe("input", outputs)
    assert first == {"input": [[0, 1, 0], [1, 1, 0], [0, 0, 1]], "prediction": [[0, 1], [1, 1]]}
    assert second["prediction"] == [[1, 0]]
    assert len(task.pictures("input", outputs, {})) == 4


def test_a_prediction_of_the_next_bit_is_a_chance():
    sequences = NGrams(length=8, order=3)
    task, data = make(Silent(1), sequences)
    state = task.init(jax.random.key(0), task.example())
    (batch,) = data.inputs(["[0, 1, 1, 0]"])
    outputs = [jax.device_get({"index": batch["index"], **task.predict(state, batch)})]
    (record,) = task.describe("input", outputs)
    assert record == {"input": [0, 1, 1, 0], "prediction": [0.5] * 5}
    assert task.maps("input", outputs) == []


def test_a_map_shows_where_each_answer_was_written_and_the_truth():
    task, _, outputs = evaluate(Copyist())
    maps = task.maps("test", outputs)
    assert [len(one.queries) for one in maps] == sorted(len(one.queries) for one in maps)
    for one in maps:
        length = len(one.queries)
        assert one.weights.shape == (length, length + 1)
        np.testing.assert_array_equal(one.weights, np.eye(length, length + 1))
        assert one.gold == [(n, n) for n in range(length)]
        assert one.keys[-1] == "001"
        assert [key[:BITS] for key in one.keys[:-1]] == one.queries
    assert {one.kind for one in maps} == {"read head"}


def test_every_reading_head_has_its_map():
    task, _, outputs = evaluate(Copyist(heads=2))
    kinds = [one.kind for one in task.maps("test", outputs)]
    assert kinds[:2] == ["read head 1", "read head 2"]


def test_pictures_of_a_machine_show_its_memory_and_those_of_a_control_none():
    task, metrics, outputs = evaluate(Copyist())
    names = [f"{kind}_{n}" for n in range(3) for kind in ("tape", "addressing")]
    figures = task.pictures("test", outputs, metrics)
    assert list(figures) == [*names, "length"]
    assert len(figures["tape_0"].axes) == 7
    task, metrics, outputs = evaluate(Silent(BITS))
    figures = task.pictures("test", outputs, metrics)
    assert list(figures) == ["tape_0", "tape_1", "tape_2", "length"]
    assert len(figures["tape_0"].axes) == 3
