"""What a picture of sounds must show: every sound, its notes at their heights, all on one scale."""

import numpy as np
import pytest

from attention_jax.errors import UserError
from attention_jax.viz.audio import sounds

RATE = 4000
TIME = np.arange(2000) / RATE


def sine(hertz, loudness=0.5):
    return loudness * np.sin(2 * np.pi * hertz * TIME)


def images(figure):
    return [axes.images[0] for axes in figure.axes[1::2]]


def heights(image):
    """The loudest frequency of each column, in Hz."""
    spectrum, (_, _, low, high) = image.get_array(), image.get_extent()
    return low + (high - low) * spectrum.argmax(0) / (len(spectrum) - 1)


def test_a_note_stands_at_its_frequency_and_a_change_at_its_time():
    sound = np.where(TIME < 0.25, sine(400), sine(1200))
    figure = sounds({"two notes": sound}, RATE)
    figure.draw_without_rendering()
    (image,) = images(figure)
    found = heights(image)
    left, right, low, high = image.get_extent()
    assert (low, high) == (0, RATE / 2)
    times = np.linspace(left, right, 2 * len(found) + 1)[1::2]
    clear = np.abs(times - 0.25) > 0.04
    expected = np.where(times < 0.25, 400, 1200)
    np.testing.assert_allclose(found[clear], expected[clear], atol=16)
    wave = figure.axes[0].lines[0]
    np.testing.assert_allclose(wave.get_xdata(), TIME)
    np.testing.assert_allclose(wave.get_ydata(), sound)


def test_all_sounds_share_their_scale_of_loudness_and_of_time():
    figure = sounds({"real": sine(400), "drawn": sine(400, 0.005)[:1500]}, RATE)
    loud, quiet = images(figure)
    assert loud.get_clim() == quiet.get_clim()
    assert loud.get_clim()[1] == loud.get_array().max()
    assert loud.get_array().max() - quiet.get_array().max() == pytest.approx(40, abs=0.5)
    assert {axes.get_xlim() for axes in figure.axes} == {(0, 0.5)}
    assert [axes.get_title(loc="left") for axes in figure.axes[::2]] == ["real", "drawn"]


def test_a_line_stands_where_the_prompt_ends():
    def lines(figure):
        return [line.get_xdata()[0] for axes in figure.axes for line in axes.lines]

    assert lines(sounds({"drawn": sine(400)}, RATE, prompt=0.2)).count(0.2) == 2
    assert len(lines(sounds({"drawn": sine(400)}, RATE))) == 1


@pytest.mark.parametrize("samples", [1, 2, 7, 50])
def test_silence_and_very_short_sounds_are_drawn_too(samples):
    figure = sounds({"silence": np.zeros(samples)}, RATE, title="nothing")
    figure.draw_without_rendering()
    assert np.isfinite(images(figure)[0].get_array()).all()


def test_no_sound_is_one_sentence():
    for given in ({}, {"empty": np.zeros(0)}):
        with pytest.raises(UserError, match="one sound or more"):
            sounds(given, RATE)
