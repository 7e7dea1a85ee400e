"""What an evaluation leaves behind: here the last validation of a run."""

import json

from attention_jax.cli import main


def read(workdir, name):
    return json.loads((workdir / "predictions" / name).read_text("utf-8"))


def test_training_leaves_its_last_validation(trained):
    measured = read(trained, "validation_metrics.json")
    assert measured["step"] == 4
    assert measured["main_metric"] == ["bleu", "max"]
    assert "tok:13a" in measured["notes"]["bleu"]
    rows = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1] == {"step": 4, "split": "validation", **measured["metrics"]}
    assert len((trained / "predictions" / "validation.jsonl").read_text().splitlines()) == 16


def test_maps_fit_their_examples(trained):
    lines = (trained / "predictions" / "validation.jsonl").read_text("utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    maps = read(trained, "validation_maps.json")["maps"]
    assert len({one["example"] for one in maps}) == 9
    lengths = [len(one["title"]) for one in maps if one["kind"] == "prediction"]
    assert lengths == sorted(lengths)
    for one in maps:
        assert one["title"] == records[one["example"]]["source"]
        assert len(one["weights"]) == len(one["queries"])
        assert {len(row) for row in one["weights"]} == {len(one["keys"])}
        assert all(value == round(value, 4) for row in one["weights"] for value in row)
    # After four steps nothing is right: gold links go with the reference alone.
    assert all((one["gold"] is not None) == (one["kind"] == "reference") for one in maps)
    assert not list((trained / "predictions").glob("*.tmp"))


def test_a_trained_workdir_can_be_reported(trained, tmp_path):
    assert main(["report", str(trained), f"--output={tmp_path}/page.html"]) == 0
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "Finished: step 4 of 4" in page
    assert 'id="maps"' in page
