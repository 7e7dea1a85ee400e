"""Translation sets of TFDS by name: a small one of each kind is registered here."""

import pytest
import tensorflow_datasets as tfds

from attention_jax.data import prepared
from attention_jax.data.tfds_sets import TranslationSet
from attention_jax.errors import UserError

PAIRS = [("ein Hund", "a dog"), ("zwei\u00a0 Hunde", "two dogs"), ("", "nothing")]


class TinyTranslations(tfds.core.GeneratorBasedBuilder):
    """Has the `Translation` feature."""

    VERSION = tfds.core.Version("1.0.0")
    code_path = None

    def _info(self):
        features = tfds.features.Translation(("de", "en"))
        return tfds.core.DatasetInfo(builder=self, features=features, disable_shuffling=True)

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(), "test": self._generate_examples()}

    def _generate_examples(self):
        for index, pair in enumerate(PAIRS):
            yield index, dict(zip(("de", "en"), pair, strict=True))


class TinyPairs(TinyTranslations):
    """Has `source`, `target` and something else."""

    def _info(self):
        names = ("source", "target", "id")
        features = tfds.features.FeaturesDict({name: tfds.features.Text() for name in names})
        return tfds.core.DatasetInfo(builder=self, features=features, disable_shuffling=True)

    def _generate_examples(self):
        for index, (source, target) in enumerate(PAIRS):
            yield index, {"source": source, "target": target, "id": str(index)}


class TinyNetwork(TinyTranslations):
    """Cannot be prepared without a network."""

    def _split_generators(self, dl_manager):
        raise ConnectionError("no route to host\nand a page more")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("tfds")


def refused(name, data_dir, direction=("de", "en"), split="train"):
    with pytest.raises(UserError) as error:
        TranslationSet(name, *direction, data_dir).columns(split)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", ["tiny_translations", "tiny_translations:1.0.0", "tiny_pairs"])
def test_a_set_is_prepared_and_read_as_text(name, data_dir, capfd):
    found = TranslationSet(name, "de", "en", data_dir).columns("test")
    assert found["source"] == ["ein Hund", "zwei Hunde"]
    assert found["target"] == ["a dog", "two dogs"]
    assert found["report"] == [f"tfds:{name} test: 2 pairs; 1 empty"]
    assert capfd.readouterr() == ("", "")


def test_the_languages_choose_the_direction(data_dir):
    there = TranslationSet("tiny_translations", "de", "en", data_dir).columns("train")
    back = TranslationSet("tiny_translations", "en", "de", data_dir).columns("train")
    assert (back["source"], back["target"]) == (there["target"], there["source"])


def test_a_part_of_a_split_is_a_split(data_dir):
    pairs = TranslationSet("tiny_translations", "de", "en", data_dir)
    assert pairs.columns("train[:1]")["source"] == ["ein Hund"]
    assert pairs.columns("train[1:]")["source"] == ["zwei Hunde"]


def test_the_second_reading_needs_no_decoding(data_dir, monkeypatch):
    first = TranslationSet("tiny_translations", "de", "en", data_dir).columns("train")
    monkeypatch.setattr(prepared, "rows", None)
    assert TranslationSet("tiny_translations", "de", "en", data_dir).columns("train") == first


def test_a_language_that_is_not_there(data_dir):
    sentence = refused("tiny_translations", data_dir, ("de", "fr"))
    assert "has the texts de, en, not de and fr" in sentence
    assert "--config.data.target" in sentence
    assert "not de and de" in refused("tiny_translations", data_dir, ("de", "de"))


def test_a_split_that_is_not_there(data_dir):
    sentence = refused("tiny_translations", data_dir, split="validation")
    assert "no split 'validation', only test, train" in sentence
    assert "train[:2%]" in sentence


@pytest.mark.parametrize("name", ["nosuch", "tiny_translations:9.9.9", "b a d"])
def test_a_set_that_is_not_there(name, data_dir):
    assert f"TFDS cannot make {name!r}" in refused(name, data_dir)


def test_a_set_that_cannot_be_prepared(data_dir):
    sentence = refused("tiny_network", data_dir)
    assert "no route to host" in sentence
    assert "tfds build tiny_network --file_format=array_record" in sentence


def test_a_set_prepared_for_tensorflow(tmp_path):
    prepared.prepare(lambda: TinyTranslations(data_dir=tmp_path))
    (info,) = tmp_path.rglob("dataset_info.json")
    info.write_text(info.read_text().replace("array_record", "tfrecord"))
    sentence = refused("tiny_translations", tmp_path)
    assert "is prepared as tfrecord in" in sentence
    assert "--file_format=array_record" in sentence
