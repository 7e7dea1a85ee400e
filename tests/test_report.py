"""The report says what a workdir holds, finished, running or damaged, and lets nothing in run."""

import json
import os
import re
import time

import pytest

from attention_jax.cli import main

EVIL = "<script>window.hit = 1</script>"
CONFIG = {
    "seed": 0,
    "steps": 40,
    "patience": 0,
    "log_every": 10,
    "model": {"hidden": 8},
    "data": {"source": "en"},
}
ROWS = [
    {"step": 10, "split": "train", "loss": 4.0, "steps_per_second": 2.0},
    {"step": 20, "split": "train", "loss": 2.0, "steps_per_second": 2.0},
    {"step": 20, "split": "validation", "loss": 2.5, "bleu": 20.0, "bleu/length_0_10": 21.0},
    {"step": 40, "split": "train", "loss": 1.0, "steps_per_second": 2.0},
    {"step": 40, "split": "validation", "loss": 1.5, "bleu": 31.25, "bleu/length_0_10": 32.0},
]
RECORDS = [
    {"source": f"a {'long ' * n}house", "prediction": "une maison", "reference": "une maison"}
    | {"chrf": 100.0 - n, "score": -0.5 * n, "alignment": "0-0"}
    for n in range(12)
]
MAP = {
    "example": 3,
    "title": "a house",
    "kind": "prediction",
    "queries": ["une", "maison", "</s>"],
    "keys": ["a", "house"],
    "weights": [[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]],
    "names": ["target", "source"],
    "words": [[0, 1, -1], [0, 1]],
    "gold": [[0, 0], [1, 1]],
}


@pytest.fixture
def workdir(tmp_path):
    """`workdir(name, ...)`: a finished run made by hand; None leaves a file out."""

    def make(name="run", rows=ROWS, records=RECORDS, maps=(MAP,), split="test", **config):
        folder = tmp_path / name
        (folder / "predictions").mkdir(parents=True)
        stored = {"experiment": "translation/rnnsearch", "arg": "smoke", "overrides": []}
        stored |= {"version": "0.1.0", "code": "abc", "config": CONFIG | config}
        (folder / "config.json").write_text(json.dumps(stored))
        if rows is not None:
            lines = "".join(json.dumps(row) + "\n" for row in rows)
            (folder / "metrics.jsonl").write_text(lines)
        if records is None:
            return folder
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (folder / "predictions" / f"{split}.jsonl").write_text(lines)
        measured = {"step": 40, "metrics": {"bleu": 30.125, "bleu/length_0_10": 31.0}}
        measured |= {"notes": {"bleu": "tok:13a"}, "main_metric": ["bleu", "max"], "seconds": 1.0}
        (folder / "predictions" / f"{split}_metrics.json").write_text(json.dumps(measured))
        text = json.dumps({"step": 40, "maps": list(maps)})
        (folder / "predictions" / f"{split}_maps.json").write_text(text)
        return folder

    return make


@pytest.fixture
def report(tmp_path, capsys):
    """Runs the command, which must succeed, and returns the page without plotly's own script."""

    def run(*arguments):
        capsys.readouterr()
        output = tmp_path / "page.html"
        assert main(["report", *map(str, arguments), f"--output={output}"]) == 0
        assert capsys.readouterr().out == f"{output}\n"
        page = output.read_text("utf-8")
        return re.sub(r"<script>/\*\*\n\* plotly.js.*?</script>", "", page, flags=re.DOTALL)

    return run


@pytest.fixture
def says(capsys):
    """Runs a report that must fail with one sentence."""

    def run(*arguments):
        capsys.readouterr()
        assert main(["report", *map(str, arguments)]) == 2
        output = capsys.readouterr()
        assert output.out == ""
        assert output.err.count("\n") == 1
        return output.err

    return run


def visible(page):
    """The page's text, without scripts, styles and tags."""
    page = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def maps_in(page):
    return json.loads(re.search(r'id="maps">(.*?)</script>', page, re.DOTALL)[1])


def age(folder, seconds):
    then = time.time() - seconds
    for file in (folder / "metrics.jsonl", folder / "config.json"):
        if file.exists():
            os.utime(file, (then, then))


def test_a_finished_run_is_told_in_full(workdir, report):
    page = report(workdir())
    for section in ("metrics", "lengths", "curves", "attention", "examples", "config"):
        assert f'<section id="{section}">' in page
    text = visible(page)
    assert "Finished: step 40 of 40" in text
    assert "BLEU 30.12" in text
    assert "tok:13a" in text
    assert "a long long long house" in text
    assert "model.hidden" in text
    assert maps_in(page)[0]["weights"] == MAP["weights"]
    assert '"line":{"dash":"solid"' in page.replace(" ", "")


def test_the_page_asks_for_nothing_from_outside(workdir, report):
    page = report(workdir())
    assert "default-src 'none'" in page
    links = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert all(link.startswith(("#", "data:")) for link in links)
    assert "http" not in page.replace("http-equiv", "")


def test_nothing_that_a_run_holds_is_ever_executed(workdir, report):
    records = [
        {"source": EVIL, "prediction": f"{EVIL}'\"", "reference": EVIL, EVIL: EVIL, "chrf": 1.0}
    ]
    maps = [MAP | {"title": EVIL, "keys": [EVIL, "--><!--"], "kind": EVIL}]
    rows = [*ROWS, {"step": 40, "split": EVIL, EVIL: 1.0}]
    folder = workdir("<b>&name", rows, records, maps, data={"source": EVIL})
    picture = folder / "pictures" / "<i>.png"
    picture.parent.mkdir()
    picture.write_bytes(b"")
    page = report(folder)
    assert "<script>window" not in page
    assert "<b>&name" not in page
    assert "&lt;script&gt;window" in page
    assert maps_in(page)[0]["title"] == EVIL


def test_a_run_that_is_still_training_is_reported(workdir, report):
    folder = workdir(rows=ROWS[:3], records=None)
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 30, "spl')
    text = visible(report(folder))
    assert "Still training, it seems: step 20 of 40" in text
    assert "test has not been evaluated yet" in text
    assert f"evaluate --workdir={folder} --split=test" in text
    assert "damaged" not in text


def test_a_run_that_has_written_nothing_yet_is_reported(workdir, report):
    text = visible(report(workdir(rows=None, records=None)))
    assert "Still training, it seems: step 0 of 40" in text
    assert "No metrics are written yet" in text


def test_a_run_that_died_is_reported_as_stopped(workdir, report):
    folder = workdir(rows=ROWS[:3], split="validation")
    age(folder, 7300)
    text = visible(report(folder))
    assert "Stopped before its end, it seems: step 20 of 40; its last row is 2 hours old" in text
    assert "Shown instead: validation" in text


def test_a_slow_run_is_not_taken_for_dead(workdir, report):
    rows = [row | {"steps_per_second": 0.01} for row in ROWS[:2]]
    folder = workdir(rows=rows, records=None)
    age(folder, 5000)
    assert "Still training" in visible(report(folder))


def test_a_run_out_of_patience_is_finished(workdir, report):
    worse = [{"step": step, "split": "validation", "bleu": 10.0} for step in (25, 30)]
    folder = workdir(rows=[*ROWS[:3], *worse], split="validation", patience=2)
    age(folder, 7300)
    assert "it no longer improved" in visible(report(folder))


def test_damaged_lines_are_told_and_cost_only_themselves(workdir, report):
    folder = workdir()
    lines = (folder / "metrics.jsonl").read_bytes().split(b"\n")
    damaged = [lines[0], b"\xff\x00garbage", b"[1]", b'{"loss": 3}', *lines[1:]]
    (folder / "metrics.jsonl").write_bytes(b"\n".join(damaged))
    with (folder / "predictions" / "test.jsonl").open("a") as file:
        file.write("{]\n")
    text = visible(report(folder))
    assert "metrics.jsonl: 2 lines are damaged and left out, the first of them 2" in text
    assert "metrics.jsonl: 1 of its rows lacks a step or a split" in text
    assert "test.jsonl: line 13 is damaged and left out" in text
    assert "Finished" in text
    assert "a long long long house" in text


@pytest.mark.parametrize("content", ['{"maps": [', '{"maps": [{"example": 1}]}', "[]", "\x00", "3"])
@pytest.mark.parametrize("name", ["maps", "metrics"])
def test_a_damaged_file_is_named_and_the_rest_is_shown(name, content, workdir, report):
    folder = workdir()
    (folder / "predictions" / f"test_{name}.json").write_text(content)
    text = visible(report(folder))
    assert f"test_{name}.json is damaged" in text
    assert "a long long long house" in text


def test_weights_that_do_not_fit_their_labels_are_damage(workdir, report):
    page = report(workdir(maps=[MAP | {"keys": ["a"]}]))
    assert "test_maps.json is damaged" in visible(page)
    assert 'id="maps"' not in page


def test_what_is_not_a_number_does_not_break_the_page(workdir, report):
    rows = [*ROWS, {"step": 40, "split": "validation", "loss": float("nan"), "bleu": 1e400}]
    maps = [MAP | {"weights": [[float("nan"), 0.1], [0.2, 0.8], [0.5, 0.5]]}]
    page = report(workdir(rows=rows, maps=maps))
    for found in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.S):
        json.loads(found, parse_constant=lambda name: pytest.fail(name))


def test_other_tasks_need_no_source_and_no_text(workdir, report):
    records = [{"points": [[0, 1]], "prediction": [1, 0], "gap": 0.1 * n} for n in range(9)]
    text = visible(report(workdir(records=records, maps=())))
    assert "best (gap)" in text
    assert "[1, 0]" in text


def test_pictures_stand_in_where_there_are_no_maps(workdir, report):
    folder = workdir(maps=())
    (folder / "pictures").mkdir()
    (folder / "pictures" / "test_length.png").write_bytes(b"png")
    page = report(folder)
    assert 'src="data:image/png;base64,cG5n"' in page
    assert 'id="maps"' not in page


def test_several_runs_show_what_differs(workdir, report):
    wide = [record | {"prediction": "un maison", "chrf": 50.0} for record in RECORDS]
    runs = workdir("a"), workdir("b", records=wide, model={"hidden": 16, "layers": 2})
    page = report(*runs)
    differing = visible(page[page.index("What differs") : page.index("How they were trained")])
    assert "model.hidden 8 16" in differing
    assert "model.layers – 2" in differing
    assert "steps" not in differing
    text = visible(page)
    assert "furthest apart (chrF)" in text
    assert "2 runs side by side" in text
    assert [one["run"] for one in maps_in(page)] == [0, 1]


def test_runs_of_different_tasks_stand_side_by_side(workdir, report):
    rows = [{"step": 5, "split": "train", "reward": 1.0}]
    records = [{"episode": 1, "prediction": [0, 1], "reward": 2.0}]
    text = visible(report(workdir("a"), workdir("b", rows, records, ())))
    assert "episode" in text
    assert "a long house" in text


def test_runs_of_one_name_are_told_apart(workdir, report):
    text = visible(report(workdir("x/run"), workdir("y/run")))
    assert "x/run" in text
    assert "y/run" in text


def test_the_same_workdir_twice_is_shown_once(workdir, report, caplog):
    folder = workdir()
    assert "side by side" not in visible(report(folder, folder / "." / "predictions" / ".."))
    assert "more than once" in caplog.text


def test_the_runs_of_several_seeds_are_compared(workdir, report):
    folder = workdir("w/seed_0", seed=0).parent
    workdir("w/seed_1", seed=1)
    (folder / "seeds.json").write_text('{"seeds": [0, 1]}')
    text = visible(report(folder))
    assert "2 runs side by side" in text
    assert "seed set" not in text
    assert "seed 0 1" in text


def test_a_comparison_leaves_the_runs_own_reports_alone(workdir, capsys):
    runs = [workdir("a"), workdir("b")]
    assert main(["report", str(runs[0])]) == 0
    own = (runs[0] / "report.html").read_bytes()
    assert main(["report", *map(str, runs)]) == 0
    assert (runs[0] / "report.html").read_bytes() == own
    assert (runs[0] / "comparison.html").is_file()
    assert not list(runs[0].glob(".*"))


def test_a_folder_without_a_run(says, tmp_path):
    assert "holds no run" in says(tmp_path)


@pytest.mark.parametrize("content", ['{"experiment": ', "[]", '{"config": {}}', "\udcff"])
def test_a_damaged_config(content, says, workdir):
    folder = workdir()
    (folder / "config.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    assert "config.json is damaged" in says(folder)


def test_a_file_that_cannot_be_written_leaves_the_old_one(says, workdir, tmp_path):
    folder = workdir()
    (tmp_path / "file").write_text("old")
    assert "cannot be written" in says(folder, f"--output={tmp_path}/file/page.html")
    assert "cannot be written" in says(folder, f"--output={folder / 'predictions'}")
    assert (tmp_path / "file").read_text() == "old"
    assert not list(folder.glob(".*"))


def test_a_config_override_has_no_place_here(says, workdir):
    assert "a report only reads" in says(workdir(), "--config.seed=1")
