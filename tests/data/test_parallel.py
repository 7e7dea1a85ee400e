"""Parallel text by path: what is read, what is reported, what is refused."""

import gzip

import pytest

from attention_jax.data.parallel import read_lines, read_parallel
from attention_jax.errors import UserError


def write(path, text):
    data = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_table_gives_its_first_two_columns(tmp_path, suffix):
    path = write(tmp_path / f"pairs.tsv{suffix}", "a b\tc\tignored\n d \t é\r\n")
    text = read_parallel(path)
    assert text.sources == ["a b", "d"]
    assert text.targets == ["c", "é"]
    assert (text.report.lines, text.report.kept) == (2, 2)
    assert str(text.report) == f"{path}: 2 of 2 lines kept"


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_two_files_go_line_by_line(tmp_path, suffix):
    source = write(tmp_path / f"x.en{suffix}", "a\nb")
    target = write(tmp_path / f"x.fr{suffix}", "c\nd\n")
    assert read_parallel(source, target)[:2] == (["a", "b"], ["c", "d"])


def test_other_line_ends_of_unicode_never_cut_a_line(tmp_path):
    path = write(tmp_path / "x", "a\u2028b\x85c\x0bd\ne\n")
    assert read_lines(path) == ["a\u2028b\x85c\x0bd", "e"]


def test_a_byte_order_mark_is_no_part_of_the_first_word(tmp_path):
    assert read_lines(write(tmp_path / "x", "\ufeffa\nb\n")) == ["a", "b"]


def test_unusable_lines_are_counted_and_named(tmp_path):
    lines = ["a\tb", "", "no tab", "\tb", "a b c d\tb", "a\t", "c\td", " \t ", "a\t"]
    text = read_parallel(write(tmp_path / "x.tsv", "\n".join(lines) + "\n"), max_words=3)
    assert (text.sources, text.targets) == (["a", "c"], ["b", "d"])
    assert text.report.empty == [2, 4, 6, 8, 9]
    assert text.report.malformed == [3]
    assert text.report.over_long == [5]
    assert str(text.report).endswith(
        "x.tsv: 2 of 9 lines kept; 5 empty (lines 2, 4, 6, ...); "
        "1 without a tab (line 3); 1 over-long (line 5)"
    )


def test_an_empty_side_of_two_files_drops_the_pair_not_the_alignment(tmp_path):
    source, target = write(tmp_path / "s", "a\n\nc\n"), write(tmp_path / "t", "x\ny\nz\n")
    text = read_parallel(source, target)
    assert (text.sources, text.targets) == (["a", "c"], ["x", "z"])
    assert text.report.empty == [2]


def refused(*paths):
    with pytest.raises(UserError) as error:
        read_parallel(*paths)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_missing_file_is_named(tmp_path):
    path = tmp_path / "absent.tsv"
    assert f"{path} does not exist" in refused(path)
    there = write(tmp_path / "there", "a\n")
    assert f"{path} does not exist" in refused(there, path)


def test_unequal_line_counts_are_both_told(tmp_path):
    source, target = write(tmp_path / "s", "a\nb\n"), write(tmp_path / "t", "a\nb\nc\n")
    assert f"{source} has 2 lines but {target} has 3" in refused(source, target)


def test_a_file_that_is_not_utf8_is_named_with_its_line(tmp_path):
    path = write(tmp_path / "latin.tsv", b"a\tb\nc\t\xe9t\xe9\n")
    assert f"line 2 of {path} is not UTF-8" in refused(path)


def test_a_table_without_a_tab_is_refused(tmp_path):
    path = write(tmp_path / "x.tsv", "a b\nc d\n")
    assert f"no line of {path} has a tab" in refused(path)


@pytest.mark.parametrize("text", ["", "\n\n", "a\t\n\tb\n"])
def test_a_table_without_a_usable_pair_is_refused(tmp_path, text):
    assert "no usable sentence pair" in refused(write(tmp_path / "x.tsv", text))


def test_two_empty_files_are_refused(tmp_path):
    assert "no usable sentence pair" in refused(
        write(tmp_path / "s", ""), write(tmp_path / "t", "")
    )


def test_an_archive_cut_short_is_refused(tmp_path):
    path = tmp_path / "x.tsv.gz"
    path.write_bytes(gzip.compress(b"a\tb\n" * 1000)[:-12])
    assert f"{path} cannot be read" in refused(path)
    fake = tmp_path / "fake.gz"
    fake.write_bytes(b"a\tb\n")
    assert f"{fake} cannot be read" in refused(fake)


def test_a_folder_is_not_a_text(tmp_path):
    assert f"{tmp_path} cannot be read" in refused(tmp_path)
