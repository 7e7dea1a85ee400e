"""Charts hold every point of every run and split, and tell runs apart."""

from attention_jax.viz.report import Progress, Run, Split, charts

ROWS = [
    {"step": 10, "split": "train", "loss": 3.0, "gradient_norm": 1.0, "bleu/length_0_10": 1.0},
    {"step": 20, "split": "train", "loss": float("nan"), "gradient_norm": 900.0},
    {"step": 20, "split": "validation", "loss": 2.5, "bleu": 0.01, "ok": True},
    {"step": 30, "split": "validation", "loss": 0.01, "bleu": 30.0},
]
SLICED = {"bleu": 5.0, "bleu/length_0_10": 9.0, "bleu/length_10_up": 4.0}


def run(label="a", rows=ROWS, splits=()):
    progress = Progress("finished", "", 30, 30)
    return Run(label, label, "t", "0", "c", "", {}, frozenset(), progress, rows, splits)


def test_a_chart_a_metric_and_a_line_a_split():
    splits = [Split("validation", 30, {"loss": 0.01, "bleu": 30.0})]
    drawn, keys = charts.learning_curves([run(splits=splits)])
    # What only training has comes last; slices and truth values are no curves.
    titles = ["loss (logarithmic)", "BLEU", "gradient norm"]
    assert [chart.title for chart in drawn] == titles
    train, validation = drawn[0].figure["data"]
    assert (train["x"], train["y"]) == ([10, 20], [3.0, None])
    assert (validation["x"], validation["y"]) == ([20, 30], [2.5, 0.01])
    assert [(key.label, key.series) for key in keys] == [("train", 0), ("validation", 1)]
    assert [trace["meta"]["series"] for trace in drawn[1].figure["data"]] == [1]
    assert "validation 0.01 at step 30" in drawn[0].summary


def test_several_runs_differ_in_colour_and_splits_in_the_dash():
    _, keys = charts.learning_curves([run("a"), run("b", ROWS[::-1])])
    assert [(key.label, key.series, key.dash) for key in keys] == [
        ("a, train", 0, "dot"),
        ("a, validation", 0, "solid"),
        ("b, train", 1, "dot"),
        ("b, validation", 1, "solid"),
    ]


def test_a_single_point_is_seen():
    drawn, _ = charts.learning_curves([run(rows=ROWS[:1])])
    assert drawn[0].figure["data"][0]["mode"] == "lines+markers"


def test_lengths_of_all_splits_of_one_run_and_of_the_chosen_one_of_several():
    one = run(splits=[Split("test", 1, SLICED), Split("long", 1, {"bleu/length_10_up": 2.0})])
    other = run("b", splits=[Split("long", 1, {"bleu/length_10_up": 3.0})])
    (drawn,) = charts.length_curves([one], "test")
    assert [trace["name"] for trace in drawn.figure["data"]] == ["test", "long"]
    assert drawn.figure["layout"]["xaxis"]["categoryarray"] == ["0–9", "10+"]
    (drawn,) = charts.length_curves([one, other], "test")
    assert [trace["name"] for trace in drawn.figure["data"]] == ["a, test", "b, long"]


def test_nothing_written_gives_no_chart():
    assert charts.learning_curves([run(rows=[])]) == ([], [])
    assert charts.length_curves([run(rows=[])], "test") == []
