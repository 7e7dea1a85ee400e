"""Bits by hand, a model that is known to count upwards, and what is heard of it."""

import functools
import io

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from scipy.io import wavfile

from attention_jax import experiment
from attention_jax.errors import UserError
from attention_jax.ops import mu_law
from attention_jax.tasks import audio_outputs as told
from attention_jax.tasks.audio import Audio
from attention_jax.tasks.protocol import Across
from attention_jax.training.evaluation import means

LEVELS, TIME, RATE = 16, 12, 4000
encode = jax.jit(lambda samples: mu_law.encode(samples, LEVELS))
decode = jax.jit(lambda levels: mu_law.decode(levels, LEVELS))


class Upwards(nn.Module):
    """Sure that each level is the one after the last; `scale` 0 knows nothing."""

    scale: float
    levels: int = LEVELS

    @nn.compact
    def __call__(self, inputs, *, weights=False):
        scale = self.param("scale", nn.initializers.constant(self.scale), ())
        # Nothing comes before the first sample: it is level 0.
        following = jnp.where(inputs == self.levels, 0, (inputs + 1) % self.levels)
        return scale * jax.nn.one_hot(following, self.levels), {}

    def start(self, batch):
        return jnp.zeros((batch, 1))

    def step(self, carry, level, time):
        logits, _ = self(level[:, None])
        return carry + 1, jax.nn.log_softmax(logits[:, 0])


@functools.cache
def make(scale, **values):
    config = experiment.find("audio/wavenet:smoke").config()
    experiment.override(config, values)
    return Audio(Upwards(scale), RATE, config, optax.sgd(0.1), scale=[440.0])


def upward(prompts, time=TIME):
    """Sounds that count upwards, each from another level on."""
    rows = np.arange(len(prompts))
    levels = (rows[:, None] + np.arange(time)) % LEVELS
    return {
        "samples": np.array(decode(levels)),
        "length": np.full(len(rows), time, np.int32),
        "prompt": np.array(prompts, np.int32),
        "index": rows.astype(np.int32),
        "mask": np.ones(len(rows), bool),
    }


def run(task, batch):
    """(metrics, outputs)."""
    state = jax.jit(task.init)(jax.random.key(0), batch)
    output = {"index": batch["index"], **jax.jit(task.predict)(state, batch)}
    outputs = [{name: np.asarray(rows)[batch["mask"]] for name, rows in output.items()}]
    pairs = {name: [pair] for name, pair in jax.jit(task.measure)(state, batch).items()}
    return task.summarize(means(pairs)) | task.score("test", outputs), outputs


def drawn(outputs):
    return np.asarray(encode(outputs[0]["drawn"]))


def test_who_knows_nothing_pays_for_every_level_alike():
    metrics, _ = run(make(0.0), upward([0, 3]))
    assert metrics["bits_per_sample"] == metrics["loss"] == pytest.approx(np.log2(LEVELS))


def test_who_is_sure_and_right_pays_next_to_nothing():
    sounds = upward([0])
    metrics, _ = run(make(9.0), sounds)
    assert metrics["bits_per_sample"] == pytest.approx(np.log2(1 + 15 * np.exp(-9.0)), rel=1e-3)
    metrics, _ = run(make(9.0), sounds | {"samples": sounds["samples"][:, ::-1]})
    assert metrics["bits_per_sample"] > 10


def test_silence_behind_a_sound_and_rows_that_fill_up_never_count():
    task, sounds = make(2.0), upward([0, 0, 0])
    state = jax.jit(task.init)(jax.random.key(0), sounds)
    short = sounds | {
        "samples": np.where(np.arange(TIME) < np.array([[9], [5], [TIME]]), sounds["samples"], 0.0),
        "length": np.array([9, 5, TIME], np.int32),
        "mask": np.array([True, True, False]),
    }
    bits, count = jax.jit(task.measure)(state, short)["loss"]
    assert count == 14
    each = np.log2(1 + 15 * np.exp(-2.0))
    # All but the second sound's first sample, which is a 1 where a 0 was awaited.
    assert bits == pytest.approx(14 * each + 2 / np.log(2), rel=1e-4)
    update = jax.jit(lambda state, batch, key: task.update(state, batch, key, Across()))
    _, metrics = update(state, short, jax.random.key(1))
    np.testing.assert_allclose(metrics["loss"], (bits, count), rtol=1e-6)


def test_what_is_drawn_begins_with_its_prompt_and_goes_on_as_the_model_says():
    sounds = upward([5, 0, TIME - 1, 7])
    sounds["samples"][:, 2] = sounds["samples"][:, 9]  # A prompt need not be likely.
    given = np.asarray(encode(sounds["samples"]))
    _, outputs = run(make(40.0), sounds)
    for row, said in enumerate(drawn(outputs)):
        prompt = sounds["prompt"][row]
        np.testing.assert_array_equal(said[:prompt], given[row, :prompt])
        last = said[prompt - 1] if prompt else -1
        np.testing.assert_array_equal(said[prompt:], (last + 1 + np.arange(TIME - prompt)) % LEVELS)


def test_what_is_drawn_never_depends_on_its_batch_and_is_another_for_another_seed():
    sounds = upward([2, 4, 0, 6])
    said = drawn(run(make(1.0), sounds)[1])
    part = {name: rows[1:3] for name, rows in sounds.items()}
    np.testing.assert_array_equal(drawn(run(make(1.0), part)[1]), said[1:3])
    assert np.any(drawn(run(make(1.0, **{"decode.seed": 1}), sounds)[1]) != said)
    cold = drawn(run(make(1.0, **{"decode.temperature": 0.01}), sounds)[1])
    np.testing.assert_array_equal(cold, drawn(run(make(40.0), sounds)[1]))


def test_where_nothing_is_to_be_continued_nothing_is_drawn_or_told():
    task = make(1.0)
    metrics, outputs = run(task, upward([-1, -1]))
    assert not outputs[0]["drawn"].any()
    assert "in_tune" not in metrics
    told_of = (task.describe, task.sounds, lambda *of: task.pictures(*of, {}))
    assert not any(tell("test", outputs) for tell in told_of)


def test_a_continued_sound_is_told_drawn_and_heard_beside_the_real_one():
    task = make(40.0)
    sounds = upward([4, -1, 0], time=40)
    sounds["length"][:] = [32, 40, 40]
    _, outputs = run(task, sounds)
    first, second = task.describe("test", outputs)
    assert (first["given_seconds"], first["drawn_seconds"]) == (0.001, 0.007)
    assert (second["given_seconds"], second["drawn_seconds"]) == (0.0, 0.01)
    assert first["prediction"] == first["reference"]
    assert first["prediction"].startswith("0.007 s, loudest at")
    assert list(task.pictures("test", outputs, {})) == ["sound_0", "sound_2"]
    heard = task.sounds("test", outputs)
    assert list(heard) == ["sound_0", "sound_0_real", "sound_2", "sound_2_real"]
    for name, length in [("sound_0", 32), ("sound_0_real", 32), ("sound_2", 40)]:
        rate, samples = wavfile.read(io.BytesIO(heard[name]))
        row = outputs[0]["samples" if "real" in name else "drawn"][int(name[6])]
        assert rate == RATE
        np.testing.assert_allclose(samples / 32767, row[:length], atol=1e-4)


def test_how_a_users_own_sound_goes_on_is_told_without_a_verdict():
    task = make(40.0)
    _, outputs = run(task, upward([4, 0], time=40))
    assert all("reference" not in record for record in task.describe("input", outputs))
    assert list(task.sounds("input", outputs)) == ["sound_0", "sound_1"]
    assert len(task.pictures("input", outputs, {})["sound_0"].axes) == 2


def test_a_sine_is_in_tune_where_the_scale_has_it_and_nowhere_else():
    time, scale = np.arange(RATE) / RATE, np.array([220.0, 440.0])

    def share(hertz):
        return told.in_tune([np.sin(2 * np.pi * hertz * time)], RATE, scale)

    assert share(440.0) == share(220.0) == share(440.0 * 2 ** (0.25 / 12)) == 1
    assert share(440.0 * 2 ** (0.5 / 12)) == share(300.0) == 0
    assert told.in_tune([np.zeros(RATE)], RATE, scale) == 0
    assert told.in_tune([time[:100]], RATE, scale) is None


def test_the_loudest_frequencies_come_in_their_order_and_silence_has_none():
    time = np.arange(RATE) / RATE
    parts = [(200, 0.3), (300, 0.9), (700, 0.5), (900, 0.01)]
    sound = sum(loud * np.sin(2 * np.pi * hertz * time) for hertz, loud in parts)
    assert told.loudest(sound, RATE) == [300, 700, 200]
    assert told.loudest(np.zeros(100), RATE) == []
    assert told.loudest(np.zeros(1), RATE) == []


def test_a_temperature_of_zero_is_one_sentence():
    with pytest.raises(UserError, match="temperature is 0: sound is drawn at one above 0"):
        make(1.0, **{"decode.temperature": 0.0})
