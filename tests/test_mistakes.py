"""A user's mistake is one sentence that names the thing and the remedy, and exit status 2."""

import gzip
import json
import os
import shutil
import subprocess
import sys

import pytest

from attention_jax.cli import main
from attention_jax.locks import hold

SMOKE = "--config=translation/rnnsearch:smoke"


def test_a_misspelt_config_key(says, tmp_path):
    sentence = says("train", SMOKE, f"--workdir={tmp_path}", "--config.model.hiden=3")
    assert "no key 'model.hiden'" in sentence
    assert "did you mean config.model.hidden?" in sentence
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("override", ["model.hidden=wide", "steps=many", "data.buckets=(1,'a')"])
def test_a_mistyped_config_value(override, says, tmp_path):
    name = override.partition("=")[0]
    sentence = says("train", SMOKE, f"--workdir={tmp_path}", f"--config.{override}")
    assert f"config.{name}" in sentence


def test_a_config_value_left_out(says, tmp_path):
    assert "has no value" in says("train", SMOKE, f"--workdir={tmp_path}", "--config.steps")


def test_an_unknown_experiment(says, tmp_path):
    sentence = says("train", "--config=translation/rnnserch", f"--workdir={tmp_path}")
    assert "did you mean translation/rnnsearch?" in sentence


def test_a_missing_experiment_file(says, tmp_path):
    sentence = says("train", "--config=mine.py", f"--workdir={tmp_path}")
    assert "no experiment file mine.py" in sentence


def test_an_unknown_argument_of_an_experiment(says, tmp_path):
    sentence = says("train", "--config=translation/rnnsearch:smok", f"--workdir={tmp_path}")
    assert "'smok'" in sentence
    assert "smoke" in sentence


@pytest.mark.parametrize("given", [SMOKE, "--workdir=w"])
def test_a_missing_config_or_workdir(given, says):
    missing = "--workdir" if given == SMOKE else "--config"
    assert missing in says("train", given)


def test_an_unknown_option(says, tmp_path):
    assert "--wrokdir=w" in says("train", SMOKE, f"--workdir={tmp_path}", "--wrokdir=w")


def test_an_unsupported_language(says, tmp_path, data_dir):
    arguments = (f"--workdir={tmp_path}", f"--data_dir={data_dir}")
    assert "xx" in says("train", f"{SMOKE},target=xx", *arguments)


def test_a_workdir_of_another_experiment(says, trained):
    sentence = says("train", "--config=translation/seq2seq:smoke", f"--workdir={trained}")
    assert "holds a run of translation/rnnsearch:smoke" in sentence


def test_a_workdir_trained_with_another_config(says, trained):
    sentence = says("train", SMOKE, f"--workdir={trained}", "--config.model.hidden=9")
    assert "config.model.hidden = 8, not 9" in sentence


def test_a_workdir_in_which_another_process_trains(says, trained):
    with hold(trained / "lock"):
        sentence = says("train", SMOKE, f"--workdir={trained}")
    assert "another process" in sentence


def test_a_bucket_that_is_not_mounted(says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "mount the bucket" in says("train", SMOKE, "--workdir=gs://bucket/run")
    assert not list(tmp_path.iterdir())


def test_a_workdir_without_a_run(says, tmp_path):
    assert "holds no run" in says("evaluate", f"--workdir={tmp_path}")


def test_a_workdir_with_a_config_that_is_no_json(says, trained, tmp_path):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    (tmp_path / "config.json").write_text('{"experiment": ')
    assert "config.json is damaged" in says("evaluate", f"--workdir={tmp_path}")


def test_a_workdir_whose_config_no_longer_fits(says, trained, tmp_path):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    record = json.loads((tmp_path / "config.json").read_text())
    record["config"]["model"]["gates"] = 3
    (tmp_path / "config.json").write_text(json.dumps(record))
    assert "model.gates" in says("evaluate", f"--workdir={tmp_path}")


def test_a_finished_run_changes_nothing_but_its_decoding_and_devices(says, trained):
    sentence = says("evaluate", f"--workdir={trained}", "--config.model.hidden=9")
    assert "only --config.decode.*, --config.devices and --config.mesh.* can" in sentence


def test_all_checkpoints_cut_short(says, trained, tmp_path):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    for file in (tmp_path / "checkpoints").rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    assert "checkpoints" in says("predict", f"--workdir={tmp_path}", "3 hours")


def test_no_checkpoint_yet(says, trained, tmp_path):
    shutil.copy(trained / "config.json", tmp_path)
    shutil.copytree(trained / "tokenizers", tmp_path / "tokenizers")
    assert "no checkpoint yet" in says("predict", f"--workdir={tmp_path}", "3 hours")


def test_a_checkpoint_that_was_not_kept(says, trained, data_dir):
    folders = (f"--workdir={trained}", f"--data_dir={data_dir}")
    assert "step 3" in says("evaluate", *folders, "--checkpoint=3")
    assert "--checkpoint=newest" in says("evaluate", *folders, "--checkpoint=newest")


@pytest.mark.parametrize("wanted", ["average:0", "average:", "average:two", "mean:2"])
def test_no_number_of_checkpoints_to_average(wanted, says, trained):
    sentence = says("predict", f"--workdir={trained}", "3 hours", f"--checkpoint={wanted}")
    assert f"--checkpoint={wanted} is not best, last, a step or average:N" in sentence


def test_more_checkpoints_to_average_than_were_kept(says, trained):
    sentence = says("predict", f"--workdir={trained}", "3 hours", "--checkpoint=average:3")
    assert "needs the 3 newest checkpoints" in sentence
    assert "keeps 2: train with --config.keep=3" in sentence


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ("beams=0", "beams is 0"),
        ("n_best=0", "n_best is 0"),
        ("n_best=2", "n_best is 2 and beams is 1: search with at least as many beams"),
        ("beams=100000", "beams is 100000 and the target vocabulary has "),
        ("sample=True beams=2", "sample is on and beams is 2: draw (beams 1) or search"),
        ("coverage_penalty=0.2", "coverage_penalty is 0.2 without a beam"),
        ("coverage_penalty=-0.2 beams=2", "coverage_penalty is -0.2"),
        ("temperature=0.0", "temperature is 0.0: give more than 0"),
        ("top_k=-1", "top_k is -1"),
        ("top_p=0.0", "top_p is 0.0: give a probability above 0"),
        ("top_p=1.5", "top_p is 1.5: give a probability above 0 and up to 1"),
        ("max_length=0", "max_length is 0"),
        ("min_length=-1", "min_length is -1"),
        ("extra_length=-1", "extra_length is -1"),
        ("min_length=200", "min_length is 200 and max_length is 24: no translation has both"),
        ("unknown=guess", "unknown is 'guess': choose copy or dictionary"),
    ],
)
def test_a_decoding_that_cannot_be(overrides, sentence, says, trained):
    options = [f"--config.decode.{override}" for override in overrides.split()]
    said = says("predict", f"--workdir={trained}", "3 hours", *options)
    assert f"config.decode.{sentence}" in said


@pytest.mark.parametrize("asked", ["coverage_penalty=0.2 beams=2", "unknown=copy"])
def test_a_model_without_attention_is_asked_for_its_weights(asked, says, data_dir, tmp_path):
    options = [f"--config.decode.{override}" for override in asked.split()]
    folders = (f"--workdir={tmp_path}/w", f"--data_dir={data_dir}")
    sentence = says("train", "--config=translation/seq2seq:smoke", *folders, *options)
    assert "needs attention weights, and this model has none: leave it out" in sentence
    assert not (tmp_path / "w").exists()


def test_unknown_words_are_to_be_replaced_where_there_are_none(says, data_dir, tmp_path):
    folders = (f"--workdir={tmp_path}/w", f"--data_dir={data_dir}")
    options = ("--config.tokenizer.kind=character", "--config.decode.unknown=copy")
    assert "spell every word out" in says("train", SMOKE, *folders, *options)


def test_an_ensemble_with_another_vocabulary(says, trained, tmp_path):
    shutil.copytree(trained, tmp_path / "other")
    path = tmp_path / "other" / "tokenizers" / "source.json"
    content = json.loads(path.read_text())
    content["entries"][0] = "another"
    path.write_text(json.dumps(content))
    sentence = says("predict", f"--workdir={trained},{tmp_path}/other", "3 hours")
    assert "model 2 of the ensemble has another source vocabulary" in sentence


def test_an_ensemble_of_which_one_was_never_trained(says, trained, tmp_path):
    sentence = says("predict", f"--workdir={trained},{tmp_path}/w", "3 hours")
    assert f"{tmp_path}/w holds no run" in sentence


def test_not_one_target_for_each_input(says, trained, tmp_path):
    (tmp_path / "targets.txt").write_text("un\ndeux\n")
    target = f"--target={tmp_path}/targets.txt"
    sentence = says("predict", f"--workdir={trained}", "one", target)
    assert "there are 1 inputs and 2 targets: give one target for each input" in sentence
    assert "absent.txt" in says("predict", f"--workdir={trained}", "one", "--target=absent.txt")


def test_a_lost_tokenizer(says, trained, tmp_path):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    (tmp_path / "tokenizers" / "source.json").write_text("{")
    assert "source.json" in says("predict", f"--workdir={tmp_path}", "3 hours")


def test_an_unknown_split(says, trained, data_dir):
    sentence = says("evaluate", f"--workdir={trained}", f"--data_dir={data_dir}", "--split=tset")
    assert "no split 'tset'" in sentence
    assert "test_long" in sentence


def test_an_unknown_baseline(says, data_dir):
    sentence = says("evaluate", SMOKE, "--baseline=luck", f"--data_dir={data_dir}")
    assert "no baseline 'luck'" in sentence
    assert "diagonal" in sentence


def test_nothing_to_evaluate(says):
    assert "--workdir" in says("evaluate")


def test_nothing_to_predict(says, trained):
    assert "predict needs an input" in says("predict", f"--workdir={trained}")


def test_an_empty_source(says, trained):
    assert "input 2 is empty" in says("predict", f"--workdir={trained}", "3 hours", " ")


def test_a_source_longer_than_allowed(says, trained):
    sentence = says("predict", f"--workdir={trained}", "3 " * 300)
    assert "input 1 has 300 tokens and the limit is 256" in sentence


def test_a_file_of_inputs_that_is_missing(says, trained, tmp_path):
    assert "lines.txt" in says("predict", f"--workdir={trained}", f"--input={tmp_path}/lines.txt")


class TestFiles:
    """Parallel text by path."""

    @pytest.fixture
    def train(self, says, tmp_path):
        (tmp_path / "good.tsv").write_text("one\tun\ntwo\tdeux\n")

        def run(training_text: str) -> str:
            return says(
                *("train", SMOKE, f"--workdir={tmp_path}/w", "--config.data.name=files"),
                f"--config.data.train={training_text}",
                f"--config.data.validation={tmp_path}/good.tsv",
            )

        return run

    def test_a_missing_file(self, train, tmp_path):
        assert "pairs.tsv" in train(f"{tmp_path}/pairs.tsv")

    def test_no_file_named(self, train):
        assert "config.data.train is empty" in train("")

    def test_a_mistake_at_the_start_leaves_the_workdir_free(self, train, tmp_path):
        train(f"{tmp_path}/pairs.tsv")
        assert not (tmp_path / "w").exists()

    def test_a_missing_validation_file_is_found_before_training(self, says, tmp_path):
        (tmp_path / "good.tsv").write_text("one\tun\ntwo\tdeux\n")
        sentence = says(
            *("train", SMOKE, f"--workdir={tmp_path}/w", "--config.data.name=files"),
            f"--config.data.train={tmp_path}/good.tsv",
            f"--config.data.validation={tmp_path}/dev.tsv",
        )
        assert "dev.tsv" in sentence
        assert not (tmp_path / "w" / "metrics.jsonl").exists()

    def test_unequal_line_counts(self, train, tmp_path):
        (tmp_path / "a.txt").write_text("one\ntwo\nthree\n")
        (tmp_path / "b.txt").write_text("un\ndeux\n")
        sentence = train(f"{tmp_path}/a.txt,{tmp_path}/b.txt")
        assert "3 lines" in sentence
        assert "2" in sentence

    def test_a_file_that_is_not_utf8(self, train, tmp_path):
        (tmp_path / "latin.tsv").write_bytes("one\tun\ntwelve\tdouz\xe9\n".encode("latin-1"))
        sentence = train(f"{tmp_path}/latin.tsv")
        assert "latin.tsv" in sentence
        assert "line 2" in sentence

    def test_an_archive_cut_short(self, train, tmp_path):
        (tmp_path / "cut.tsv.gz").write_bytes(gzip.compress(b"one\tun\n" * 99)[:-9])
        assert "cut.tsv.gz cannot be read" in train(f"{tmp_path}/cut.tsv.gz")

    def test_an_archive_without_its_ending(self, train, tmp_path):
        (tmp_path / "pairs.tsv").write_bytes(gzip.compress(b"one\tun\n"))
        assert "pairs.tsv is gzipped" in train(f"{tmp_path}/pairs.tsv")

    @pytest.mark.parametrize("content", [b"one\tun\n\x00\x01", "one\tun\n".encode("utf-16")])
    def test_a_file_that_is_no_text(self, content, train, tmp_path):
        (tmp_path / "binary.tsv").write_bytes(content)
        assert "binary.tsv is not UTF-8 text" in train(f"{tmp_path}/binary.tsv")

    @pytest.mark.parametrize("content", ["", "\n \n\t\n"])
    def test_an_empty_file(self, content, train, tmp_path):
        (tmp_path / "empty.tsv").write_text(content)
        assert "no usable sentence pair in" in train(f"{tmp_path}/empty.tsv")

    def test_a_folder_in_place_of_a_file(self, train, tmp_path):
        assert f"{tmp_path} cannot be read: Is a directory" in train(f"{tmp_path}")

    def test_a_line_of_ten_thousand_words_and_no_other(self, train, tmp_path):
        (tmp_path / "long.tsv").write_text("one " * 10_000 + "\tun\n")
        assert "1 over-long (line 1)" in train(f"{tmp_path}/long.tsv")

    def test_a_file_without_tabs(self, train, tmp_path):
        (tmp_path / "spaces.tsv").write_text("one un\n")
        assert "no line" in train(f"{tmp_path}/spaces.tsv")


class TestManual:
    """Data sets that the user brings; `tests/data/test_manual.py` has the rest."""

    @pytest.fixture
    def train(self, says, tmp_path):
        folders = (f"--workdir={tmp_path}/w", f"--data_dir={tmp_path}/data")
        return lambda *arguments: says("train", SMOKE, *folders, *arguments)

    @pytest.mark.parametrize(
        ("name", "wanted"),
        [
            ("multi30k", "train.en, train.fr, val.en"),
            ("tatoeba,target=es", "train.en-es.tsv"),
            ("enja50k,target=ja", "train.en, train.ja, dev.en, dev.ja (.gz or plain"),
        ],
    )
    def test_no_manual_dir_says_what_to_put_where(self, name, wanted, train, tmp_path):
        name, _, target = name.partition(",target=")
        overrides = [f"--config.data.target={target}"] if target else []
        sentence = train(f"--config.data.name={name}", *overrides)
        assert wanted in sentence
        assert "--manual_dir=DIR" in sentence
        assert not (tmp_path / "w").exists()

    def test_a_manual_dir_without_the_files(self, train, tmp_path):
        sentence = train("--config.data.name=multi30k", f"--manual_dir={tmp_path}/absent")
        assert f"{tmp_path}/absent has no train.en" in sentence

    def test_a_language_that_is_not_there(self, train):
        assert "no language 'fr'" in train("--config.data.name=tatoeba")

    def test_a_language_into_itself(self, train):
        assert "both 'en'" in train("--config.data.name=multi30k", "--config.data.target=en")

    def test_an_unknown_set(self, train):
        assert "choose cldr_phrases, files, multi30k" in train("--config.data.name=wmt")
        assert "TFDS cannot make 'nosuch'" in train("--config.data.name=tfds:nosuch")


def test_an_unwritable_workdir(says, tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot be written" in says("train", SMOKE, f"--workdir={tmp_path}/file/w")


def test_a_data_folder_that_cannot_be_written(says, tmp_path):
    (tmp_path / "file").write_text("")
    sentence = says("train", SMOKE, f"--workdir={tmp_path}/w", f"--data_dir={tmp_path}/file")
    assert "cldr_phrases" in sentence


def test_a_full_disk_at_checkpoint_time_loses_nothing(
    says, trained, data_dir, tmp_path, monkeypatch
):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    arguments = ["train", SMOKE, f"--workdir={tmp_path}", f"--data_dir={data_dir}"]
    arguments += ["--config.steps=6", "--config.checkpoint_every=1"]
    with monkeypatch.context() as patched:
        usage = shutil.disk_usage(tmp_path)._replace(free=1000)
        patched.setattr(shutil, "disk_usage", lambda path: usage)
        sentence = says(*arguments)
    assert "could not be written" in sentence
    assert "the disk has 0.0 MB left" in sentence
    assert "step 4 is intact" in sentence
    assert main(arguments) == 0


def test_a_checkpoint_whose_write_fails_half_way_loses_nothing(trained, data_dir, tmp_path):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    arguments = ["train", SMOKE, f"--workdir={tmp_path}", f"--data_dir={data_dir}"]
    arguments += ["--config.steps=6", "--config.checkpoint_every=1"]
    # No file beyond 100 blocks of 512 bytes can be written: a checkpoint's are, the logs are not.
    limited = ["sh", "-c", 'ulimit -f 100; exec "$0" "$@"', sys.executable, "-m"]
    # Nor would Python's own files of a module imported for the first time be whole.
    kept = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [*limited, "attention_jax.cli", *arguments], env=kept, capture_output=True, text=True
    )
    assert done.returncode == 2
    # Tensorstore's threads may have their say before; the last word is ours.
    last = done.stderr.splitlines()[-1]
    assert "could not be written" in last
    assert "File too large" in last
    assert "step 4 is intact" in last
    assert main(arguments) == 0
