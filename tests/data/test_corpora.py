"""Corpora by name: prepared once, found again, and never mistaken for one another."""

import shutil

import ml_collections
import pytest

from attention_jax.data import manual_builder
from attention_jax.data.corpora import make_corpus
from attention_jax.data.translation import TranslationData
from attention_jax.errors import UserError


def config(name="multi30k", source="de", target="en", max_words=100, **files):
    paths = {"train": "", "validation": "", "test": ""} | files
    return ml_collections.ConfigDict(
        {"name": name, "source": source, "target": target, "max_words": max_words, **paths}
    )


def bring(folder, train=("ein Hund", "zwei"), english=("a dog", "two")):
    folder.mkdir(exist_ok=True)
    for language, lines in (("de", train), ("en", english)):
        (folder / f"train.{language}").write_text("\n".join(lines))
        for split in ("val", "test_2016_flickr"):
            (folder / f"{split}.{language}").write_text(f"{language} {split}\n")
    return folder


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """(manual_dir, data_dir) of a tiny Multi30k, prepared."""
    folder = tmp_path_factory.mktemp("manual")
    raw, data = bring(folder / "raw"), folder / "data"
    make_corpus(config(), data, raw).examples("train")
    return raw, data


@pytest.fixture
def copied(prepared, tmp_path):
    """The same, to be changed."""
    for name, folder in zip(("raw", "data"), prepared, strict=True):
        shutil.copytree(folder, tmp_path / name)
    return tmp_path / "raw", tmp_path / "data"


def test_what_is_prepared_needs_no_raw_files(prepared):
    raw, data = prepared
    with_files, without = make_corpus(config(), data, raw), make_corpus(config(), data)
    assert with_files.splits == without.splits == ("validation", "test_2016_flickr")
    assert with_files.hash() == without.hash()
    for split in ("train", *without.splits):
        assert without.examples(split) == with_files.examples(split)
    assert without.examples("train").sources == ["ein Hund", "zwei"]
    assert without.examples("test_2016_flickr").targets == ["en test_2016_flickr"]


def test_lost_columns_are_made_again_from_the_records(copied):
    before = make_corpus(config(), copied[1]).examples("train")
    shutil.rmtree(copied[1] / "multi30k" / "columns")
    assert make_corpus(config(), copied[1]).examples("train") == before
    assert before.report.startswith("multi30k de-en: pairs of train 2")


def test_damaged_columns_are_named(copied):
    (file,) = copied[1].rglob("*train.json")
    file.write_text("{")
    with pytest.raises(UserError, match=f"{file} is damaged: delete it"):
        make_corpus(config(), copied[1]).examples("train")


def test_tfds_reads_what_the_builder_wrote(prepared):
    raw, data = prepared
    name = f"de-en-{make_corpus(config(), data, raw).hash()}"
    builder = manual_builder.Multi30k(config=manual_builder.ManualConfig(name, None), data_dir=data)
    assert set(builder.info.splits) == {"test_2016_flickr", "train", "validation"}
    assert builder.as_data_source("train")[0] == {"source": b"ein Hund", "target": b"a dog"}


def test_other_bytes_are_never_taken_for_these(copied):
    raw, data = copied
    old = make_corpus(config(), data, raw).hash()
    bring(raw, english=("a dog", "2"))
    new = make_corpus(config(), data, raw)
    assert new.hash() != old
    assert new.examples("train").targets == ["a dog", "2"]
    bring(raw)
    assert make_corpus(config(), data, raw).examples("train").targets == ["a dog", "two"]
    with pytest.raises(UserError, match="say with --manual_dir from which files"):
        make_corpus(config(), data).examples("train")


def test_the_other_direction_is_not_prepared_by_this_one(prepared):
    with pytest.raises(UserError, match=r"en-de is not prepared yet: put train\.en.*DIR/multi30k"):
        make_corpus(config(source="en", target="de"), prepared[1]).hash()


def test_over_long_lines_leave_training_only_and_are_reported(prepared):
    corpus = make_corpus(config(max_words=1), prepared[1])
    examples = corpus.examples("train")
    assert examples.sources == ["zwei"]
    assert examples.report.endswith("1 left out of training: more than 1 words")
    assert corpus.examples("validation").sources == ["de val"]
    with pytest.raises(UserError, match="every training pair is longer than 0 words"):
        make_corpus(config(max_words=0), prepared[1]).examples("train")


def test_a_mistake_in_the_files_leaves_no_data_set(tmp_path, capfd):
    raw = bring(tmp_path / "raw", train=["nur eine"])
    with pytest.raises(UserError, match="has 1 lines but"):
        make_corpus(config(), tmp_path / "data", raw).examples("train")
    assert not list(tmp_path.rglob("dataset_info.json"))
    bring(raw)
    assert len(make_corpus(config(), tmp_path / "data", raw).examples("train").sources) == 2
    assert capfd.readouterr() == ("", "")


def test_a_corpus_is_not_read_before_it_is_asked(tmp_path):
    for name in ("multi30k", "tfds:nosuch"):
        make_corpus(config(name), tmp_path / "absent", tmp_path / "neither")
    make_corpus(config("files", train="a.tsv", validation="b.tsv"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_test_is_a_name_for_the_only_test_set(prepared):
    data = TranslationData(make_corpus(config(), prepared[1]), ml_collections.ConfigDict())
    assert data.examples("test") is data.examples("test_2016_flickr")
    with pytest.raises(UserError, match="choose validation, test_2016_flickr"):
        data.examples("test_2017")


def test_what_the_last_bucket_left_out_was_never_trained(prepared):
    short = {"data": {"buckets": (2,), "joined": 1}, "batch_size": 1, "seed": 0}
    tokenizer = {"kind": "word", "size": 0, "shared": False}
    options = ml_collections.ConfigDict(short | {"tokenizer": tokenizer})
    data = TranslationData(make_corpus(config(), prepared[1]), options)
    assert data.longest_trained is None
    assert data.examples("train").sources == ["ein Hund", "zwei"]
    assert data.longest_trained == 1  # a word and the end of sentence fill two tokens


def test_joined_pairs_are_for_training_alone(prepared):
    options = ml_collections.ConfigDict({"data": {"joined": 1000}, "seed": 0})
    data = TranslationData(make_corpus(config(), prepared[1]), options)
    (source,), (target,) = data.examples("train").sources, data.examples("train").targets
    assert (source, target) in {("ein Hund zwei", "a dog two"), ("zwei ein Hund", "two a dog")}
    assert data.examples("validation").sources == ["de val"]


def test_one_vocabulary_serves_both_sides_where_it_is_shared(prepared, tmp_path):
    options = ml_collections.ConfigDict(
        {
            "tokenizer": {"kind": "word", "size": 0, "shared": True},
            "data": {"joined": 1},
            "decode": {},
        }
    )
    data = TranslationData(make_corpus(config(), prepared[1]), options, tmp_path)
    assert data.source_tokenizer is data.target_tokenizer
    assert not data.source_tokenizer.unknown("ein dog Hund a two zwei")
    data.keep()
    again = TranslationData(make_corpus(config(), tmp_path / "gone"), options, tmp_path)
    assert again.target_tokenizer is again.source_tokenizer
    assert again.source_tokenizer.encode("a Hund") == data.source_tokenizer.encode("a Hund")


class TestGoldAlignments:
    """A split of pairs from elsewhere, with links, beside a set's own."""

    @pytest.fixture
    def raw(self, tmp_path):
        lines = "".join(f"Run {n}!\tCorre {n}.\n" for n in range(400))
        for name, text in (
            ("tatoeba_spa_eng/train.en-es.tsv", lines),
            ("alignment_gold/en-es.dev.tsv", "He left .\tSe fue .\t0-0 1-1 2-2\n"),
        ):
            (tmp_path / name).parent.mkdir()
            (tmp_path / name).write_text(text)
        return tmp_path

    @pytest.mark.parametrize("direction", [("en", "es"), ("es", "en")])
    def test_they_serve_both_directions(self, raw, direction):
        corpus = make_corpus(config("tatoeba", *direction), raw / "data", raw)
        assert corpus.splits == ("validation", "test", "xlwa_dev")
        examples = corpus.examples("xlwa_dev")
        assert {examples.sources[0], examples.targets[0]} == {"He left.", "Se fue."}
        assert (examples.sources[0] == "He left.") == (direction[0] == "en")
        assert examples.links == [{(0, 0), (1, 1), (2, 2)}]

    def test_the_hash_covers_them_once_they_were_read(self, raw):
        corpus = make_corpus(config("tatoeba", "en", "es"), raw / "data", raw)
        before = corpus.hash()
        corpus.examples("xlwa_dev")
        assert corpus.hash().startswith(f"{before}+")

    def test_a_missing_file_is_named_with_where_to_put_it(self, raw, tmp_path):
        (raw / "alignment_gold" / "en-es.dev.tsv").unlink()
        for manual_dir in (raw, None):
            corpus = make_corpus(config("tatoeba", "en", "es"), raw / "data", manual_dir)
            with pytest.raises(UserError, match=r"needs en-es\.dev\.tsv .* DIR/alignment_gold"):
                corpus.examples("xlwa_dev")


def test_an_unknown_corpus_is_told_those_there_are(tmp_path):
    with pytest.raises(UserError, match="choose cldr_phrases, files, multi30k, tatoeba"):
        make_corpus(config("wmt"), tmp_path)


class TestFiles:
    """Parallel text by path."""

    def test_a_tab_inside_a_field_never_shifts_the_columns(self, tmp_path):
        (tmp_path / "s").write_text("a\tb\nc\n")
        (tmp_path / "t").write_text("x\n\ty\tz\n")
        pair = f"{tmp_path}/s,{tmp_path}/t"
        examples = make_corpus(config("files", train=pair, validation=pair), tmp_path).examples
        assert examples("train").sources == ["a b", "c"]
        assert examples("train").targets == ["x", "y z"]

    def test_no_mark_or_line_end_of_another_system_becomes_text(self, tmp_path):
        (tmp_path / "s").write_bytes("\ufeffa\r\nb\r\n".encode())
        (tmp_path / "t").write_bytes("\ufeffx\r\ny\r\n".encode())
        (tmp_path / "p.tsv").write_bytes("\ufeffa\tx\r\nb\ty\tmore\r\n".encode())
        files = {"train": f"{tmp_path}/s,{tmp_path}/t", "validation": f"{tmp_path}/p.tsv"}
        corpus = make_corpus(config("files", **files), tmp_path)
        for split in ("train", "validation"):
            assert corpus.examples(split).sources == ["a", "b"]
            assert corpus.examples(split).targets == ["x", "y"]

    def test_a_relative_path_says_where_it_was_looked_for(self, tmp_path, monkeypatch):
        (tmp_path / "p.tsv").write_text("a\tx\n")
        corpus = make_corpus(config("files", train="p.tsv", validation="p.tsv"), tmp_path)
        monkeypatch.chdir(tmp_path)
        assert corpus.examples("train").sources == ["a"]
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        for ask in (corpus.hash, lambda: corpus.examples("train")):
            with pytest.raises(UserError, match=r"p\.tsv does not exist in .*elsewhere"):
                ask()

    def test_three_files_are_refused(self, tmp_path):
        with pytest.raises(UserError, match=r"config\.data\.test names 3 files"):
            make_corpus(config("files", train="a", validation="b", test="a,b,c"), tmp_path)
