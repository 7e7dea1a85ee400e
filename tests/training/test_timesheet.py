"""A second of the main thread is booked once, and to what it was spent on."""

import threading
import time

import pytest

from attention_jax.training import timesheet
from attention_jax.training.timesheet import Timesheet


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only when told to."""

    class Clock:
        now = 0.0

    monkeypatch.setattr(time, "monotonic", lambda: Clock.now)
    return Clock


def test_no_second_is_booked_twice_where_duties_nest(clock):
    sheet = Timesheet({"evaluation": 10.0})
    clock.now = 5
    with sheet.on("training"):
        clock.now = 6
        with sheet.on("evaluation"):
            clock.now = 8
            with sheet.on("logging"):
                clock.now = 8.5
            clock.now = 9
        clock.now = 11
    clock.now = 100
    assert sheet.seconds == {
        **{"training": 3.0, "evaluation": 12.5, "logging": 0.5},
        **{"input": 0.0, "checkpoints": 0.0, "reading": 0.0},
    }
    assert timesheet.overhead(sheet.seconds) == 0.5 / 16


def test_an_error_ends_its_duty(clock):
    sheet = Timesheet({})

    def fail():
        with sheet.on("checkpoints"):
            clock.now = 2
            raise OSError("full")

    with sheet.on("training"):
        with pytest.raises(OSError, match="full"):
            fail()
        clock.now = 3
    assert (sheet.seconds["checkpoints"], sheet.seconds["training"]) == (2, 1)


def test_reading_in_other_threads_is_counted_and_is_not_the_main_threads_time():
    class Slow:
        def __getitem__(self, position):
            until = time.thread_time() + 0.02
            while time.thread_time() < until:
                pass
            return position

    sheet = Timesheet({})
    batches = sheet.reading(Slow())
    threads = [threading.Thread(target=batches.__getitem__, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sheet.seconds["reading"] >= 0.06
    assert sum(sheet.seconds[duty] for duty in timesheet.DUTIES) == 0


def test_what_the_main_thread_reads_is_reading_and_not_input(clock):
    class Slow:
        def __getitem__(self, position):
            clock.now += 3
            return position

    sheet = Timesheet({})
    with sheet.on("training"):
        clock.now = 1
        with sheet.on("input"):
            clock.now = 2
            assert sheet.reading(Slow())[7] == 7
            clock.now += 1
    assert (sheet.seconds["reading"], sheet.seconds["input"]) == (3, 2)
    assert sheet.seconds["training"] == 1
