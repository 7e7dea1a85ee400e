"""The examples worth reading are chosen by what is known of them."""

import pytest

from attention_jax.viz.report import Map, Progress, Run, numbers
from attention_jax.viz.report.examples import differing, readings

RECORDS = [
    {"source": "s" * (n + 1), "prediction": "p", "reference": "r", "score": 1.0, "chrf": float(n)}
    for n in range(20)
]


def run(records=RECORDS, maps=None, shown="test"):
    progress = Progress("finished", "", 30, 30)
    return Run(
        *("a", "a", "t", "0", "c", "", {}, frozenset(), progress, (), ()),
        shown=shown,
        records=records,
        maps=maps,
    )


def chosen(reading):
    return {group.title: [one.number for one in group.examples] for group in reading.groups}


def test_short_to_long_best_and_worst():
    (reading,) = readings([run()])
    groups = chosen(reading)
    assert groups["short to long"] == [0, 3, 5, 8, 11, 14, 16, 19]
    assert groups["best (chrF)"] == [19, 18, 17, 16, 15, 14, 13, 12]
    assert groups["worst (chrF)"] == [0, 1, 2, 3, 4, 5, 6, 7]


def test_less_of_an_error_is_better():
    (reading,) = readings([run([{"prediction": 0, "gap": float(n)} for n in range(9)])])
    assert chosen(reading)["best (gap)"][0] == 0


def test_without_a_judgement_the_models_own_score_ranks_and_is_named():
    records = [{"prediction": "p", "score": float(n)} for n in range(9)]
    (reading,) = readings([run(records)])
    assert list(chosen(reading)) == ["short to long", "highest score", "lowest score"]


def test_examples_with_a_map_are_those_from_short_to_long():
    maps = [Map(n, "", "", [], [], [], ("q", "k"), None, None) for n in (7, 2, 2)]
    (reading,) = readings([run(maps=maps)])
    assert chosen(reading)["short to long"] == [2, 7]


def test_runs_with_the_same_questions_are_read_together():
    other = [record | {"chrf": 5.0} for record in RECORDS]
    (reading,) = readings([run(), run(other)])
    assert chosen(reading)["furthest apart (chrF)"][0] == 19
    assert [answer.run for answer in reading.groups[0].examples[0].answers] == [0, 1]


def test_runs_with_other_questions_are_read_apart():
    assert len(readings([run(), run(RECORDS[:5])])) == 2
    assert len(readings([run(), run(shown="long")])) == 2


@pytest.mark.parametrize(
    ("text", "reference", "parts"),
    [
        ("a red house", "a blue house", [("a ", False), ("red", True), (" house", False)]),
        ("a house", "a house", [("a house", False)]),
        ("", "a house", []),
        ("我有猫", "我有狗", [("我有", False), ("猫", True)]),
    ],
)
def test_what_differs_from_the_reference_is_marked(text, reference, parts):
    assert differing(text, reference) == parts


def test_a_value_is_best_only_where_there_is_a_choice():
    assert numbers.best("bleu", [1.0, 3.0, None]) == 3.0
    assert numbers.best("loss", [1.0, 3.0, float("nan")]) == 1.0
    assert numbers.best("bleu", [1.0, None]) is None
    assert numbers.best("bleu", [2.0, 2.0]) is None
    assert numbers.best("steps_per_second", [1.0, 2.0]) is None


def test_metrics_are_called_and_written_as_in_papers():
    assert numbers.called("bleu/length_0_10") == "BLEU, length 0 10"
    assert numbers.called("exact_match") == "exact match"
    written = [numbers.written(x) for x in (38.204, 0.00012345, 123456.0, 7, float("nan"), "x")]
    assert written == ["38.2", "0.0001234", "123,456", "7", "not a number", "x"]
