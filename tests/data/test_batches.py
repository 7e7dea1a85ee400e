"""Planned batches: every example once an epoch, the same plan everywhere, exact positions."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_jax.data.batches import (
    BucketCount,
    Plan,
    PlannedBatches,
    Ragged,
    bucket_lengths,
    lengths_of,
)
from attention_jax.errors import UserError

BOUNDARIES = (4, 8, 16)


def two_streams(lengths):
    """Streams whose tokens tell their example: 10 * number + 1 in source, + 2 in target."""
    return {
        name: Ragged.pack([10 * n + offset] * row[column] for n, row in enumerate(lengths))
        for column, (name, offset) in enumerate({"source": 1, "target": 2}.items())
    }


some_lengths = st.lists(st.tuples(st.integers(1, 20), st.integers(1, 20)), min_size=1, max_size=40)
fitting_lengths = st.lists(
    st.tuples(st.integers(1, 16), st.integers(1, 16)), min_size=1, max_size=40
)


def test_ragged_returns_what_was_packed():
    ragged = Ragged.pack([[5, 6], [], [7]])
    assert [list(ragged[n]) for n in range(len(ragged))] == [[5, 6], [], [7]]
    np.testing.assert_array_equal(ragged.lengths, [2, 0, 1])
    np.testing.assert_array_equal(
        ragged.padded(np.array([2, 0, 1]), 3, 0), [[7, 0, 0], [5, 6, 0], [0, 0, 0]]
    )
    with pytest.raises(IndexError):
        ragged[3]
    assert len(Ragged.pack([])) == 0


def test_the_longest_stream_chooses_the_bucket():
    lengths = np.array([[4, 1], [1, 5], [16, 16], [17, 2]])
    np.testing.assert_array_equal(bucket_lengths(lengths, BOUNDARIES), [4, 8, 16, 0])


@given(some_lengths, st.integers(1, 7), st.integers(-3, 3), st.integers(0, 3))
def test_no_example_is_missed_or_repeated_in_an_epoch(lengths, batch_size, seed, epoch):
    lengths = np.array([*lengths, (1, 1)])
    plan = Plan.training(lengths, BOUNDARIES, batch_size, seed)
    batches = plan.epoch(epoch)
    assert len(batches) == len(plan)
    seen = np.concatenate([batch.indices for batch in batches])
    np.testing.assert_array_equal(np.sort(np.append(seen, plan.over_long)), np.arange(len(lengths)))
    for batch in batches:
        assert 1 <= len(batch.indices) <= batch_size
        assert (bucket_lengths(lengths[batch.indices], BOUNDARIES) == batch.length).all()
    np.testing.assert_array_equal(np.sort(plan.over_long), np.flatnonzero(lengths.max(1) > 16))


@given(fitting_lengths, st.integers(1, 7))
def test_two_hosts_never_plan_differently(lengths, batch_size):
    one, other = (Plan.training(np.array(lengths), BOUNDARIES, batch_size, 7) for _ in range(2))
    other.epoch(5)  # What a host has planned before must not matter.
    for epoch in (2, 0, 1):
        for here, there in zip(one.epoch(epoch), other.epoch(epoch), strict=True):
            assert here.length == there.length
            np.testing.assert_array_equal(here.indices, there.indices)


def test_epochs_and_seeds_are_shuffled_differently():
    lengths = np.random.default_rng(0).integers(1, 17, (200, 2))

    def order(seed, epoch):
        batches = Plan.training(lengths, BOUNDARIES, 8, seed).epoch(epoch)
        return np.concatenate([batch.indices for batch in batches]).tolist()

    orders = [order(0, 0), order(0, 1), order(1, 0)]
    assert orders[0] == order(0, 0)
    assert len({tuple(found) for found in orders}) == 3
    buckets = [batch.length for batch in Plan.training(lengths, BOUNDARIES, 8, 0).epoch(0)]
    assert buckets != sorted(buckets)


def test_a_position_is_an_epoch_and_a_number_in_it():
    plan = Plan.training(np.random.default_rng(0).integers(1, 17, (50, 2)), BOUNDARIES, 8, 3)
    whole = [batch for epoch in range(3) for batch in plan.epoch(epoch)]
    assert plan.locate(2 * len(plan) + 1) == (2, 1)
    for position in (0, len(plan) - 1, len(plan), 3 * len(plan) - 1):
        np.testing.assert_array_equal(plan[position].indices, whole[position].indices)
    with pytest.raises(IndexError):
        plan[-1]


@given(some_lengths, st.integers(1, 7))
def test_evaluation_loses_no_example_it_has_room_for(lengths, batch_size):
    plan = Plan.evaluation(np.array(lengths), (4, 6), batch_size, longest=10**6)
    assert not len(plan.over_long)
    seen = np.concatenate([plan[position].indices for position in range(len(plan))])
    assert sorted(seen) == list(range(len(lengths)))
    assert {batch.length for batch in plan.epoch(0)} <= {4, 6, 12, 24}
    with pytest.raises(IndexError):
        plan[len(plan)]


def test_evaluation_never_makes_room_for_a_monstrous_line():
    plan = Plan.evaluation(np.array([[5], [60_000], [40], [33]]), (4, 8), 2, longest=40)
    assert plan.over_long.tolist() == [1]
    assert [batch.length for batch in plan.epoch(0)] == [8, 40]
    # A bucket of training has room, whatever is allowed beyond it.
    assert not len(Plan.evaluation(np.array([[5], [8]]), (4, 8), 2, longest=3).over_long)
    with pytest.raises(UserError, match="at most 40 tokens"):
        Plan.evaluation(np.array([[60_000]]), (4, 8), 2, longest=40)


def test_evaluation_keeps_the_order_within_a_bucket():
    plan = Plan.evaluation(np.array([[5], [1], [6], [2], [3]]), (4, 8), 2, longest=10**6)
    found = [(batch.length, batch.indices.tolist()) for batch in plan.epoch(0)]
    assert found == [(4, [1, 3]), (4, [4]), (8, [0, 2])]


@given(fitting_lengths, st.sampled_from([1, 2, 3]))
def test_the_hosts_slices_make_the_whole_batch(lengths, hosts):
    streams = two_streams(lengths)
    plan = Plan.training(lengths_of(streams), BOUNDARIES, 6, 0)
    whole = PlannedBatches(plan, streams)
    parts = [
        PlannedBatches(plan, streams, process_index=n, process_count=hosts) for n in range(hosts)
    ]
    for position in range(len(plan) + 2):
        for name, array in whole[position].items():
            slices = [part[position][name] for part in parts]
            assert len({piece.shape for piece in slices}) == 1
            np.testing.assert_array_equal(np.concatenate(slices), array)


def test_rows_that_fill_up_a_batch_are_masked_and_empty():
    streams = two_streams([(1, 3), (2, 2), (4, 1)])
    batch = PlannedBatches(
        Plan.evaluation(lengths_of(streams), BOUNDARIES, 4, longest=99), streams
    )[0]
    np.testing.assert_array_equal(
        batch["source"], [[1, 0, 0, 0], [11, 11, 0, 0], [21, 21, 21, 21], [0, 0, 0, 0]]
    )
    np.testing.assert_array_equal(
        batch["target"], [[2, 2, 2, 0], [12, 12, 0, 0], [22, 0, 0, 0], [0, 0, 0, 0]]
    )
    np.testing.assert_array_equal(batch["index"], [0, 1, 2, -1])
    np.testing.assert_array_equal(batch["mask"], [True, True, True, False])
    dtypes = {name: str(array.dtype) for name, array in batch.items()}
    assert dtypes == {"source": "int32", "target": "int32", "index": "int32", "mask": "bool"}


@given(fitting_lengths)
def test_there_are_never_more_shapes_than_buckets(lengths):
    streams = two_streams(lengths)
    batches = PlannedBatches(Plan.training(lengths_of(streams), BOUNDARIES, 4, 0), streams)
    shapes = {
        tuple(array.shape for array in batches[position].values())
        for position in range(2 * len(batches))
    }
    assert len(shapes) <= len(BOUNDARIES)


def test_threads_that_read_ahead_see_the_same_plan():
    plan = Plan.training(np.random.default_rng(0).integers(1, 17, (60, 2)), BOUNDARIES, 4, 0)
    expected = [plan[position].indices.tolist() for position in range(6 * len(plan))]
    wrong = []

    def read(positions):
        wrong.extend(p for p in positions if plan[p].indices.tolist() != expected[p])

    threads = [threading.Thread(target=read, args=(range(n, len(expected), 4),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_histogram_counts_examples_batches_and_padding():
    plan = Plan.training(np.array([[4, 2], [3, 1], [1, 1], [8, 8], [99, 1]]), BOUNDARIES, 2, 0)
    assert plan.histogram() == [
        BucketCount(4, 3, 2, pytest.approx(1 - 12 / 32)),
        BucketCount(8, 1, 1, pytest.approx(0.5)),
    ]
    np.testing.assert_array_equal(plan.over_long, [4])


def test_an_empty_split_has_no_batches():
    plan = Plan.evaluation(np.zeros((0, 2), int), BOUNDARIES, 2, longest=99)
    assert len(plan) == 0
    assert plan.histogram() == []


@pytest.mark.parametrize(
    ("boundaries", "batch_size", "names"),
    [
        ((8, 4), 2, "(8, 4)"),
        ((4, 4), 2, "(4, 4)"),
        ((0, 4), 2, "(0, 4)"),
        ((), 2, "()"),
        ((4, 8), 0, "batch size of 0"),
        ((4, 8), 2, "none of the 3 examples fits the longest bucket of 8 tokens"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_by_name(boundaries, batch_size, names):
    with pytest.raises(UserError) as refused:
        Plan.training(np.full((3, 2), 9), boundaries, batch_size, 0)
    assert names in str(refused.value)


def test_a_batch_that_does_not_divide_among_hosts_is_refused():
    streams = two_streams([(1, 1)])
    plan = Plan.training(lengths_of(streams), BOUNDARIES, 4, 0)
    with pytest.raises(UserError, match="4 does not divide among 3 processes"):
        PlannedBatches(plan, streams, process_count=3)
