"""Drawings: exact where nothing is random, and each by its own dice."""

import numpy as np
import pytest

from attention_jax.data.glyphs import distort, shapes
from attention_jax.data.glyphs.letters import FONTS
from attention_jax.data.memory_sequences import dice

FIELD = shapes.field(shapes.outline("R", FONTS[0]))
WORDS = dice.random_words(0, 1, 0, 12, distort.WORDS)


def drawn(count, turns=0, words=WORDS):
    fields = np.repeat(FIELD[None], count, axis=0)
    return distort.draw(fields, np.broadcast_to(turns, count), words[:count])


@pytest.fixture
def steady(monkeypatch):
    """A hand that never shakes."""
    for name in ("ROTATION", "SHEAR", "STRETCH", "MOVE", "BEND"):
        monkeypatch.setattr(distort, name, 0.0)
    monkeypatch.setattr(distort, "STROKE", (0.0, 0.0))


def test_a_steady_hand_draws_the_letter_as_it_is(steady):
    (found,) = drawn(1)
    # The ink of the field, pixel by pixel of the drawing.
    step = shapes.SIDE / distort.SIZE
    places = ((np.arange(distort.SIZE) + 0.5) * step).astype(int)
    inside = FIELD[places][:, places] > 128 + shapes.PER_UNIT
    outside = FIELD[places][:, places] < 128 - shapes.PER_UNIT
    assert np.all(found[inside] > 127)
    assert np.all(found[outside] < 128)
    assert 0.1 < (found / 255).mean() < 0.4


def test_a_quarter_turn_is_to_the_left_and_exact(steady):
    upright, *turned = drawn(4, turns=np.arange(4))
    for turns, found in enumerate(turned, 1):
        assert np.abs(found.astype(int) - np.rot90(upright, turns)).max() <= 1


def test_a_wider_stroke_never_takes_ink_away(steady, monkeypatch):
    before = drawn(1)
    monkeypatch.setattr(distort, "STROKE", (0.5, 0.5))
    after = drawn(1)
    assert np.all(after >= before)
    assert after.sum() > 1.1 * before.sum()


def test_a_drawing_depends_on_its_own_words_alone():
    together = drawn(12)
    np.testing.assert_array_equal(drawn(12), together)
    np.testing.assert_array_equal(drawn(1, words=WORDS[7:]), together[7:8])
    assert len(np.unique(together.reshape(12, -1), axis=0)) == 12


def test_elastic_moves_have_the_deviation_that_is_said():
    words = dice.random_words(3, 1, 0, 500, distort.WORDS)
    moves = distort._bends(dice.uniform(words)[:, 7:])
    assert moves.shape == (500, distort.SIZE, distort.SIZE, 2)
    np.testing.assert_allclose(moves.std((0, 3)), distort.BEND, rtol=0.15)
    # Neighbours move together.
    assert np.diff(moves, axis=1).std() < distort.BEND / 2
