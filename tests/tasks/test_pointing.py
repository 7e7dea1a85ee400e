"""The loss by hand, and decoding with models that know nothing and one that can sort."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

from attention_jax import pointings
from attention_jax.data.pointing import Hulls, PointingData, Sorting, Tours, Triangulations
from attention_jax.data.pointing.tours import tour_length
from attention_jax.errors import UserError
from attention_jax.tasks import pointing_outputs
from attention_jax.tasks.pointing import Pointing
from attention_jax.tasks.pointing_decoding import tour_lengths
from attention_jax.tasks.protocol import Across
from attention_jax.training.evaluation import means

MOST = 6
NEVER = -1e9


class Pointer(nn.Module):
    """Scores of a position: how large its first coordinate is, times `slope`, and a table's entry
    for it and the position pointed at last. The end is as large as 2.
    """

    slope: float = 0.0
    spread: float = 1.0

    def setup(self):
        init = nn.initializers.normal(self.spread)
        self.table = self.param("table", init, (MOST + 1, MOST + 1))

    def __call__(self, points, points_mask, inputs, *, weights=False):
        logits = self._logits(self.encode(points, points_mask), inputs)
        return logits, {"pointer": jax.nn.softmax(logits)} if weights else {}

    def encode(self, points, points_mask):
        values = jnp.pad(points[..., 0], ((0, 0), (1, 0)), constant_values=2.0)
        return values, jnp.pad(points_mask, ((0, 0), (1, 0)), constant_values=True)

    def start(self, memory, beams=1, max_length=0):
        return jnp.zeros(len(memory[0]) * beams)

    def step(self, memory, carry, token, time, *, weights=False):
        asked = token.reshape(len(memory[0]), -1)
        log_probs = jax.nn.log_softmax(self._logits(memory, asked)).reshape(len(token), -1)
        return carry, log_probs, {"pointer": jnp.exp(log_probs)} if weights else {}

    def _logits(self, memory, asked):
        values, real = memory
        scores = self.slope * values[:, None] + self.table[asked, : values.shape[1]]
        return jnp.where(real[:, None], scores, NEVER)


class Untold(PointingData):
    """Sets that are drawn each time: nothing here needs a file."""

    def _drawn(self, split, problem, size):
        from attention_jax.data.pointing import sets

        return sets.answered(problem, 0, split, 0, size)


def make(model, problem, **values):
    config = pointings.default_config("toy", f"{problem.min_points}-{problem.max_points}")
    config.update(batch_size=4)
    config.data.update(test_size=6, buckets=(problem.max_points,))
    config.update_from_flattened_dict(values)
    data = Untold(problem, config, None)
    return Pointing(model, problem, config, optax.sgd(0.1), data.names), data


def evaluate(model, problem, split="test", **values):
    """(task, metrics, outputs)."""
    task, data = make(model, problem, **values)
    state = task.init(jax.random.key(0), task.example())
    batches = list(data.split(split) if isinstance(split, str) else data.inputs(split))
    predict = jax.jit(task.predict)
    outputs = []
    for batch in batches:
        output = jax.device_get({"index": batch["index"], **predict(state, batch)})
        outputs.append({name: rows[batch["mask"]] for name, rows in output.items()})
    if not isinstance(split, str):
        return task, {}, outputs
    measure = jax.jit(task.measure)
    sums = {"loss": [measure(state, batch)["loss"] for batch in batches]}
    return task, task.summarize(means(sums)) | task.score(split, outputs), outputs


PROBLEMS = {
    "sorting": Sorting(4, MOST),
    "hulls": Hulls(4, MOST),
    "triangulations": Triangulations(4, MOST),
    "tours": Tours(4, MOST),
}


@pytest.fixture(scope="module")
def ignorant():
    """Of each problem what a random table says: beams -> (task, metrics, outputs)."""
    cached = {}

    def get(name, beams=1):
        if (name, beams) not in cached:
            values = {"decode.beams": beams}
            cached[name, beams] = evaluate(Pointer(spread=2.0), PROBLEMS[name], **values)
        return cached[name, beams]

    return get


def said(outputs):
    """The indices of every answer, in the split's order."""
    rows = {
        int(n): tokens for o in outputs for n, tokens in zip(o["index"], o["tokens"], strict=True)
    }
    ended = [row.tolist()[: row.tolist().index(0)] for _, row in sorted(rows.items())]
    return [[position - 1 for position in row] for row in ended]


def test_the_loss_is_the_mean_cross_entropy_of_positions_ends_included():
    task, data = make(Pointer(slope=-3.0, spread=0.0), PROBLEMS["sorting"])
    state = task.init(jax.random.key(0), task.example())
    nats, count, sums, measure = 0.0, 0, [], jax.jit(task.measure)
    for batch in data.split("test"):
        sums.append(measure(state, batch)["loss"])
        for row in np.flatnonzero(batch["mask"]):
            values = batch["points"][row, batch["points_mask"][row], 0].astype(np.float64)
            scores = -3.0 * np.concatenate([[2.0], values])
            of_each = np.log(np.exp(scores).sum()) - scores
            answer = [*np.argsort(values) + 1, 0]
            nats, count = nats + of_each[answer].sum(), count + len(answer)
    assert means({"loss": sums})["loss"] == pytest.approx(nats / count, rel=1e-5)


def test_rows_that_fill_up_a_batch_never_count():
    task, data = make(Pointer(), PROBLEMS["tours"])
    state = task.init(jax.random.key(0), task.example())
    *_, short = data.split("test")
    assert list(short["mask"]) == [True, True, False, False]
    full = {name: array[:2] for name, array in short.items()}
    update = jax.jit(lambda s, b: task.update(s, b, jax.random.key(1), Across())[1])
    for run in (jax.jit(task.measure), update):
        for name, pair in run(state, full).items():
            np.testing.assert_allclose(run(state, short)[name], pair, rtol=1e-5)


def test_padding_never_changes_a_loss_or_an_answer():
    model, problem = Pointer(slope=-5.0), Sorting(3, 4)
    _, metrics, outputs = evaluate(model, problem)
    _, wider, of_wider = evaluate(model, problem, **{"data.buckets": (MOST,)})
    assert wider == pytest.approx(metrics, rel=1e-5)
    assert said(of_wider) == said(outputs)


def test_who_points_at_the_smallest_left_sorts():
    task, metrics, outputs = evaluate(Pointer(slope=-30.0, spread=0.0), PROBLEMS["sorting"])
    assert metrics["exact_match"] == 1
    for record, indices in zip(task.describe("test", outputs), said(outputs), strict=True):
        assert record["prediction"] == record["reference"] == indices
        assert record["exact_match"] == 1
    _, metrics, _ = evaluate(Pointer(slope=30.0, spread=0.0), PROBLEMS["sorting"])
    assert metrics["exact_match"] == 0


@pytest.mark.parametrize("name", ["sorting", "tours"])
@pytest.mark.parametrize("beams", [1, 3])
def test_every_point_is_said_once_by_whoever_knows_nothing(name, beams, ignorant):
    _, metrics, outputs = ignorant(name, beams)
    sizes = np.concatenate([output["points_mask"].sum(-1) for output in outputs])
    for indices in said(outputs):
        assert sorted(indices) == list(range(len(indices)))
    assert sorted(map(len, said(outputs))) == sorted(sizes)
    assert metrics.get("validity", 1) == 1


def test_a_hull_has_three_corners_or_more_and_none_twice(ignorant):
    for indices in said(ignorant("hulls")[2]):
        assert 3 <= len(indices) == len(set(indices))


def test_a_triangulation_is_whole_ascending_triples(ignorant):
    task, _, outputs = ignorant("triangulations")
    for record in task.describe("test", outputs):
        assert record["prediction"]
        for triple in record["prediction"]:
            assert triple == sorted(set(triple))
            assert len(triple) == 3


def test_no_tour_of_a_beam_is_longer_than_the_greedy_one(ignorant):
    pairs = [ignorant("tours", beams) for beams in (1, 3)]
    greedy, searched = (task.describe("test", outputs) for task, _, outputs in pairs)
    shorter = [b["tour_length"] - a["tour_length"] for a, b in zip(greedy, searched, strict=True)]
    assert max(shorter) < 1e-6
    assert min(shorter) < -1e-3
    assert pairs[1][1]["gap"] < pairs[0][1]["gap"]


def test_no_answer_of_a_beam_is_less_likely_than_the_greedy_one(ignorant):
    for name in ("hulls", "sorting"):
        greedy, searched = (
            [record["score"] for record in task.describe("test", outputs)]
            for task, _, outputs in (ignorant(name, beams) for beams in (1, 3))
        )
        assert (np.array(searched) >= np.array(greedy) - 1e-5).all()


def test_lengths_on_the_device_are_those_of_the_problem():
    points = jnp.asarray(np.random.default_rng(0).random((2, 5, 2)), jnp.float32)
    tours = jnp.array([[[1, 3, 2, 5, 4, 0]], [[3, 1, 2, 0, 0, 0]]])
    for each, tour, length in zip(points, tours, tour_lengths(points, tours), strict=True):
        stops = np.array(tour[0])[np.array(tour[0]) > 0] - 1
        assert float(length[0]) == pytest.approx(tour_length(each, stops), rel=1e-6)


def test_metrics_stand_by_size_where_sizes_differ_and_nowhere_else(ignorant):
    _, metrics, outputs = ignorant("hulls")
    sizes = np.concatenate([output["points_mask"].sum(-1) for output in outputs])
    slices = {name for name in metrics if name.startswith("accuracy/")}
    assert slices == {f"accuracy/length_{size}" for size in np.unique(sizes)}
    _, metrics, _ = evaluate(Pointer(), Sorting(4, 4))
    assert set(metrics) == {"loss", "exact_match"}


def test_a_users_set_is_answered_in_its_own_units_without_a_verdict():
    line = "[[-100, 0], [200, 0], [200, 400], [-100, 400]]"
    task, _, outputs = evaluate(Pointer(), Tours(3, 4), [line])
    (record,) = task.describe("input", outputs)
    assert "reference" not in record
    assert "gap" not in record
    square = np.array(json.loads(line))
    assert record["input"] == square.tolist()
    assert record["tour_length"] == pytest.approx(tour_length(square, record["prediction"]))
    assert list(task.pictures("input", outputs, {})) == ["answers", "steps_0"]


@pytest.mark.parametrize("name", ["sorting", "hulls", "triangulations", "tours"])
def test_pictures_show_answers_and_steps_and_maps_the_weights(name, ignorant):
    task, metrics, outputs = ignorant(name)
    figures = task.pictures("test", outputs, metrics)
    assert list(figures) == ["answers", "steps_0", "steps_1", "length"]
    for one in task.maps("test", outputs):
        assert one.weights.shape == (len(one.queries), len(one.keys))
        np.testing.assert_allclose(one.weights.sum(-1), 1, atol=1e-2)
        assert one.keys[0] == "end"
        # Who knows nothing may go on with triangles for ever.
        assert one.queries[-1] == "end" or name == "triangulations"


def test_a_search_that_cannot_be_is_one_sentence():
    for values, sentence in (
        ({"decode.beams": 0}, "beams is 0"),
        ({"decode.max_points": 0}, "max_points is 0"),
    ):
        with pytest.raises(UserError, match=sentence):
            make(Pointer(), PROBLEMS["tours"], **values)


@pytest.mark.parametrize(
    ("length", "told"),
    [(3.8312, "3.83"), (898.3, "898"), (999.7, "1,000"), (17054.2, "17,054"), (0.0, "0")],
)
def test_a_length_in_a_title_has_no_powers_of_ten(length, told):
    assert pointing_outputs._short(length) == told
