"""Who may write in a workdir."""

import errno

import pytest

from attention_jax import locks, workdir
from attention_jax.errors import UserError

SMOKE = "translation/rnnsearch:smoke"


def test_a_second_process_is_refused_until_the_first_ends(tmp_path):
    run = workdir.start(tmp_path, SMOKE, ())
    # To a lock a second handle is a second process, even in the same one.
    with run.claimed(), pytest.raises(UserError, match="by another process"), run.claimed():
        pass
    with run.claimed():
        assert workdir.read_config(tmp_path)["experiment"] == "translation/rnnsearch"


def test_a_refused_process_leaves_the_config_of_the_first(tmp_path):
    with workdir.start(tmp_path, SMOKE, ()).claimed():
        before = (tmp_path / "config.json").read_bytes()
        longer = workdir.start(tmp_path, SMOKE, ("--config.steps=9",))
        with pytest.raises(UserError, match="choose another --workdir"), longer.claimed():
            pass
        assert (tmp_path / "config.json").read_bytes() == before


def test_a_file_system_without_locks_refuses_nobody(tmp_path, monkeypatch):
    def flock(file, how):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(locks.fcntl, "flock", flock)
    with workdir.start(tmp_path, SMOKE, ()).claimed():
        assert (tmp_path / "config.json").exists()
