"""Fields of distances against a disc's, and what makes two letters one."""

import numpy as np
from matplotlib.path import Path as Outline

from attention_jax.data.glyphs import shapes
from attention_jax.data.glyphs.letters import FONTS, SPLITS, letters

SANS = FONTS[0]


def test_a_field_is_the_distance_to_the_outline():
    found = shapes.field(Outline.circle(radius=0.5)).astype(float)
    across = np.arange(shapes.SIDE) + 0.5 - shapes.SIDE / 2
    away = shapes.EXTENT / 2 - np.hypot(across[:, None], across)
    expected = np.clip(128 + shapes.PER_UNIT * away, 0, 255)
    np.testing.assert_allclose(found, expected, atol=0.2 * shapes.PER_UNIT)


def test_a_letter_stands_upright_in_the_middle_as_long_as_its_field_allows():
    ink = shapes.field(shapes.outline("L", SANS)) > 128
    rows, columns = np.nonzero(ink.any(1))[0], np.nonzero(ink.any(0))[0]
    assert rows[-1] - rows[0] + 1 == shapes.EXTENT
    assert rows[0] + rows[-1] == shapes.SIDE - 1
    assert abs(columns[0] + columns[-1] - shapes.SIDE + 1) <= 1
    assert ink[rows[-1]].sum() > 2 * ink[rows[0]].sum()


def test_one_outline_has_one_fingerprint_whatever_the_script():
    latin, greek, cyrillic, other = (
        shapes.fingerprint(shapes.outline(letter, SANS)) for letter in "AΑАB"
    )
    assert latin == greek == cyrillic != other


def test_a_letter_and_its_capital_look_alike_and_others_do_not():
    drawn = [shapes.field(shapes.outline(letter, SANS)) for letter in "oOAEĚ"]
    looks = shapes.looks(np.stack(drawn))
    np.testing.assert_allclose(np.linalg.norm(looks, axis=-1), 1, atol=1e-5)
    alike = looks @ looks.T
    assert alike[0, 1] > 0.95
    assert np.all(alike[[0, 0, 2, 3], [2, 3, 3, 4]] < 0.95)


def test_no_script_is_in_two_splits_and_each_has_letters():
    scripts = [script for split in SPLITS.values() for script in split]
    assert len(set(scripts)) == len(scripts) >= 12
    for split, own in SPLITS.items():
        found = letters(split, limit=2)
        assert [letter.script for letter in found] == [name for name in own for _ in range(2)]
        assert all(letter.fonts for letter in found)
