"""The gradient of REINFORCE against all tours there are, and what the baseline never does."""

import itertools

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
import pytest
from scipy import stats

from attention_jax import experiment, pointings
from attention_jax.data.pointing import PointingData, Tours
from attention_jax.errors import UserError
from attention_jax.models.pointer_network import PointerNetwork
from attention_jax.tasks.pointing import Pointing
from attention_jax.tasks.pointing_decoding import tour_lengths
from attention_jax.tasks.protocol import Across
from attention_jax.tasks.tours_reinforce import ToursReinforce, significantly_shorter

CITIES, BATCH = 4, 48
MODEL = PointerNetwork(16)
OPTIMIZER = optax.adam(0.01)
CORNERS = np.array([[0, 0], [1, 1], [1, 0], [0, 1]], np.float32)


def make(**values):
    config = pointings.default_config("tsp", str(CITIES))
    config.data.answers = False
    config.reinforce = ml_collections.ConfigDict({"every": 10, "sets": 64, "significance": 0.05})
    config.decode.samples = 4
    config.batch_size = BATCH
    config.data.update(validation_size=6, test_size=6)
    experiment.override(config, values)
    problem = Tours(CITIES, CITIES)
    taught = Pointing(MODEL, problem, config, OPTIMIZER)
    return ToursReinforce(taught, config, OPTIMIZER), config, taught


@pytest.fixture(scope="module")
def task():
    return make()[0]


@pytest.fixture(scope="module")
def state(task):
    return jax.jit(task.init)(jax.random.key(0), task.example())


@pytest.fixture(scope="module")
def batches():
    config = make()[1]
    return PointingData(Tours(CITIES, CITIES), config, None).train()


@pytest.fixture(scope="module")
def update(task):
    return jax.jit(lambda state, batch, rng: task.update(state, batch, rng, Across()))


@pytest.fixture(scope="module")
def measure(task):
    return jax.jit(task.measure)


def test_the_gradient_is_that_of_the_mean_length_over_all_tours(task, state):
    points = CORNERS[None]
    # Larger than at the start, where all tours are nearly alike.
    state = state.replace(params=jax.tree.map(lambda leaf: 3 * leaf, state.params))
    tours = np.array(list(itertools.permutations(range(1, CITIES + 1))))

    def length(tour):
        stops = points[0][tour - 1]
        return np.linalg.norm(stops - np.roll(stops, -1, axis=0), axis=-1).sum()

    lengths = np.array([length(tour) for tour in tours], np.float32)

    @jax.jit
    @jax.value_and_grad
    def expected(params):
        fed = jnp.pad(tours[:, :-1], ((0, 0), (1, 0)))
        every = jnp.repeat(points, len(tours), axis=0)
        logits, _ = MODEL.apply({"params": params}, every, jnp.ones(every.shape[:2], bool), fed)
        left = 1 - jnp.cumsum(jnp.eye(CITIES + 1)[fed], axis=1)  # The end is never among them.
        chances = jnp.where(left > 0, jnp.exp(logits), 0)
        chances = chances / chances.sum(-1, keepdims=True)
        chosen = jnp.take_along_axis(chances, tours[..., None], axis=-1)[..., 0]
        return (chosen.prod(-1) * lengths).sum()

    count = 40_000
    batch = {
        "points": np.repeat(points, count, axis=0),
        "points_mask": np.ones((count, CITIES), bool),
        "index": np.arange(count, dtype=np.int32),
        "mask": np.ones(count, bool),
    }

    @jax.jit
    def estimate(state, batch, rng):
        slope = jax.value_and_grad(task.loss, has_aux=True)
        return slope(state.params, state, batch, rng, Across())

    (total, aux), grads = estimate(state, batch, jax.random.key(1))
    value, exact = expected(state.params)
    assert aux.count == count
    np.testing.assert_allclose(total / count, value, rtol=0.01)
    norm = optax.tree.norm(exact)
    assert norm > 0.02
    apart = jax.tree.map(lambda drawn, right: drawn / count - right, grads, exact)
    assert optax.tree.norm(apart) < 0.15 * norm


def test_training_on_one_set_finds_its_shortest_tour(state, batches, update, measure):
    batch = {**batches[0], "points": np.repeat(CORNERS[None], BATCH, axis=0)}
    before = np.divide(*measure(state, batch)["loss"])
    now = state
    for step in range(80):
        now, _ = update(now, batch, jax.random.key(step))
    after = np.divide(*measure(now, batch)["loss"])
    assert before > 4.2
    assert after < 4.1  # Around the square: 4; across it, twice: 4.83.


def test_the_baseline_becomes_the_network_just_where_students_test_says_so(state, batches, update):
    sets = jax.random.uniform(jax.random.key(1), (64, CITIES, 2))
    taught = make()[2]
    predict = jax.jit(taught.predict)
    judged = {"points": sets, "points_mask": jnp.ones((64, CITIES), bool)}

    def lengths(params):
        said = predict(state.replace(params=params), judged)["tokens"]
        return np.asarray(tour_lengths(sets, said[:, None]))[:, 0]

    now, networks, replaced = state, [state.params], []
    for step in range(300):
        now, _ = update(now, batches[step], jax.random.key(step))
        if step in (30, 299):
            networks.append(now.params)
    for new, old in itertools.permutations(networks, 2):
        # The tenth step, after which they are compared.
        before = state.replace(step=jnp.int32(9), params=new, task_state={"baseline": old})
        after, _ = update(before, batches[0], jax.random.key(0))
        better = stats.ttest_rel(lengths(after.params), lengths(old), alternative="less")
        replaced.append(bool(better.pvalue < 0.05))
        expected = after.params if replaced[-1] else old
        for leaf, right in zip(*map(jax.tree.leaves, (after.task_state, expected)), strict=True):
            np.testing.assert_array_equal(leaf, right)
    assert {*replaced} == {True, False}


def test_between_two_comparisons_the_baseline_never_changes(state, batches, update):
    now = state
    for step in range(9):
        now, _ = update(now, batches[step], jax.random.key(step))
    for old, new in zip(*map(jax.tree.leaves, (state.params, now.task_state)), strict=True):
        np.testing.assert_array_equal(new, old)


@pytest.mark.parametrize("shift", [-0.3, -0.05, 0.0, 0.3])
def test_the_baseline_is_replaced_just_where_students_test_says_so(shift):
    rng = np.random.default_rng(0)
    new, old = rng.normal(shift, 1, 200), rng.normal(0, 1, 200)
    expected = stats.ttest_rel(new, old, alternative="less").pvalue < 0.05
    assert bool(significantly_shorter(jnp.array(new - old, jnp.float32), 0.05)) == expected


def test_equals_are_no_better_than_the_baseline():
    assert not significantly_shorter(jnp.zeros(10), 0.05)


def test_rows_that_fill_up_a_batch_never_count(state, batches, measure):
    batch = batches[0]
    half = {**batch, "mask": np.arange(BATCH) < BATCH // 2}
    alone = {name: rows[: BATCH // 2] for name, rows in batch.items()}
    found = measure(state, half)["loss"]
    np.testing.assert_allclose(found, measure(state, alone)["loss"], rtol=1e-6)


def test_more_tours_drawn_never_make_the_shortest_longer(state):
    sets = np.random.default_rng(1).uniform(size=(6, CITIES, 2)).astype(np.float32)
    answers = Tours(CITIES, CITIES).solve(list(sets))
    batch = {
        "points": sets,
        "points_mask": np.ones((6, CITIES), bool),
        "targets": np.array([[*(answer + 1), 0] for answer in answers], np.int32),
        "frame": np.tile(np.float32([1, 0, 0]), (6, 1)),
        "index": np.arange(6, dtype=np.int32),
    }
    lengths = {}
    for samples in (1, 4):
        task, *_ = make(**{"decode.samples": samples})
        output = jax.device_get(jax.jit(task.predict)(state, batch))
        metrics = task.score("test", [{"index": batch["index"], **output}])
        assert metrics["validity"] == metrics["validity/sampled"] == 1
        assert metrics["gap"] >= -1e-6
        assert metrics["gap/sampled"] >= -1e-6
        lengths[samples] = metrics["tour_length/sampled"]
    assert lengths[4] <= lengths[1]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"reinforce.every": 0}, "every is 0"),
        ({"reinforce.sets": 1}, "sets is 1"),
        ({"reinforce.significance": 0.9}, "significance is 0.9: give a level"),
        ({"decode.samples": -1}, "samples is -1"),
    ],
)
def test_numbers_that_make_no_sense_are_named(values, sentence):
    with pytest.raises(UserError, match=sentence):
        make(**values)
