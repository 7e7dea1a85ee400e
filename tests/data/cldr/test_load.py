"""The data set on disk: TFDS and the columns say the same, and half a data set is none."""

import subprocess
import sys

import pytest

from attention_jax.data import prepared
from attention_jax.data.cldr import SPLITS, CldrConfig, generate, load, prepare
from attention_jax.errors import UserError

CONFIG = CldrConfig(train=60, validation=4, test=4, test_long=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("data")
    prepare(CONFIG, path)
    return path


def test_the_builder_keeps_every_example_in_order(folder):
    builder = prepare(CONFIG, folder)
    for name, examples in generate(CONFIG).items():
        source = builder.as_data_source(name)
        found = [
            {key: text.decode() for key, text in source[i].items()} for i in range(len(source))
        ]
        assert found == [example._asdict() for example in examples]


@pytest.mark.parametrize("prepared", [True, False])
def test_columns_are_what_the_generator_made(folder, tmp_path, prepared):
    made = generate(CONFIG)
    for name in SPLITS:
        phrases = load(CONFIG, name, folder if prepared else tmp_path)
        assert phrases.sources == [example.source for example in made[name]]
        assert phrases.targets == [example.target for example in made[name]]
        assert phrases.alignments == [example.alignment for example in made[name]]
        assert phrases.templates == [example.templates for example in made[name]]


def test_the_default_config_is_its_builders_own(tmp_path):
    from attention_jax.data.cldr.builder import CldrPhrases, builder_config

    default = CldrPhrases(data_dir=tmp_path)
    assert default.builder_config.phrases == CldrConfig()
    asked = CldrPhrases(config=builder_config(CldrConfig()), data_dir=tmp_path)
    assert asked.builder_config.name == default.builder_config.name
    assert builder_config(CONFIG).name != default.builder_config.name


def test_another_config_is_never_taken_for_this_one(folder):
    other = CldrConfig(train=70, validation=4, test=4, test_long=2)
    assert len(load(other, "train", folder).sources) == 70
    assert len(load(CONFIG, "train", folder).sources) == 60


def test_an_interrupted_preparation_leaves_nothing_that_is_read(tmp_path, monkeypatch):
    from attention_jax.data.cldr import builder

    def interrupt(config):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(builder, "generate", interrupt)
        with pytest.raises(KeyboardInterrupt):
            load(CONFIG, "test", tmp_path)
    assert not list(tmp_path.rglob("dataset_info.json"))
    assert len(load(CONFIG, "test", tmp_path).sources) == 4


def test_columns_half_written_are_never_read(folder, tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(prepared.os, "replace", full)
        with pytest.raises(UserError, match="No space left"):
            load(CONFIG, "test", tmp_path)
    assert not list(tmp_path.rglob("*.part"))
    assert len(load(CONFIG, "test", tmp_path).sources) == 4


def test_nothing_is_printed(tmp_path, capfd):
    load(CONFIG, "test", tmp_path)
    assert capfd.readouterr() == ("", "")


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file"):
        load(CONFIG, "test", tmp_path / "file")


def test_an_unknown_split_is_told_the_splits(tmp_path):
    with pytest.raises(UserError, match="train, validation, test, test_long"):
        load(CONFIG, "dev", tmp_path)


def test_an_unsupported_language_prepares_nothing(tmp_path):
    with pytest.raises(UserError, match="no language 'zh'"):
        load(CldrConfig(source="zh"), "train", tmp_path)
    assert not list(tmp_path.iterdir())


def test_tfds_and_tensorflow_are_not_imported_until_needed():
    code = (
        "import sys, attention_jax, attention_jax.data.cldr;"
        "assert not {'tensorflow', 'tensorflow_datasets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
