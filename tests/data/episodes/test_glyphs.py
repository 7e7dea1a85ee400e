"""Letters as classes: turned where that is a class of its own, and nowhere else."""

import numpy as np
import pytest

from attention_jax.data.episodes.glyphs import GlyphPool, GlyphPools
from attention_jax.data.glyphs import GlyphsConfig, Shapes, distort, shapes
from attention_jax.data.glyphs.letters import FONTS
from attention_jax.data.memory_sequences import dice

FONTS_OF = {"R": FONTS[:2], "ⴰ": FONTS[:1]}


@pytest.fixture(scope="module")
def pool():
    drawn = [(letter, font) for letter, fonts in FONTS_OF.items() for font in fonts]
    fields = [shapes.field(shapes.outline(*each)) for each in drawn]
    turns = np.array([[True, False, True, False], [True, False, False, False]])
    owners = np.array([0, 0, 1], np.int32)
    scripts = np.array(["LATIN", "TIFINAGH"])
    return GlyphPool(Shapes(np.stack(fields), owners, np.array([*FONTS_OF]), scripts, turns))


def test_a_class_is_a_letter_in_a_turn_that_is_one(pool):
    assert pool.names == ["Latin capital r", "Latin capital r turned 180", "Tifinagh ya"]
    assert pool.groups == ["Latin", "Latin", "Tifinagh"]
    assert pool.drawings is None


def test_every_drawing_is_of_its_class_in_one_of_its_fonts(pool):
    classes = np.arange(30) % 3
    words = dice.random_words(0, 0, 0, 30, pool.words)
    found = pool.draw(classes, np.zeros(30, int), words)
    assert found.shape == (30, distort.SIZE, distort.SIZE, 1)
    fonts = (dice.uniform(words[:, 0]) * np.array([2, 2, 1])[classes]).astype(int)
    fields = pool._fields[np.array([0, 0, 2])[classes] + fonts]
    turns = np.array([0, 2, 0])[classes]
    expected = distort.draw(fields, turns, words[:, 1:])
    np.testing.assert_array_equal(found[..., 0], expected)
    assert set(fonts[classes < 2]) == {0, 1}


def test_many_drawings_are_those_that_are_drawn_one_by_one(pool):
    words = dice.random_words(0, 0, 0, 70, pool.words)
    classes = np.arange(70) % 3
    together = pool.draw(classes, classes, words)
    for n in (0, 63, 64, 69):
        alone = pool.draw(classes[n : n + 1], classes[:1], words[n : n + 1])
        np.testing.assert_array_equal(alone[0], together[n])


def test_a_set_knows_its_size_before_it_is_prepared(tmp_path):
    pools = GlyphPools(GlyphsConfig(limit=4), tmp_path)
    assert (pools.side, pools.channels, pools.dark_ink) == (28, 1, True)
    assert pools.hash() == GlyphPools(GlyphsConfig(limit=4), tmp_path / "elsewhere").hash()
    assert pools.hash() != GlyphPools(GlyphsConfig(limit=5), tmp_path).hash()
    assert not list(tmp_path.iterdir())
