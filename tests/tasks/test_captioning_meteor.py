"""METEOR is there only where its jar and Java are, and says which it is."""

import os
import shutil

import pytest

from attention_jax.errors import UserError
from attention_jax.tasks import captioning_meteor
from attention_jax.tasks.captioning_meteor import VARIABLE, Meteor, find

# Stands in for Java: prints what it was called with, and the files' lines.
PROGRAM = """#!/bin/sh
echo "$@" > {folder}/called
cat "$4" > {folder}/said
cat "$5" > {folder}/right
{ending}
"""


@pytest.fixture
def meteor(tmp_path):
    def made(ending):
        java, jar = tmp_path / "java", tmp_path / "meteor-1.5.jar"
        java.write_text(PROGRAM.format(folder=tmp_path, ending=ending))
        java.chmod(0o755)
        jar.write_bytes(b"a jar")
        return Meteor(java, jar)

    return made


def test_without_the_jar_or_java_there_is_none(tmp_path, monkeypatch):
    jar = tmp_path / "meteor-1.5.jar"
    monkeypatch.delenv(VARIABLE, raising=False)
    assert find() is None
    monkeypatch.setenv(VARIABLE, str(jar))
    monkeypatch.setattr(captioning_meteor.shutil, "which", lambda name: None)
    assert find() is None
    monkeypatch.setattr(captioning_meteor.shutil, "which", lambda name: "/usr/bin/java")
    with pytest.raises(UserError, match=f"{VARIABLE} names .*, which is no file"):
        find()
    jar.write_bytes(b"a jar")
    assert str(find().jar) == str(jar)


def test_the_program_is_given_as_many_references_of_each_image(meteor, tmp_path):
    found = meteor("echo 'Final score:            0.25'")
    assert found.score(["a b", "c"], [["x", "y"], ["z"]]) == 25
    assert (tmp_path / "said").read_text() == "a b\nc\n"
    assert (tmp_path / "right").read_text() == "x\ny\nz\nz\n"
    assert (tmp_path / "called").read_text().endswith("-l en -norm -r 2\n")
    assert found.name().startswith("meteor-1.5.jar (sha256 ")


def test_a_program_that_fails_is_one_sentence(meteor):
    for ending in ("echo broken >&2; exit 1", "echo nothing"):
        with pytest.raises(UserError, match=f"gave no METEOR .*unset {VARIABLE}") as error:
            meteor(ending).score(["a"], [["b"]])
        assert "\n" not in str(error.value)


@pytest.mark.long
def test_the_score_is_that_of_cocos_code():
    if VARIABLE not in os.environ or shutil.which("java") is None:
        pytest.skip(f"{VARIABLE} names no jar, or there is no Java")
    from tests.tasks.test_captioning_metrics import RIGHT, SAID

    # By pycocoevalcap 1.2.
    assert find().score(SAID, RIGHT) == pytest.approx(55.23406875422419, rel=1e-6)
