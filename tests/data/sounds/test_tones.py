"""Melodies: in tune, never a click, and a sound depends on its number only."""

import dataclasses

import numpy as np
import pytest

from attention_jax.data.memory_sequences import dice
from attention_jax.data.sounds import Tones
from attention_jax.errors import UserError

TONES = Tones(seconds=0.5)
QUIET = dataclasses.replace(TONES, noise=0.0)


def draw(tones, count=8, seed=0):
    return tones.whole(dice.random_words(seed, 0, 0, count, tones.words(tones.samples)))


def test_a_melody_is_as_long_as_asked_and_never_louder_than_can_be():
    sounds = draw(TONES)
    assert sounds.shape == (8, 2000)
    assert sounds.dtype == np.float32
    assert 0.1 < np.abs(sounds).max() <= 1
    assert len(np.unique(sounds[:, 1000])) == 8
    np.testing.assert_array_equal(sounds, draw(TONES))


def test_the_scale_is_the_minor_pentatonic():
    np.testing.assert_allclose(
        Tones(octaves=1).scale, [110, 130.8, 146.8, 164.8, 196, 220], atol=0.1
    )
    assert Tones().scale[-1] == pytest.approx(440)


def test_a_note_has_its_harmonics_and_nothing_between_them():
    # Of one length and of one pitch but for the octave: a single line of partials.
    note = Tones(rate=8000, seconds=0.5, shortest=0.5, longest=0.5, noise=0.0, harmonics=3)
    for sound in draw(note, count=6):
        power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
        hertz = np.arange(len(power)) * note.rate / len(sound)
        first = note.scale[np.abs(note.scale - hertz[power.argmax()]).argmin()]
        near = np.abs(hertz[:, None] - first * np.arange(1, 4)).min(1) < 10
        assert power[near].sum() > 0.99 * power.sum()
        assert power[np.abs(hertz - 3 * first) < 10].max() > 1e-4 * power.max()


def test_no_harmonic_is_folded_back_at_half_the_rate():
    high = Tones(rate=1000, seconds=1.0, shortest=1.0, longest=1.0, lowest=200, octaves=1)
    for sound in draw(high, count=6):
        power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
        first = high.scale[np.abs(high.scale - power.argmax()).argmin()]
        assert power[: int(first) - 20].sum() < 1e-3 * power.sum()


def test_no_note_begins_or_ends_with_a_click():
    sounds = draw(dataclasses.replace(QUIET, shortest=0.1, longest=0.1))
    np.testing.assert_allclose(sounds[:, ::400], 0, atol=1e-6)
    assert np.abs(sounds[:, 399::400]).max() < 0.04
    assert np.abs(sounds).max(1).min() > 0.1


def test_noise_is_no_louder_than_asked():
    noisy = dataclasses.replace(TONES, noise=0.01)
    apart = np.abs(draw(noisy) - draw(QUIET))
    assert 0.009 < apart.max() <= 0.0101


def test_a_crop_is_a_part_of_its_melody_from_anywhere():
    words = dice.random_words(0, 0, 0, 40, QUIET.words(QUIET.samples))
    crops, length = QUIET.crop(words[:, : QUIET.words(300)], 300)
    assert crops.shape == (40, 300)
    assert (length == 300).all()
    firsts = []
    for crop, whole in zip(crops, QUIET.whole(words), strict=True):
        places = np.lib.stride_tricks.sliding_window_view(whole, 300)
        apart = np.abs(places - crop).max(1)
        firsts.append(apart.argmin())
        assert apart.min() < 1e-6
    assert min(firsts) < 300
    assert max(firsts) > 1400
    np.testing.assert_allclose(QUIET.crop(words, QUIET.samples)[0], QUIET.whole(words))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"shortest": 0.4}, "shortest is 0.4 and longest is 0.3"),
        ({"octaves": 0}, "0 octaves"),
        ({"noise": 2.0}, "a noise of 2.0"),
        ({"lowest": 600.0}, "half the rate, 2000 Hz"),
    ],
)
def test_a_melody_that_cannot_be_is_one_sentence(values, sentence):
    with pytest.raises(UserError, match=sentence):
        Tones(**values)
