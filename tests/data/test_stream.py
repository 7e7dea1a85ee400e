"""Reading ahead: the order, the position and the threads' end."""

import threading
import time

import pytest

from attention_jax.data.stream import Stream


class Squares:
    """Batches by position, slower for even ones, that count what was read."""

    def __init__(self):
        self.read = []

    def __getitem__(self, position):
        if position % 2 == 0:
            time.sleep(0.002)
        self.read.append(position)
        if position == 1000:
            raise OSError("disk gone")
        return position**2


def reading_threads():
    return [thread for thread in threading.enumerate() if "grain" in thread.name]


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_batches_come_in_order_however_many_threads_read(threads):
    with Stream(Squares(), 5, 25, threads=threads) as stream:
        assert list(stream) == [n**2 for n in range(5, 25)]
        assert stream.position == 25


def test_the_position_counts_what_was_handed_out_not_what_was_read():
    batches = Squares()
    with Stream(batches, 3, threads=2, ahead=6) as stream:
        taken = [next(stream), next(stream)]
        deadline = time.monotonic() + 5
        while len(batches.read) < 5 and time.monotonic() < deadline:
            time.sleep(0.005)
        assert taken == [9, 16]
        assert stream.position == 5
        assert len(batches.read) >= 5
    with Stream(Squares(), stream.position) as resumed:
        assert next(resumed) == 25


def test_no_thread_survives_the_end_of_the_stream():
    stream = Stream(Squares(), threads=2)
    next(stream)
    assert reading_threads()
    stream.close()
    stream.close()
    deadline = time.monotonic() + 5
    while reading_threads() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert not reading_threads()


def test_an_error_while_reading_reaches_the_reader():
    with Stream(Squares(), 999) as stream:
        assert next(stream) == 999**2
        with pytest.raises(OSError, match="disk gone"):
            next(stream)


def test_nothing_to_read_ends_at_once():
    with Stream(Squares(), 4, 4) as stream:
        assert list(stream) == []
