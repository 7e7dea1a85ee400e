"""Each task's tape is as the paper says, and a sequence depends on its number only."""

import itertools
import json

import jax
import ml_collections
import numpy as np
import pytest

from attention_jax.data.memory_sequences import (
    AssociativeRecall,
    Copy,
    MemoryData,
    NGrams,
    PrioritySort,
    RepeatCopy,
    dice,
)
from attention_jax.errors import UserError

COPY = Copy(bits=3, min_length=2, max_length=5)
REPEAT = RepeatCopy(bits=3, min_length=1, max_length=4, min_repeats=2, max_repeats=5)
RECALL = AssociativeRecall(bits=3, item=2, min_items=2, max_items=4)
NGRAMS = NGrams(length=30, order=4)
SORT = PrioritySort(bits=3, length=6, answers=4)
ALL = {"copy": COPY, "repeat": REPEAT, "recall": RECALL, "ngrams": NGRAMS, "sort": SORT}
every_task = pytest.mark.parametrize("task", ALL.values(), ids=ALL)


def draw(task, count=64, seed=0, level=1.0):
    return task.draw(dice.random_words(seed, 0, 0, count, task.words), level)


def rows(tape):
    """A list of (inputs, targets, scored, source_step, length) of single sequences."""
    return list(zip(*tape, strict=True))


def make_data(task, **values):
    config = ml_collections.ConfigDict(
        {
            "seed": 0,
            "batch_size": 4,
            "data": {"validation_size": 6, "test_size": 7, "seed": 0, "curriculum": 0},
            "decode": {"max_steps": 40},
        }
    )
    config.update_from_flattened_dict(values)
    return MemoryData(task, config)


@every_task
def test_a_tape_has_the_shapes_and_types_that_its_task_names(task):
    inputs, targets, scored, source_step, length = draw(task)
    assert inputs.shape == (64, inputs.shape[1], task.channels)
    assert targets.shape == (64, inputs.shape[1], task.outputs)
    assert scored.shape == source_step.shape == inputs.shape[:2]
    assert [a.dtype for a in (inputs, targets)] == [np.float32, np.float32]
    assert [a.dtype for a in (scored, source_step, length)] == [bool, np.int32, np.int32]
    assert length.max() == task.longest
    assert set(np.unique(targets)) == {0, 1}
    assert not targets[~scored].any()


@every_task
def test_what_is_to_be_said_was_seen_at_its_source_step_and_before(task):
    for inputs, targets, _, source_step, _ in rows(draw(task)):
        for step in np.flatnonzero(source_step >= 0):
            bits = task.bits
            np.testing.assert_array_equal(targets[step, :bits], inputs[source_step[step], :bits])
            assert source_step[step] < step


@every_task
def test_nothing_follows_the_last_answer(task):
    for inputs, _, scored, _, _ in rows(draw(task)):
        end = np.flatnonzero(scored)[-1] + 1
        assert not inputs[end:].any()


def test_copy_is_vectors_a_delimiter_and_the_vectors_again():
    for inputs, targets, scored, source_step, length in rows(draw(COPY)):
        np.testing.assert_array_equal(np.flatnonzero(inputs[:, 3]), [length])
        assert not inputs[length:, :3].any()
        np.testing.assert_array_equal(np.flatnonzero(scored), length + 1 + np.arange(length))
        np.testing.assert_array_equal(targets[scored], inputs[:length, :3])
        np.testing.assert_array_equal(source_step[scored], np.arange(length))


def test_repeat_copy_says_all_as_often_as_asked_and_then_the_end_marker():
    tape = draw(REPEAT, 256)
    counts = []
    for inputs, targets, scored, _, length in rows(tape):
        (delimiter,) = np.flatnonzero(inputs[:, 3])
        assert delimiter == length
        counts.append(float(inputs[length, 4]))
        assert not np.delete(inputs[:, 4], length).any()
        said = targets[scored]
        repeats = (len(said) - 1) // length
        assert 2 <= repeats <= 5
        np.testing.assert_array_equal(said[:-1, :3], np.tile(inputs[:length, :3], (repeats, 1)))
        np.testing.assert_array_equal(said[:, 3], [*[0] * (len(said) - 1), 1])
        assert not said[-1, :3].any()
    assert len(set(counts)) == 4
    np.testing.assert_allclose(np.mean(sorted(set(counts))), 0, atol=1e-6)
    np.testing.assert_allclose(np.std(sorted(set(counts))), 1, atol=1e-6)


def test_a_number_of_repeats_means_the_same_in_every_split():
    def number(task, repeats):
        line = {"vectors": [[0, 1, 1]], "repeats": repeats}
        return task.read(line, "input 1", 99).inputs[0, 1, 4]

    for other in (REPEAT.of_length(3), *REPEAT.longer().values()):
        assert number(other, 10) == number(REPEAT, 10)


def test_recall_asks_for_the_item_behind_the_query():
    for inputs, targets, scored, _, items in rows(draw(RECALL)):
        starts = np.flatnonzero(inputs[:, 3])
        np.testing.assert_array_equal(starts, 3 * np.arange(items))
        seen = [inputs[start + 1 : start + 3, :3] for start in starts]
        first, second = np.flatnonzero(inputs[:, 4])
        assert (first, second) == (3 * items, 3 * items + 3)
        query = inputs[first + 1 : second, :3]
        answers = [behind for item, behind in itertools.pairwise(seen) if (item == query).all()]
        assert any((answer == targets[scored]).all() for answer in answers)
        np.testing.assert_array_equal(np.flatnonzero(scored), [second + 1, second + 2])


def test_ngrams_follow_the_table_that_their_words_give():
    words = dice.random_words(3, 0, 0, 8, NGRAMS.words)
    tape = NGRAMS.draw(words)
    for row, (inputs, targets, scored, source_step, _) in enumerate(rows(tape)):
        uniform = (words[row] >> np.uint64(11)) / 2**53
        table, throws = np.sin(np.pi / 2 * uniform[:8]) ** 2, uniform[8:]
        bits = []
        for throw in throws:
            context = int("".join(map(str, bits[-3:])) or "0", 2)
            bits.append(int(throw < (table[context] if len(bits) >= 3 else 0.5)))
        np.testing.assert_array_equal(targets[:, 0], bits)
        np.testing.assert_array_equal(inputs[:, 0], [0, *bits[:-1]])
        assert scored.all()
        assert (source_step == -1).all()


def test_the_chances_of_the_table_are_beta_one_half():
    words = dice.random_words(0, 0, 0, 20_000, 1)
    chances = np.sin(np.pi / 2 * dice.uniform(words)) ** 2
    # Mean 1/2, variance 1/8, and the density 1 / (pi sqrt(p (1 - p))).
    np.testing.assert_allclose([chances.mean(), chances.var()], [1 / 2, 1 / 8], atol=5e-3)
    np.testing.assert_allclose((chances < 0.1).mean(), 2 / np.pi * np.arcsin(0.1**0.5), atol=0.01)


def test_sorting_says_the_highest_priorities_first():
    for inputs, targets, scored, source_step, _ in rows(draw(SORT)):
        priorities = inputs[:6, 3]
        assert (np.abs(priorities) <= 1).all()
        np.testing.assert_array_equal(np.flatnonzero(inputs[:, 4]), [6])
        np.testing.assert_array_equal(np.flatnonzero(scored), [7, 8, 9, 10])
        order = sorted(range(6), key=lambda place: -priorities[place])[:4]
        np.testing.assert_array_equal(targets[scored], inputs[order, :3])
        np.testing.assert_array_equal(source_step[scored], order)


def test_all_lengths_come_alike_often_and_all_bits_too():
    tape = draw(COPY, 4000)
    counts = np.bincount(tape.length)[2:]
    np.testing.assert_allclose(counts / 4000, 1 / 4, atol=0.03)
    vectors = tape.targets[tape.scored]
    np.testing.assert_allclose(vectors.mean(0), 1 / 2, atol=0.02)
    assert len(np.unique(vectors, axis=0)) == 8


@pytest.mark.parametrize(("level", "longest"), [(0.0, 2), (0.34, 3), (0.67, 4), (1.0, 5)])
def test_a_level_leaves_out_the_longest(level, longest):
    tape = draw(COPY, level=level)
    assert set(tape.length) == set(range(2, longest + 1))
    assert tape.inputs.shape[1] == 11


@every_task
def test_a_sequence_never_depends_on_its_batch(task):
    large = make_data(task, batch_size=8).train()[1]
    small = make_data(task, batch_size=2).train()
    for position in range(4):
        batch = small[4 + position]
        for name, array in batch.items():
            np.testing.assert_array_equal(array, large[name][2 * position : 2 * position + 2])


def test_each_process_reads_its_own_rows(monkeypatch):
    whole = make_data(COPY).train()[3]
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    for process in range(2):
        monkeypatch.setattr(jax, "process_index", lambda process=process: process)
        part = make_data(COPY).train()[3]
        for name, array in part.items():
            np.testing.assert_array_equal(array, whole[name][2 * process : 2 * process + 2])
    monkeypatch.setattr(jax, "process_count", lambda: 3)
    with pytest.raises(UserError, match="use a multiple of 3"):
        make_data(COPY)


def test_training_never_sees_a_sequence_of_a_split_and_splits_never_change():
    task = Copy(bits=8, min_length=5, max_length=5)
    seen = {}
    for seed in (0, 1):
        data = make_data(task, seed=seed)
        for name in ("train", *data.splits):
            batches = [data.train()[n] for n in range(3)] if name == "train" else data.split(name)
            vectors = np.concatenate([batch["inputs"] for batch in batches])
            seen[name, seed] = {bytes(vector) for vector in vectors}
    for name in ("validation", "test", "test_long"):
        assert seen[name, 0] == seen[name, 1]
    assert not seen["train", 0] & seen["train", 1]
    assert not seen["train", 0] & seen["validation", 0]
    assert not seen["validation", 0] & seen["test", 0]


def test_a_split_has_as_many_sequences_as_asked_and_says_which_rows_fill_up():
    data = make_data(COPY)
    batches = list(data.split("test"))
    assert len(batches) == len(data.split("test")) == 2
    assert {batch["inputs"].shape for batch in batches} == {(4, 11, 4)}
    index = np.concatenate([batch["index"] for batch in batches])
    mask = np.concatenate([batch["mask"] for batch in batches])
    np.testing.assert_array_equal(index, [0, 1, 2, 3, 4, 5, 6, -1])
    np.testing.assert_array_equal(mask, index >= 0)


@every_task
def test_longer_splits_have_twice_the_length(task):
    data = make_data(task)
    assert set(next(iter(data.split("test_long")))["length"]) == {2 * task.longest}


def test_a_split_of_any_length_is_had_by_its_name():
    data = make_data(COPY)
    assert set(next(iter(data.split("test_30")))["length"]) == {30}
    for name in ("tset", "test_", "test_0", "30"):
        with pytest.raises(UserError, match=f"no split '{name}'.*test_30 for the length 30"):
            data.split(name)


def test_the_curriculum_goes_by_the_position_and_nothing_else():
    batches = make_data(COPY, **{"data.curriculum": 100, "batch_size": 64}).train()
    again = make_data(COPY, **{"data.curriculum": 100, "batch_size": 64}).train()
    longest = [int(batches[position]["length"].max()) for position in (0, 40, 60, 99, 500)]
    assert longest == [2, 3, 4, 5, 5]
    for position in (60, 0):
        jax.tree.map(np.testing.assert_array_equal, again[position], batches[position])


@every_task
def test_the_hash_changes_with_what_is_made(task):
    data = make_data(task)
    assert data.hash() == make_data(task, seed=5).hash()
    assert data.hash() != make_data(task, **{"data.seed": 1}).hash()
    assert data.hash() != make_data(task.of_length(7)).hash()
    assert type(task).__name__ in data.report()


GIVEN = {
    "copy": (COPY, [[0, 1, 1], [1, 0, 0]]),
    "repeat": (REPEAT, {"vectors": [[0, 1, 1], [1, 0, 0]], "repeats": 3}),
    "recall": (RECALL, [[0, 0, 1], [1, 1, 0], [0, 1, 0], [1, 1, 1], [0, 0, 1], [1, 1, 0]]),
    "ngrams": (NGRAMS, [0, 1, 1, 0, 1]),
    "sort": (SORT, [[0, 1, 1, 0.5], [1, 0, 0, -0.25], [1, 1, 1, 0.75]]),
}


@pytest.mark.parametrize(("task", "value"), GIVEN.values(), ids=GIVEN)
def test_a_users_sequence_is_laid_out_as_a_drawn_one(task, value):
    tape = task.read(value, "input 1", 40)
    inputs, targets, scored = tape.inputs[0], tape.targets[0], tape.scored[0]
    assert inputs.shape == (len(scored), task.channels)
    assert scored[-1]
    expected = {
        "Copy": [[0, 1, 1], [1, 0, 0]],
        "RepeatCopy": [*[[0, 1, 1, 0], [1, 0, 0, 0]] * 3, [0, 0, 0, 1]],
        "AssociativeRecall": [[0, 1, 0], [1, 1, 1]],
        "NGrams": [[0], [1], [1], [0], [1], [0]],
        "PrioritySort": [[1, 1, 1], [0, 1, 1], [1, 0, 0]],
    }
    np.testing.assert_array_equal(targets[scored], expected[type(task).__name__])


def test_a_users_sequence_never_depends_on_its_neighbours():
    lines = ["[[0,1,1]]", "[[1,1,1],[0,0,1],[1,0,0]]", "[[1,1,0],[0,1,1]]"]
    data = make_data(COPY, batch_size=2)
    first, second = data.inputs(lines)
    np.testing.assert_array_equal(second["mask"], [True, False])
    np.testing.assert_array_equal(second["index"], [2, -1])
    (alone,) = data.inputs(lines[:1])
    assert alone["inputs"].shape == (1, 3, 4)
    for name in ("inputs", "targets", "scored", "source_step"):
        np.testing.assert_array_equal(first[name][0, :3], alone[name][0])
    assert not first["inputs"][0, 3:].any()
    assert not first["scored"][0, 3:].any()
    assert (first["source_step"][0, 3:] == -1).all()


@pytest.mark.parametrize(
    ("task", "line", "sentence"),
    [
        (COPY, "[[0, 1], [1", "input 1 is no JSON .* at character"),
        (COPY, "", "input 1 is no JSON"),
        (COPY, "[[0,1,1],[1,0]]", "vector 2 of input 1 has 2 values and this model takes 3"),
        (COPY, "[[0,1,1,0]]", "vector 1 of input 1 has 4 values"),
        (COPY, "[[0,1,2]]", "a bit that is neither 0 nor 1"),
        (COPY, '[["a",1,1]]', "something else than numbers"),
        (COPY, "[[NaN,1,1]]", "something else than numbers"),
        (COPY, "[]", "give a list of vectors of 3 bits"),
        (COPY, "[1, 0]", "give a list of vectors"),
        (COPY, json.dumps([[0, 1, 1]] * 30), "takes 61 steps and the limit is 40: .*max_steps"),
        (REPEAT, "[[0,1,1]]", "vectors of 3 bits and a number"),
        (REPEAT, '{"vectors": [[0,1,1]], "repeats": 0}', "said 0 times"),
        (REPEAT, '{"vectors": [[0,1,1]], "repeats": 1e9}', "said 1000000000.0 times"),
        (REPEAT, '{"vectors": [[0,1,1]], "repeats": 999999999}', "the limit is 40"),
        (RECALL, "[[0,1,1],[1,1,1]]", "has 2 vectors"),
        (RECALL, json.dumps([[0, 0, n % 2] for n in range(5)]), "has 5 vectors"),
        (RECALL, json.dumps([[0, 0, 0]] * 4 + [[1, 1, 1]] * 2), "an item that is not there"),
        (RECALL, json.dumps([[0, 0, 0]] * 60), "the limit is 40"),
        (NGRAMS, "[0, 1, 2, 1]", "give a list of bits"),
        (NGRAMS, "7", "give a list of bits"),
        (NGRAMS, json.dumps([0, 1] * 30), "takes 61 steps"),
        (SORT, "[[0,1,1]]", "has 3 values and this model takes 4"),
    ],
)
def test_a_users_mistake_is_one_sentence(task, line, sentence):
    with pytest.raises(UserError, match=sentence):
        make_data(task).inputs([line])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Copy(min_length=3, max_length=2), "min_length is 3 and max_length is 2"),
        (lambda: Copy(min_length=0), "begins at 1"),
        (lambda: RepeatCopy(min_repeats=0), "min_repeats is 0"),
        (lambda: AssociativeRecall(min_items=1), "begins at 2"),
        (lambda: AssociativeRecall(item=0), "item is 0"),
        (lambda: NGrams(length=3, order=5), "order is 5 and length is 3"),
        (lambda: PrioritySort(length=3, answers=4), "answers is 4 and length is 3"),
        (lambda: make_data(COPY, **{"data.test_size": 0}), "test_size is 0"),
        (lambda: make_data(COPY, batch_size=0), "batch size of 0"),
    ],
)
def test_sizes_that_cannot_be_are_one_sentence(make, sentence):
    with pytest.raises(UserError, match=sentence):
        make()
