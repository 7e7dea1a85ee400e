"""Two real processes on loopback give the losses of one, and one goes on where they stopped."""

import json
import os
import socket
import subprocess
import sys

import numpy as np
from tests.training.two_processes import losses


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def _losses_of_two(workdir, steps: int) -> list[float]:
    """Of two processes with four devices each."""
    environment = os.environ | {
        "XLA_FLAGS": os.environ["XLA_FLAGS"].replace("device_count=8", "device_count=4"),
        "PYTHONPATH": os.getcwd(),
    }
    address = _free_address()
    processes = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.training.two_processes"),
                *(address, str(number), str(workdir), str(steps)),
            ],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    outputs = [process.communicate(timeout=240) for process in processes]
    for process, (_, errors) in zip(processes, outputs, strict=True):
        assert process.returncode == 0, errors[-3000:]
    return json.loads(outputs[0][0].splitlines()[-1])


def test_two_processes_equal_one_of_eight_devices_which_goes_on_from_their_checkpoint(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one = losses(tmp_path / "one", steps=25)
    two = _losses_of_two(tmp_path / "two", steps=20)
    assert len(two) == 20
    np.testing.assert_allclose(two, one[:20], atol=1e-5)
    np.testing.assert_allclose(losses(tmp_path / "two", steps=25), one, atol=1e-5)
