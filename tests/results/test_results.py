"""The pages must never say what the records do not."""

import dataclasses
import json
import platform
import subprocess
from pathlib import Path

import pytest

from attention_jax import results
from attention_jax.errors import UserError

EXPECTED = """
[[section]]
title = "Translation"
text = "One picture."

[[section.row]]
what = "BLEU | cased"
value = "ours:bleu"
bar = ">= 95"
status = "reached"
published = "26.75"
source = "Bahdanau 2015, table 1"
readme = true

[[section.row]]
what = "above lookup"
value = "ours:bleu - lookup:bleu"
bar = ">= 40"
status = "missed"
reason = "one seed in three"

[[section.row]]
what = "longer"
value = "longer:bleu"
status = "waiting"
reason = "for a GPU"
"""


def write(root, name, **metrics):
    return results.write_record(root, make(root, name, **metrics))


COMMANDS = ("attention-jax train", "attention-jax evaluate")


def make(root, name, *, commands=COMMANDS, times=(), **metrics):
    return results.make_record(
        root,
        name,
        commands,
        metrics,
        config_hash="c0ffee",
        seeds=[0],
        data={"cldr_phrases": "beef"},
        seconds=12.34,
        times=times,
    )


@pytest.fixture
def root(tmp_path):
    """A repository whose pages are as they should be."""
    (tmp_path / "docs/results").mkdir(parents=True)
    (tmp_path / "docs/results/expected.toml").write_text(EXPECTED)
    (tmp_path / "README.md").write_text(
        "before\n<!-- results:begin -->\nold\n<!-- results:end -->\nafter\n"
    )
    write(tmp_path, "ours", bleu=96.04, aer={"mean": 0.1234567, "low": 0.1, "high": 0.2})
    write(tmp_path, "lookup", bleu=60)
    results.render_pages(tmp_path)
    return tmp_path


def change_expected(root, old, new):
    path = root / "docs/results/expected.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def problems_after_rendering(root):
    results.render_pages(root)
    return results.check(root)


def test_page_and_records_that_agree_have_no_problem(root):
    assert results.check(root) == []


def test_page_shows_number_bar_reason_published_number_and_how_each_was_measured(root):
    page = (root / "docs/results.md").read_text()
    assert "## Translation\n\nOne picture.\n" in page
    assert "| BLEU \\| cased | 96.04 | ≥ 95, reached | 26.75 (Bahdanau 2015, table 1) |" in page
    assert (
        "| above lookup | 36.04 | ≥ 40, missed (one seed in three) | – | "
        "[ours](#ours), [lookup](#lookup) |" in page
    )
    assert "| longer | – | waiting (for a GPU) | – | longer |" in page
    record = results.read_records(root)["ours"]
    assert "```\nattention-jax train\nattention-jax evaluate\n```" in page
    for fact in ("0.1235 (0.1 to 0.2)", "c0ffee", "beef", "12.3 s"):
        assert fact in page
    assert f"jax {record.versions['jax']}" in page
    assert record.hardware in page
    assert record.date in page


def test_readme_holds_the_chosen_rows_between_its_marks_and_is_else_untouched(root):
    readme = (root / "README.md").read_text()
    head, rest = readme.split("<!-- results:begin -->")
    table, tail = rest.split("<!-- results:end -->")
    assert (head, tail) == ("before\n", "\nafter\n")
    assert "| BLEU \\| cased | 96.04 |" in table
    assert "above lookup" not in table


@pytest.mark.parametrize("name", ["docs/results.md", "README.md"])
def test_number_changed_by_hand_is_never_overlooked(root, name):
    path = root / name
    path.write_text(path.read_text().replace("96.04", "99.04"))
    assert results.check(root) == [f"{name} differs from the records: run `attention-jax results`"]
    assert problems_after_rendering(root) == []


def test_record_newer_than_the_page_is_never_overlooked(root):
    write(root, "ours", bleu=97.0)
    assert len(results.check(root)) == 2  # the page and the README
    assert problems_after_rendering(root) == []


def test_missing_page_is_a_problem(root):
    (root / "docs/results.md").unlink()
    assert results.check(root) == [
        "docs/results.md differs from the records: run `attention-jax results`"
    ]


def test_missed_bar_never_passes_undeclared(root):
    write(root, "ours", bleu=94.9)
    assert problems_after_rendering(root) == [
        "BLEU | cased: 94.9 against >= 95 is missed, declared 'reached'"
    ]


def test_bar_is_never_called_missed_when_it_is_reached(root):
    write(root, "lookup", bleu=10.0)
    assert problems_after_rendering(root) == [
        "above lookup: 86.04 against >= 40 is reached, declared 'missed'"
    ]


def test_row_never_goes_without_its_record(root):
    (root / "docs/results/lookup.json").unlink()
    assert problems_after_rendering(root) == ["above lookup: there is no record lookup"]


def test_row_never_goes_without_its_metric(root):
    write(root, "lookup", chrf=3.0)
    assert problems_after_rendering(root) == ["above lookup: the record lookup has no metric bleu"]


def test_row_does_not_wait_for_what_is_there(root):
    write(root, "longer", bleu=70.0)
    (problem,) = problems_after_rendering(root)
    assert problem.startswith("longer: waiting, but its record is there")


def test_record_that_no_row_mentions_is_never_overlooked(root):
    write(root, "stray", bleu=1.0)
    assert problems_after_rendering(root) == [
        "docs/results/stray.json is mentioned by no row of expected.toml"
    ]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("a:bleu", 90.0),
        ("a:bleu/length_50_60 - b:bleu/length_50_60", 30.0),
        ("a:bleu - b:bleu", 40.0),
        ("-a:bleu + 2 * (b:bleu + 1.5) / 3", -90 + 2 * 51.5 / 3),
        ("max(a:bleu, b:bleu,\n  3) - min(a:bleu, b:bleu)", 40.0),
        ("\nmax(a:bleu, 0)\n- abs(b:bleu)\n", 40.0),
    ],
)
def test_value_is_arithmetic_on_metrics(tmp_path, value, number):
    write(tmp_path, "a", bleu={"mean": 90.0, "low": 0.0, "high": 1.0}, **{"bleu/length_50_60": 80})
    write(tmp_path, "b", bleu=50.0, **{"bleu/length_50_60": 50})
    assert results.evaluate(value, results.read_records(tmp_path)) == pytest.approx(number)


@pytest.mark.parametrize(
    "value", ["a:bleu -", "open('x')", "a:bleu ** 2", "a.bleu", "a:bleu / 0", "'x'", "max()", "_0"]
)
def test_value_that_is_no_arithmetic_is_told_in_one_sentence(tmp_path, value):
    write(tmp_path, "a", bleu=90.0)
    with pytest.raises(UserError, match="cannot be computed"):
        results.evaluate(value, results.read_records(tmp_path))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('">= 95"', '"> 95"', "the bar '> 95' in expected.toml is neither"),
        ('"reached"', '"done"', "has the status 'done'"),
        ('"missed"', '""', "has the status ''"),
        ('reason = "for a GPU"', "", "'longer' in expected.toml is waiting without a reason"),
        ('"longer:bleu"', '"longer"', "'longer' in expected.toml names no record:metric"),
        ("readme =", "redme =", "unexpected keyword argument 'redme'"),
        ("readme =", "readme", "expected.toml cannot be read"),
    ],
)
def test_mistake_in_expected_toml_is_told_in_one_sentence(root, old, new, sentence):
    change_expected(root, old, new)
    with pytest.raises(UserError, match=sentence):
        results.check(root)


def test_missing_file_or_mark_is_told_in_one_sentence(root):
    (root / "README.md").write_text("no marks")
    with pytest.raises(UserError, match="needs the marks <!-- results:begin -->"):
        results.render_pages(root)
    (root / "docs/results/expected.toml").unlink()
    with pytest.raises(UserError, match=r"expected\.toml does not exist"):
        results.check(root)


TABLE = """
[[section]]
title = "Family"
figure = "family.png"

[[section.table]]
what = "Error rate"
value = "family:aer/{column}_{row}"
rows = { "no attention" = "none", "local | p" = "local_p" }
columns = { copying = "c", reversal = "r" }
reason = "the run has not ended"
"""


@pytest.fixture
def family(root):
    """The same with a table whose record is there."""
    change_expected(root, EXPECTED, EXPECTED + TABLE.replace('reason = "the run', '# "the run'))
    write(root, "family", **{"aer/c_none": 0.9, "aer/c_local_p": 0.1, "aer/r_local_p": 0.2})
    assert problems_after_rendering(root) == []
    return root


def test_table_shows_a_sweep_with_its_gaps_and_its_picture(family):
    page = (family / "docs/results.md").read_text()
    assert "Error rate ([family](#family)):\n\n|  | copying | reversal |\n" in page
    assert "| no attention | 0.9 | – |\n| local \\| p | 0.1 | 0.2 |\n" in page
    assert "![Family](results/family.png)" in page
    assert (family / "docs/results/family.png").read_bytes().startswith(b"\x89PNG")


def test_table_waits_until_its_record_is_there(root):
    change_expected(root, EXPECTED, EXPECTED + TABLE)
    assert problems_after_rendering(root) == []
    page = (root / "docs/results.md").read_text()
    assert "Error rate: waiting (the run has not ended)." in page
    assert "family.png" not in page
    write(root, "family", **{f"aer/{c}_{r}": 0.5 for c in "cr" for r in ("none", "local_p")})
    assert problems_after_rendering(root) == [
        "the table 'Error rate': waiting, but its record is there: delete its reason"
    ]


def test_table_never_goes_without_a_row_a_column_or_its_record(family):
    write(family, "family", **{"aer/c_none": 0.9})
    assert problems_after_rendering(family) == [
        "the table 'Error rate': there is no number for 'local | p'",
        "the table 'Error rate': there is no number for 'reversal'",
    ]
    (family / "docs/results/family.json").unlink()
    assert problems_after_rendering(family) == ["the table 'Error rate': there is no number for it"]


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("_{row}", "", "has no {row} in its value"),
        ("family:", "", "needs rows, columns and record:metric"),
        ('{ copying = "c", reversal = "r" }', "{}", "needs rows, columns and record:metric"),
        ('{ copying = "c", reversal = "r" }', '["c"]', "needs rows, columns and record:metric"),
    ],
)
def test_mistake_in_a_table_is_told_in_one_sentence(root, old, new, sentence):
    change_expected(root, EXPECTED, EXPECTED + TABLE.replace(old, new))
    with pytest.raises(UserError, match=sentence):
        results.check(root)


@pytest.mark.parametrize("text", ["{", '{"name": "bad"}', "[]", '{"name": "bad", "bleu": 3}'])
def test_file_that_is_no_record_is_told_in_one_sentence(root, text):
    (root / "docs/results/bad.json").write_text(text)
    with pytest.raises(UserError, match=r"bad\.json is not a results record"):
        results.check(root)


def test_record_is_never_read_under_another_name(root):
    (root / "docs/results/ours.json").rename(root / "docs/results/theirs.json")
    with pytest.raises(UserError, match="calls itself ours"):
        results.check(root)


def test_record_comes_back_as_it_was_written(tmp_path):
    path = write(tmp_path, "ours", bleu=96.5, aer={"mean": 0.1, "low": 0.05, "high": 0.2})
    record = results.read_records(tmp_path)["ours"]
    assert dataclasses.asdict(record) == json.loads(path.read_text())
    assert record.metrics == {"bleu": 96.5, "aer": {"mean": 0.1, "low": 0.05, "high": 0.2}}
    assert record.commit == "unknown"  # there is no repository here


def test_commit_says_when_the_code_had_changed(tmp_path):
    def git(*arguments):
        identity = ["-c", "user.name=n", "-c", "user.email=e@x"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True)

    (tmp_path / "src").mkdir()
    (tmp_path / "src/code.py").write_text("1")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    write(tmp_path, "ours", bleu=1.0)
    assert len(results.read_records(tmp_path)["ours"].commit) == 12
    (tmp_path / "src/code.py").write_text("2")
    write(tmp_path, "ours", bleu=1.0)
    assert results.read_records(tmp_path)["ours"].commit.endswith("+")


@pytest.mark.parametrize(
    ("command", "kept"),
    [
        ("evaluate --workdir=/home/someone/runs/W --json", "evaluate --workdir=W --json"),
        ("report /tmp/a /tmp/b/", "report a b/"),
        ("predict --workdir=/x/W1,/x/W2 'a / b'", "predict --workdir=W1,W2 'a / b'"),
        ("train --config=translation/rnnsearch.py:smoke", None),
        ("train --workdir=runs/W", None),
    ],
)
def test_command_never_carries_a_folder_of_the_machine(tmp_path, command, kept):
    assert make(tmp_path, "ours", commands=[command]).commands == [kept or command]


@pytest.mark.parametrize("name", ["", "a b", "../a", "a:b", "a-b"])
def test_name_that_a_row_could_not_mention_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="cannot name a record"):
        write(tmp_path, name, bleu=1.0)


def test_number_that_is_none_is_never_recorded(tmp_path):
    with pytest.raises(UserError, match="aer is not a finite number"):
        write(tmp_path, "ours", bleu=1.0, aer=float("nan"))
    assert not list(tmp_path.rglob("*.json"))


def test_hardware_and_versions_never_name_the_machine():
    hardware = results.describe_hardware()
    assert " of " in hardware
    assert platform.node() not in hardware
    assert {"python", "jax", "flax"} <= results.describe_versions().keys()


def test_expected_toml_of_this_repository_can_be_read():
    root = Path(__file__).parents[2]
    rows = [row for section in results.read_expected(root) for row in section.rows]
    assert any(row.readme for row in rows)
    results.render(results.read_records(root), results.read_expected(root))
