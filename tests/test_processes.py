"""Processes of a run meet, or say who is missing."""

import contextlib
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from attention_jax.cli import main
from attention_jax.errors import UserError
from attention_jax.processes import meet


@pytest.fixture
def address():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def test_all_meet_whoever_comes_first_and_the_port_is_free_again(address):
    for order in ((0, 1, 2), (2, 1, 0)):
        with ThreadPoolExecutor() as pool:
            met = [pool.submit(meet, address, 3, number, 20) for number in order]
            assert [each.result() for each in met] == [None] * 3


def test_who_is_missing_is_named(address):
    with ThreadPoolExecutor() as pool:
        zero, one = (pool.submit(meet, address, 4, number, 1.5) for number in (0, 1))
        with pytest.raises(UserError, match=r"no sign of process 2, 3 of 4 within 1.5 s"):
            zero.result()
        with pytest.raises(UserError, match="not all processes came to it within"):
            one.result()
    with pytest.raises(UserError, match=r"no coordinator answered .* within 0.5 s: start all"):
        meet(address, 2, 1, 0.5)


def test_a_stranger_that_knocks_is_not_taken_for_a_process(address):
    host, port = address.split(":")
    with ThreadPoolExecutor() as pool:
        zero = pool.submit(meet, address, 2, 0, 20)
        for _ in range(100):
            with contextlib.suppress(ConnectionRefusedError):
                with socket.create_connection((host, int(port))) as stranger:
                    stranger.sendall(b"GET / HTTP/1.1\r\n")
                break
        pool.submit(meet, address, 2, 1, 20).result()
        assert zero.result() is None


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--coordinator=here"], "belong together"),
        (["--coordinator=here", "--num_processes=2", "--process_id=1"], "=here is no HOST:PORT"),
        (
            ["--coordinator=h:1", "--num_processes=2", "--process_id=2"],
            "--process_id=2 is not from 0 to 1",
        ),
        (["--distributed"], "--distributed finds no Slurm"),
    ],
)
def test_a_meeting_that_cannot_be_is_one_sentence(options, sentence, tmp_path, capsys):
    command = ["train", "--config=translation/seq2seq:smoke", f"--workdir={tmp_path / 'W'}"]
    assert main([*command, *options]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "W").exists()
