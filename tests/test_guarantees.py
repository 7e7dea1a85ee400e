"""The promises of benchmarks/guarantees.py and sweeps.py, held to at full length."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

BARS = {
    "devices": ("difference", 1e-5),
    "processes": ("difference", 1e-5),
    "resume": ("different", 0),
    "compilations": ("per_bucket", 1),
}


@pytest.mark.long
@pytest.mark.parametrize("name", BARS)
def test_what_is_promised_of_every_run_holds(name, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import guarantees

    metric, bar = BARS[name]
    assert guarantees.MEASURES[name](tmp_path)[metric] <= bar


@pytest.mark.long
@pytest.mark.parametrize("name", ["journal", "postgres"])
def test_a_killed_worker_of_a_sweep_loses_and_repeats_nothing(name, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import sweeps

    try:
        found = sweeps.MEASURES[name](tmp_path)
    except FileNotFoundError as error:
        pytest.skip(str(error))
    assert found == {"finished": sweeps.TRIALS, "lost": 0, "twice": 0}
