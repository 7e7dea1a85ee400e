"""What the user brings: which files are taken, how they are split, what is refused."""

import gzip

import pytest

from attention_jax.data.manual import ENJA50K, MULTI30K, TATOEBA, Pair, RawText, hold_out
from attention_jax.errors import UserError


def write(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(line + "\n" for line in lines).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


def multi30k(folder, suffix=".gz", **more):
    """A small Multi30k; `more` replaces the lines of a file ("train_de")."""
    for split in ("train", "val", "test_2016_flickr"):
        for language in ("en", "de"):
            lines = [f"{language} {split} {n}" for n in range(6)]
            lines = more.get(f"{split}_{language}", lines)
            write(folder / f"{split}.{language}{suffix}", lines)
    return folder


def tatoeba(folder, lines=None):
    # Few Spanish sentences for many English ones.
    lines = lines or [f"Run {n}!\tCorre {n // 3}." for n in range(900)]
    write(folder / "train.en-es.tsv.gz", lines)
    return folder


def enja(folder, dev=("a dev",), test=()):
    for language in ("en", "ja"):
        write(folder / f"train.{language}.gz", [f"{language} {n}" for n in range(600)])
        write(folder / f"dev.{language}.gz", dev)
        if test:
            write(folder / f"test.{language}.gz", test)
    return folder


def sources(pairs):
    return {pair.source for pair in pairs}


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("below", ["multi30k", "."])
def test_published_splits_stay_as_they_are(tmp_path, suffix, below):
    multi30k(tmp_path / below, suffix)
    made, report = RawText(MULTI30K, "de", "en", tmp_path).read()
    assert list(made) == ["train", "validation", "test_2016_flickr"]
    assert made["validation"] == [Pair(f"de val {n}", f"en val {n}") for n in range(6)]
    assert report == "multi30k de-en: pairs of train 6, validation 6, test_2016_flickr 6"


def test_a_source_of_another_split_never_stays_in_training(tmp_path):
    multi30k(tmp_path, train_de=["de val 3", "a", "a", "de  test_2016_flickr\u00a01", "b", "c"])
    made, report = RawText(MULTI30K, "de", "en", tmp_path).read()
    assert [pair.source for pair in made["train"]] == ["a", "a", "b", "c"]
    assert report.endswith("2 whose source is in another split")


def test_case_stays_and_spaces_are_normalised(tmp_path):
    multi30k(tmp_path, train_de=["Zwei\tHunde  \u00c4 ", "", *"cdef"])
    made, report = RawText(MULTI30K, "de", "en", tmp_path).read()
    assert made["train"][:2] == [Pair("Zwei Hunde \u00c4", "en train 0"), Pair("c", "en train 2")]
    assert report.endswith("; 1 empty")


@pytest.mark.parametrize("direction", [("en", "es"), ("es", "en")])
def test_no_source_is_in_two_splits_that_we_make(tmp_path, direction):
    made, _ = RawText(TATOEBA, *direction, tatoeba(tmp_path / "tatoeba_spa_eng")).read()
    assert list(made) == ["train", "validation", "test"]
    assert sum(map(len, made.values())) == 900
    splits = [sources(pairs) for pairs in made.values()]
    assert sum(map(len, splits)) == len(set().union(*splits))
    assert made["train"][0] in (Pair("Run 0!", "Corre 0."), Pair("Corre 0.", "Run 0!"))


def test_splits_never_depend_on_the_order_of_the_file(tmp_path):
    lines = [f"Run {n}!\tCorre {n}." for n in range(400)]
    one, _ = RawText(TATOEBA, "en", "es", tatoeba(tmp_path / "a", lines)).read()
    two, _ = RawText(TATOEBA, "en", "es", tatoeba(tmp_path / "b", lines[::-1])).read()
    assert {split: set(pairs) for split, pairs in one.items()} == {
        split: set(pairs) for split, pairs in two.items()
    }


def test_a_pair_that_comes_twice_is_kept_once(tmp_path):
    lines = [f"Run {n % 300}!\tCorre\t{n} a further column" for n in range(400)]
    made, report = RawText(TATOEBA, "en", "es", tatoeba(tmp_path, lines)).read()
    assert sum(map(len, made.values())) == 300
    assert report.endswith("; 100 repeated")


def test_the_rule_of_splitting_stays_or_the_version_is_raised():
    pairs = [Pair(f"sentence {n}", "") for n in range(1000)]
    made = hold_out(pairs, {"validation": 1, "test": 2})
    counts = {split: len(kept) for split, kept in made.items()}
    first = made["test"][0].source
    golden = ({"train": 973, "validation": 12, "test": 15}, "sentence 9")
    assert (counts, first) == golden, "raise manual.VERSION, and write the new numbers here"


def test_a_test_set_is_held_out_where_none_is_brought(tmp_path):
    made, _ = RawText(ENJA50K, "en", "ja", enja(tmp_path / "held_out", dev=["en 7"])).read()
    assert sources(made["validation"]) == {"en 7"}
    assert 0 < len(made["test"]) < 20
    assert len(made["train"]) + len(made["test"]) == 599
    assert not sources(made["train"]) & sources(made["test"])
    brought, _ = RawText(ENJA50K, "en", "ja", enja(tmp_path / "brought", test=["en 8"])).read()
    assert sources(brought["test"]) == {"en 8"}
    assert len(brought["train"]) == 599


def test_the_hash_knows_the_bytes_and_the_files(tmp_path):
    folders = [multi30k(tmp_path / name) for name in "ab"]
    multi30k(tmp_path / "c", val_en=["x"] * 6)
    hashes = [RawText(MULTI30K, "de", "en", folder).hash() for folder in (*folders, tmp_path / "c")]
    assert hashes[0] == hashes[1] != hashes[2]


def refused(data_set, direction, folder):
    with pytest.raises(UserError) as error:
        RawText(data_set, *direction, folder).read()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_missing_file_is_named_with_where_it_comes_from(tmp_path):
    (multi30k(tmp_path) / "val.en.gz").unlink()
    sentence = refused(MULTI30K, ("de", "en"), tmp_path)
    assert f"{tmp_path} has no val.en[.gz]" in sentence
    assert "multi30k/dataset on GitHub" in sentence


def test_half_a_test_set_is_not_taken_for_none(tmp_path):
    (enja(tmp_path, test=["en 8"]) / "test.ja.gz").unlink()
    assert "has no test.ja" in refused(ENJA50K, ("en", "ja"), tmp_path)


def test_a_direction_that_is_not_there_is_told_those_that_are(tmp_path):
    assert "no language 'es'" in refused(MULTI30K, ("es", "en"), tmp_path)
    assert "--config.data.target one of en, de, fr" in refused(MULTI30K, ("en", "ja"), tmp_path)
    assert "both 'en'" in refused(MULTI30K, ("en", "en"), tmp_path)


def test_too_few_sentences_to_hold_any_out_are_refused(tmp_path):
    sentence = refused(TATOEBA, ("en", "es"), tatoeba(tmp_path, ["Go.\tVe."]))
    assert "no sentences are left for validation" in sentence


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    path = multi30k(tmp_path) / "train.de.gz"
    path.write_bytes(path.read_bytes()[:-10])
    assert f"{path} cannot be read" in refused(MULTI30K, ("de", "en"), tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(UserError, match=r"train\.de\.gz cannot be read"):
        RawText(MULTI30K, "de", "en", tmp_path).hash()
