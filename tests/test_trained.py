"""What is restored is what was asked for."""

import jax
import numpy as np

from attention_jax import trained as trained_runs
from attention_jax import workdir


def test_an_average_is_the_mean_of_the_parameters_and_of_nothing_else(trained, data_dir):
    built = workdir.reopen(trained).build(data_dir)
    early, late = (trained_runs.restore(built, trained, step) for step in ("2", "4"))
    mean = trained_runs.restore(built, trained, "average:2")
    expected = jax.tree.map(lambda a, b: (a + b) / 2, early.state.params, late.state.params)
    jax.tree.map(np.testing.assert_array_equal, mean.state.params, expected)
    changed = jax.tree.map(lambda a, b: bool((a != b).any()), mean.state.params, late.state.params)
    assert any(jax.tree.leaves(changed))
    assert mean.step == late.step == int(mean.state.step) == 4
    jax.tree.map(np.testing.assert_array_equal, mean.state.opt_state, late.state.opt_state)


def test_an_average_of_one_is_the_newest(trained, data_dir):
    built = workdir.reopen(trained).build(data_dir)
    newest = trained_runs.restore(built, trained, "last").state.params
    one = trained_runs.restore(built, trained, "average:1").state.params
    jax.tree.map(np.testing.assert_array_equal, one, newest)
