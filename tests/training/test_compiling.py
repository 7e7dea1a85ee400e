"""What XLA is told: nothing that it does not know, and nothing elsewhere than on a CPU."""

import jax
import pytest

from attention_jax.training import compiling


@pytest.fixture
def options():
    compiling.compiler_options.cache_clear()
    yield compiling.compiler_options
    compiling.compiler_options.cache_clear()


def test_on_a_cpu_convolutions_are_not_ynnpacks(options):
    assert "CONVOLUTION" not in "".join(options().values())
    assert jax.jit(lambda x: x + 1, compiler_options=options())(1) == 2


def test_an_option_that_xla_does_not_know_is_left_out(options, monkeypatch):
    for unknown in ({"xla_cpu_no_such_option": "1"}, {next(iter(options())): "NO_SUCH_LIBRARY"}):
        options.cache_clear()
        monkeypatch.setattr(compiling, "_BY_EIGEN", unknown)
        assert options() == {}


def test_other_platforms_are_told_nothing(options, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert options() == {}
