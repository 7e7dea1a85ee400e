"""The letters of a split: no two alike, training's unlike evaluation's, prepared once."""

import numpy as np
import pytest

from attention_jax.data import prepared
from attention_jax.data.glyphs import SPLITS, GlyphsConfig, load, shapes
from attention_jax.data.glyphs.distinct import ALIKE
from attention_jax.errors import UserError

CONFIG = GlyphsConfig(limit=4)


@pytest.fixture(scope="module")
def splits(data_dir):
    return {split: load(CONFIG, split, data_dir) for split in SPLITS}


def looks(glyphs):
    """Of every class: each letter's first shape, in each turn that is a class."""
    firsts = glyphs.fields[np.unique(glyphs.owners, return_index=True)[1]]
    turned = [
        np.rot90(field, turn)
        for field, turns in zip(firsts, glyphs.turns, strict=True)
        for turn in np.flatnonzero(turns)
    ]
    return shapes.looks(np.stack(turned))


def test_a_split_has_its_own_scripts_and_every_array_its_length(splits):
    for split, glyphs in splits.items():
        assert set(glyphs.scripts) == set(SPLITS[split])
        letters = len(glyphs.characters)
        assert len(set(glyphs.characters)) == letters == len(glyphs.scripts) == len(glyphs.turns)
        assert glyphs.fields.shape == (len(glyphs.owners), shapes.SIDE, shapes.SIDE)
        assert glyphs.fields.dtype == np.uint8
        np.testing.assert_array_equal(np.unique(glyphs.owners), np.arange(letters))
        assert np.all(np.diff(glyphs.owners) >= 0)
        assert len(glyphs.owners) > letters or split == "validation"


def test_no_class_looks_like_another_of_any_split(splits):
    every = np.concatenate([looks(glyphs) for glyphs in splits.values()])
    alike = every @ every.T - np.eye(len(every))
    assert alike.max() < ALIKE


def test_only_training_letters_are_turned(splits):
    for split, glyphs in splits.items():
        assert np.all(glyphs.turns[:, 0])
        assert np.any(glyphs.turns[:, 1:]) == (split == "train")


def test_what_is_prepared_is_never_made_again(splits, data_dir, monkeypatch):
    def never(*_):
        raise AssertionError

    monkeypatch.setattr(prepared, "prepare", never)
    again = load(CONFIG, "test", data_dir)
    np.testing.assert_array_equal(again.fields, splits["test"].fields)


def test_an_unknown_split_and_a_damaged_file_are_named(tmp_path):
    with pytest.raises(UserError, match="no split 'dev': choose train, validation, test"):
        load(CONFIG, "dev", tmp_path)
    file = tmp_path / "glyphs" / "arrays" / f"{CONFIG.name}-test.npz"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"no archive")
    with pytest.raises(UserError, match="is damaged: delete it"):
        load(CONFIG, "test", tmp_path)


@pytest.mark.long
def test_there_are_at_least_fifteen_hundred_letters_of_twelve_scripts(data_dir):
    every = [load(GlyphsConfig(), split, data_dir) for split in SPLITS]
    assert sum(len(glyphs.characters) for glyphs in every) >= 1500
    assert len({script for glyphs in every for script in glyphs.scripts}) >= 12
