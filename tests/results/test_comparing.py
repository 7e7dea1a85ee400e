"""A number that does not hold is never said to hold, and the reverse."""

import dataclasses
import math
import subprocess

import pytest
from tests.results.test_results import EXPECTED, make

from attention_jax import results
from attention_jax.errors import UserError


def lines(recorded, now, exact=False):
    return {line.metric: line for line in results.compare(recorded, now, exact)}


@pytest.mark.parametrize(
    ("exact", "then", "now", "holds"),
    [
        (True, 99.5, 99.5 + 1e-6, True),
        (True, 99.5, 99.6, False),
        (True, 0.0, 1e-7, True),
        (False, 40.0, 41.9, True),
        (False, 40.0, 37.9, False),
        (False, 0.19, 0.205, True),
        (False, 0.19, 0.22, False),
        (False, {"mean": 40.0, "low": 39.0, "high": 41.0}, 41.4, True),
        (False, {"mean": 40.0, "low": 39.0, "high": 41.0}, 41.5, False),
        (True, {"mean": 40.0, "low": 39.0, "high": 41.0}, 41.0, False),
    ],
)
def test_what_a_number_may_differ_by(tmp_path, exact, then, now, holds):
    recorded, again = make(tmp_path, "ours", bleu=then), make(tmp_path, "ours", bleu=now)
    assert lines(recorded, again, exact)["bleu"].holds == holds


def test_slices_are_held_only_where_the_same_is_expected(tmp_path):
    recorded = make(tmp_path, "ours", **{"bleu/length_0_10": 40.0})
    again = make(tmp_path, "ours", **{"bleu/length_0_10": 30.0})
    (shown,) = results.compare(recorded, again, exact=False)
    assert (shown.allowed, shown.holds, shown.same) == (None, True, False)
    (held,) = results.compare(recorded, again, exact=True)
    assert not held.holds


def test_times_are_never_expected_to_repeat(tmp_path):
    recorded = make(tmp_path, "ours", seconds=40.0, times=["seconds"])
    (line,) = results.compare(recorded, make(tmp_path, "ours", seconds=80.0), exact=True)
    assert line.holds


def test_a_metric_that_is_gone_does_not_hold(tmp_path):
    recorded = make(tmp_path, "ours", bleu=40.0, chrf=50.0)
    found = lines(recorded, make(tmp_path, "ours", chrf=50.0))
    assert not found["bleu"].holds
    assert math.isnan(found["bleu"].difference)
    assert found["chrf"].holds


def test_other_conditions_are_all_named(tmp_path):
    recorded = make(tmp_path, "ours")
    assert results.conditions(recorded, recorded) == []
    now = dataclasses.replace(
        recorded,
        config_hash="decaf",
        seeds=[0, 1],
        data={"cldr_phrases": "ham"},
        hardware="1 core of an abacus",
        versions=recorded.versions | {"jax": "99", "new": "1"},
    )
    config, seeds, data, version, hardware = results.conditions(recorded, now)
    assert ("decaf" in config, "[0, 1]" in seeds, "ham" in data) == (True, True, True)
    assert "version of jax" in version
    assert "abacus" in hardware
    (other,) = results.conditions(recorded, dataclasses.replace(recorded, data={"tatoeba": "x"}))
    assert "tatoeba" in other


def test_a_bar_that_falls_is_named_and_one_that_waits_is_not(tmp_path):
    (tmp_path / "docs/results").mkdir(parents=True)
    (tmp_path / "docs/results/expected.toml").write_text(EXPECTED)
    expected = results.read_expected(tmp_path)
    lookup = make(tmp_path, "lookup", bleu=60)
    records = {"ours": make(tmp_path, "ours", bleu=96.0), "lookup": lookup}

    def broken(bleu):
        return list(results.broken_bars(make(tmp_path, "ours", bleu=bleu), records, expected))

    assert broken(96.5) == []
    assert broken(94.0) == ["BLEU | cased: 94 against >= 95 is missed, declared reached"]
    assert broken(100.0) == ["above lookup: 40 against >= 40 is reached, declared missed"]
    assert list(results.broken_bars(make(tmp_path, "longer", bleu=1.0), records, expected)) == []


@pytest.mark.parametrize(
    ("values", "half"),
    # 12.706 and 2.776: Student's t at 0.975 with 1 and 4 degrees of freedom.
    [([1.0, 3.0], 12.706 * math.sqrt(2) / math.sqrt(2)), ([1, 2, 3, 4, 5], 2.776 * 0.70711)],
)
def test_the_interval_is_students(values, half):
    found = results.over_seeds(values)
    middle = sum(values) / len(values)
    expected = {"mean": middle, "low": middle - half, "high": middle + half}
    assert found == pytest.approx(expected, abs=1e-3)


def test_one_seed_has_no_interval():
    assert results.over_seeds([3.5]) == 3.5


def test_code_that_changed_is_never_taken_for_the_same(tmp_path):
    def git(*arguments):
        identity = ["-c", "user.name=n", "-c", "user.email=e@x"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True)

    assert not results.same_code(tmp_path, "unknown")
    (tmp_path / "src").mkdir()
    (tmp_path / "src/code.py").write_text("1")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "first")
    commit = make(tmp_path, "ours").commit
    (tmp_path / "page.md").write_text("another commit of the same code")
    git("add", ".")
    git("commit", "-q", "-m", "second")
    assert results.same_code(tmp_path, commit)
    assert not results.same_code(tmp_path, commit + "+")
    (tmp_path / "src/more.py").write_text("2")
    assert not results.same_code(tmp_path, commit)
    git("add", ".")
    git("commit", "-q", "-m", "third")
    assert not results.same_code(tmp_path, commit)


def test_a_record_of_no_number_is_refused(tmp_path):
    with pytest.raises(UserError, match="not a finite number"):
        make(tmp_path, "ours", bleu=results.over_seeds([1.0, float("inf")]))
