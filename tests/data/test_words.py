"""Words and text: nothing may be lost on the way there and back."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from attention_jax.data.words import join, normalise, split

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cc", "Cs"])),
    st.text(st.sampled_from("aé́1２-‑'’￭ \u00a0\u202f.,(:)$%\u200d½")),
)


@given(TEXTS)
@example("￭")
@example("a￭b ￭￭ (￭) ￭-￭")
@example("\u0301a ,\u0301b")
def test_no_text_is_lost_by_splitting_and_joining(text):
    assert join(split(text)) == normalise(text)


@given(TEXTS)
def test_words_hold_no_spaces_and_split_the_same_again(text):
    words = split(text)
    assert all(word and not any(c.isspace() for c in word) for word in words)
    assert split(join(words)) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Sunday, November 22, 2026", "Sunday ￭, November 22 ￭, 2026"),
        ("dans l’heure", "dans l ￭’￭ heure"),
        ("14:30", "14 ￭:￭ 30"),
        ("twenty-three États-Unis", "twenty-three États-Unis"),
        ("3rd", "3 ￭rd"),
        ("12,50\u00a0$US (env.)", "12 ￭,￭ 50 $￭ US (￭ env ￭. ￭)"),
        ("a ￭ b￭", "a ￭ b ￭￭"),
        ("2-3 – rock-’n’-roll-", "2 ￭-￭ 3 – rock ￭- ￭’￭ n ￭’ ￭-￭ roll ￭-"),
    ],
)
def test_words_are_literally_these(text, words):
    assert split(text) == words.split(" ")


def test_unicode_spaces_never_survive_normalising():
    assert normalise(" 1\u202f000\u00a0\u2009e\u0301 ") == "1 000 é"


def test_joining_what_a_model_says_never_fails():
    assert join(["￭,", "<unk>", "￭:￭", "(￭"]) == ", <unk>:("
    assert join([]) == ""
    assert split("") == []
