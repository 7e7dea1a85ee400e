"""Two real processes on loopback give the losses of one."""

import json
import os
import socket
import subprocess
import sys

import numpy as np

STEPS = 20


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def _run(count: int, devices: int, workdir, steps: int = STEPS) -> list[float]:
    workdir.mkdir(exist_ok=True)
    environment = os.environ | {
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices} "
        "--xla_cpu_multi_thread_eigen=false",
        "PYTHONPATH": os.getcwd(),
    }
    address = _free_address()
    processes = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.training.two_processes"),
                *(address, str(count), str(number), str(workdir), str(steps)),
            ],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(count)
    ]
    outputs = [process.communicate(timeout=240) for process in processes]
    for process, (_, errors) in zip(processes, outputs, strict=True):
        assert process.returncode == 0, errors[-3000:]
    return json.loads(outputs[0][0].splitlines()[-1])


def test_two_processes_of_four_devices_equal_one_of_eight(tmp_path):
    one = _run(1, 8, tmp_path / "one")
    two = _run(2, 4, tmp_path / "two")
    assert len(one) == STEPS
    np.testing.assert_allclose(two, one, atol=1e-5)


def test_a_checkpoint_of_two_processes_goes_on_in_one(tmp_path):
    whole = _run(1, 8, tmp_path / "whole", 12)
    _run(2, 4, tmp_path / "parts", 5)
    np.testing.assert_allclose(_run(1, 8, tmp_path / "parts", 12), whole, atol=1e-5)
