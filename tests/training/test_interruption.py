"""Several processes stop at the same step, and tell each other nothing while one is under way."""

import os
import signal

import numpy as np
import pytest

from attention_jax.training import interruption
from attention_jax.training.interruption import Interruption, Stop


@pytest.fixture
def told(monkeypatch):
    """What happens between two processes, of which the other was asked to terminate."""
    happened = []

    def gather(mine):
        happened.append("told")
        return np.array([mine, Stop.TERMINATED])

    monkeypatch.setattr(interruption.jax, "process_count", lambda: 2)
    monkeypatch.setattr(interruption.multihost_utils, "process_allgather", gather)
    return happened


class Underway:
    """A state that a step is still computing."""

    def __init__(self, happened):
        self._happened = happened

    def block_until_ready(self):
        self._happened.append("ready")
        return self


def test_a_step_is_never_under_way_while_processes_agree(told):
    with Interruption(agree_every=5) as asked:
        assert asked.wanted(5, Underway(told)) is Stop.TERMINATED
    assert told == ["ready", "told"]


def test_between_agreements_nobody_waits(told):
    with Interruption(agree_every=5) as asked:
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked.wanted(6, Underway(told)) is Stop.NO
    assert told == []
