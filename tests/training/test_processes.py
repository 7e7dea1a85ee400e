"""Two real processes on loopback give the losses of one, and others go on where they stopped."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from tests.training.toys import ToyReinforce, ToySplit
from tests.training.two_processes import RUNS, losses

from attention_jax.training.writers import read_rows


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def _start_two(folder, steps: int, *names: str) -> list[subprocess.Popen]:
    """Two processes with four devices each, that train those toys."""
    environment = os.environ | {
        "XLA_FLAGS": os.environ["XLA_FLAGS"].replace("device_count=8", "device_count=4"),
        "PYTHONPATH": os.getcwd(),
    }
    address = _free_address()
    for name in names:
        (folder / name).mkdir(exist_ok=True)
    return [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.training.two_processes"),
                *(address, str(number), str(folder), str(steps), *names),
            ],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]


def _losses_of_two(folder, steps: int, *names: str) -> dict[str, list[float]]:
    processes = _start_two(folder, steps, *names)
    outputs = [process.communicate(timeout=240) for process in processes]
    for process, (_, errors) in zip(processes, outputs, strict=True):
        assert process.returncode == 0, errors[-3000:]
    return json.loads(outputs[0][0].splitlines()[-1])


STEPS, MORE = 20, 25


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """The folder in which two processes of four devices trained both toys, and their losses."""
    folder = tmp_path_factory.mktemp("two")
    return folder, _losses_of_two(folder, STEPS, *RUNS)


def test_two_processes_equal_one_of_eight_devices_which_goes_on_from_their_checkpoint(
    two, tmp_path
):
    folder, found = two
    one = losses(ToyReinforce, tmp_path, MORE)
    assert len(found["whole"]) == STEPS
    np.testing.assert_allclose(found["whole"], one[:STEPS], atol=1e-5)
    np.testing.assert_allclose(losses(ToyReinforce, folder / "whole", MORE), one, atol=1e-5)


def test_a_checkpoint_that_two_processes_wrote_split_goes_on_on_other_meshes(two, tmp_path):
    folder, found = two
    (tmp_path / "one").mkdir()
    one = losses(ToySplit, tmp_path / "one", MORE, devices=1)
    np.testing.assert_allclose(found["split"], one[:STEPS], atol=1e-5)
    for number, mesh in enumerate(({"devices": 1}, {"model": 2, "fsdp": True})):
        shutil.copytree(folder / "split", tmp_path / str(number))
        again = losses(ToySplit, tmp_path / str(number), MORE, **mesh)
        np.testing.assert_allclose(again, one, atol=1e-5)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_two_processes_of_which_one_was_killed_go_on_as_if_nothing_had_been(tmp_path):
    expected = _losses_of_two(tmp_path, 60, "whole")
    (tmp_path / "again").mkdir()
    first, second = _start_two(tmp_path / "again", 60, "whole")
    rows = tmp_path / "again" / "whole" / "metrics.jsonl"
    while second.poll() is None and len(read_rows(rows)) < 12:
        time.sleep(0.01)
    second.kill()
    second.communicate()
    # Alone it cannot go on, and must not wait for ever.
    first.communicate(timeout=240)
    assert first.returncode
    assert len(read_rows(rows)) < 60
    assert _losses_of_two(tmp_path / "again", 60, "whole") == expected
