"""The μ-law against its formula, and there and back again."""

import math

import jax.numpy as jnp
import numpy as np
import pytest

from attention_jax.ops import mu_law

SAMPLES = np.concatenate([np.linspace(-1, 1, 401), [1e-3, -1e-4]]).astype(np.float32)
every_number_of_levels = pytest.mark.parametrize("levels", [256, 16])


@every_number_of_levels
def test_no_sample_gets_another_level_than_the_formulas(levels):
    mu = levels - 1
    codes = np.asarray(mu_law.encode(jnp.array(SAMPLES), levels))
    for sample, code in zip(SAMPLES.astype(float), codes, strict=True):
        companded = math.copysign(math.log(1 + mu * abs(sample)) / math.log(1 + mu), sample)
        # Halfway between two levels either is right.
        assert abs((companded + 1) / 2 * mu - code) <= 0.5 + 1e-4
    assert np.all(np.diff(codes[:401]) >= 0)


@every_number_of_levels
def test_a_level_is_never_lost_on_the_way_to_sound_and_back(levels):
    codes = jnp.arange(levels)
    samples = mu_law.decode(codes, levels)
    np.testing.assert_array_equal(mu_law.encode(samples, levels), codes)
    np.testing.assert_allclose(samples, -samples[::-1], atol=1e-6)
    assert -1 <= samples[0] < -1 + 1e-5
    assert np.all(np.diff(samples) > 0)


def test_what_is_lost_of_a_sample_grows_with_its_loudness():
    samples = jnp.array(SAMPLES)
    lost = np.abs(mu_law.decode(mu_law.encode(samples)) - samples)
    # Half a level is ln(256) / 255 of (|x| + 1 / 255).
    assert np.all(lost <= 1.03 * math.log(256) / 255 * (np.abs(SAMPLES) + 1 / 255))


def test_silence_is_the_upper_middle_level_and_what_is_too_loud_is_cut():
    codes = mu_law.encode(jnp.array([0.0, 1.0, 7.0, -1.0, -7.0]))
    assert codes.tolist() == [128, 255, 255, 0, 0]
