"""What `python -m benchmarks` says of two programs: checked without the other one."""

import sys

import numpy as np
import pytest
from benchmarks import __main__ as command
from benchmarks import equal_work, growth, machine, measuring, showing, timing
from benchmarks.equal_work import UnequalWork
from benchmarks.rows import ROWS

from attention_jax.errors import UserError


def test_without_pytorch_one_sentence_says_what_to_do(monkeypatch, capsys):
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda name: None)
    assert command.main([]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "there is no PyTorch to measure against" in said.err
    assert "torch" not in sys.modules


def test_a_row_that_there_is_not_is_refused(capsys):
    with pytest.raises(SystemExit, match="2"):
        command.main(["--only", "sagan"])
    assert "rnnsearch_20" in capsys.readouterr().err


def test_a_quick_look_is_never_recorded(capsys):
    with pytest.raises(SystemExit, match="2"):
        command.main(["--quick", "--record"])
    assert "measured in full" in capsys.readouterr().err


def test_two_programs_take_turns_and_a_first_step_never_counts():
    order = []

    def program(name, seconds):
        def run(steps):
            order.append((name, steps))
            return [9.0, *[seconds] * (steps - 1)]

        return run

    ours, peer = timing.alternate(program("A", 0.25), program("B", 0.5), timing.Plan(3, 2.0))
    assert (ours, peer) == ([0.25] * 3, [0.5] * 3)
    assert order == [("A", 2), ("B", 2), *[("A", 9), ("B", 5)] * 3]


def test_a_ratio_is_that_of_medians_and_its_range_that_of_neighbouring_turns():
    found = timing.compare([1.0, 2.0, 4.0], [3.0, 2.0, 8.0])
    assert found == timing.Comparison(ours=2.0, peer=3.0, ratio=1.5, low=1.0, high=3.0)


def test_the_rate_of_a_product_is_that_of_the_fastest_run():
    times = iter([0.0, 4.0, 4.0, 6.0, *range(6, 22)])
    rate = machine.gemm_rate(lambda: None, lambda: next(times))
    # 2 n^3 operations in 1 s; others took 4 s and 2.
    assert rate == 2 * machine.SIDE**3


def test_unequal_work_is_never_timed():
    loss, slope = np.float32(2.0), np.array([3.0, 4.0])
    same = {"loss": loss, "weight": slope}
    assert equal_work.check(equal_work.differences(same, same)) == 0
    off = equal_work.differences(same | {"weight": slope + np.array([0.03, 0.0])}, same)
    assert off == {"loss": 0.0, "weight": pytest.approx(0.006)}
    assert equal_work.check(off) == off["weight"]
    wrong = [
        {"loss": loss, "weight": slope + np.array([0.06, 0.0])},
        {"loss": loss * 1.0001, "weight": slope},
        {"loss": np.float32("nan"), "weight": slope},
        {"loss": loss, "weight": slope * np.nan},
    ]
    for ours in wrong:
        with pytest.raises(UnequalWork, match="differ in"):
            equal_work.check(equal_work.differences(ours, same))
    with pytest.raises(UnequalWork, match="only one side has bias"):
        equal_work.differences(same | {"bias": slope}, same)
    with pytest.raises(UnequalWork, match="shapes"):
        equal_work.differences(same | {"weight": slope[:1]}, same)


def test_slopes_that_are_nothing_but_rounding_never_count():
    peer = {"loss": np.float64(1), "large": np.array([1.0]), "zero": np.array([0.0])}
    found = equal_work.differences(peer | {"zero": np.array([1e-9])}, peer)
    assert equal_work.check(found) == pytest.approx(1e-3)


def test_searches_may_differ_in_one_sentence_of_twenty():
    tokens = np.arange(60).reshape(20, 3)
    ours = {"scores": np.ones(20), "tokens": tokens}
    changed = tokens.copy()
    changed[0] = 0
    found = equal_work.differences(ours, {"scores": np.ones(20), "tokens": changed})
    assert equal_work.check(found) == pytest.approx(0.05)
    changed[1] = 0
    with pytest.raises(UnequalWork, match="tokens"):
        equal_work.check(equal_work.differences(ours, ours | {"tokens": changed}))


def test_the_path_of_the_peers_products_is_in_its_own_words():
    said = "MKL_VERBOSE oneMKL 2024.0 Update 2 for Intel(R) 64 architecture AVX-512, Lnx 2GHz\nx"
    assert machine.blas_path(said) == "oneMKL 2024.0 Update 2, AVX-512"
    assert machine.blas_path("BLAS_INFO=open") == "open, which does not say its path"


@pytest.fixture(scope="module")
def found():
    times = timing.Comparison(0.02, 0.03, 1.5, 1.25, 1.75)
    given = {"sizes": {"hidden": 2}, "batch": {"tokens": np.zeros((3, 4))}}
    prepared = measuring.Prepared(given, difference=1e-6, flops=4_000_000_000, first=3.0)
    look = measuring.Measured(times, {"way": "eager"}, prepared)
    way = {"way": "torch.compile of step", "eager": 0.04}
    return {"one": look._replace(way=way, first=(3.0, 1.0), memory=(1e9, 2e9)), "another": look}


def test_the_table_says_what_was_measured(found):
    first, second = showing.table(found, 1e12).splitlines()[2:]
    for cell in (
        "| 20.0 | 30.0 |",
        "1.50 (1.25 to 1.75)",
        "20.0% / 13.3%",
        "1,000 / 2,000",
        "torch.compile of step; eager 40.0 ms",
        "1e-06",
    ):
        assert cell in first
    assert "3.0 cold, 1.0 cached" in first
    assert "| - |" in second


def test_a_record_has_every_number_and_none_that_was_not_measured(found):
    metrics = showing.metrics(found, (1e12, 5e11))
    assert metrics["one_ratio"] == {"mean": 1.5, "low": 1.25, "high": 1.75}
    assert metrics["one_gemm_share"] == pytest.approx(0.2)
    assert found["one"].prepared.sizes == {"hidden": 2, "batch": {"tokens": [3, 4]}}
    assert metrics["one_peer_mb"] == pytest.approx(2000)
    assert metrics["one_peer_eager_ms"] == pytest.approx(40)
    assert "another_peer_eager_ms" not in metrics
    assert "another_cached_s" not in metrics
    assert "another_mb" not in metrics


def test_the_picture_has_a_point_for_each_row(found):
    (axes,) = showing.picture(found).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["one", "another"]


def test_every_row_has_both_sides():
    root = command.Path(command.__file__).parent
    for file in set(ROWS.values()):
        assert (root / "ours" / f"{file}.py").is_file()
        assert (root / "peers" / f"{file}.py").is_file()


def test_an_exponent_is_that_of_the_larger_half_of_the_points():
    assert growth.exponent([1, 2, 4, 8], [100.0, 100.0, 16.0, 64.0]) == pytest.approx(2)
    assert growth.exponent([1, 2, 4], [0.0, 0.0, 0.0]) == pytest.approx(0)


def test_every_work_that_grows_has_a_line_in_the_plots():
    config = growth.config(small=True)
    sweeps = growth.sweeps(config)
    measured = {
        name: (sweep, [(1e-3 * size, 1e3 * size) for size in sweep.sizes])
        for name, sweep in sweeps.items()
    }
    figure = growth.picture(measured)
    lines = [line for axes in figure.axes for line in axes.get_lines()]
    assert len(lines) == 2 * len(sweeps)
    assert "| slots | 8 to 32 | 1.00 | 1 | 1.00 |" in growth.table(measured)


def test_the_best_blas_takes_a_compiler(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="there is no cc: install gcc or clang"):
        machine.as_intel(tmp_path)
