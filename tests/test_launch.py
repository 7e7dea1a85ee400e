"""What launch/ would run is what the command line takes."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from attention_jax import cli

LAUNCH = Path(__file__).parents[1] / "launch"
TASKS = sorted(LAUNCH.glob("*.yaml"))


def _commands(script):
    """The `train` commands of a shell script, their variables left as they stand."""
    joined = script.replace("\\\n", " ")
    found = re.findall(r"^[^#\n]*attention-jax (train .*)$", joined, re.MULTILINE)
    return [shlex.split(re.sub(r"\$\{meeting:-\}|\"\$@\"", "", command)) for command in found]


def _scripts():
    yield (LAUNCH / "slurm.sbatch").read_text()
    for task in TASKS:
        yield yaml.safe_load(task.read_text())["run"]


def test_every_command_is_one_that_is_understood():
    for script in _scripts():
        commands = _commands(script)
        assert commands, script
        for command in commands:
            options, rest = cli._parser().parse_known_args(command)
            assert not rest, rest
            assert options.run is cli._train


@pytest.mark.parametrize("task", TASKS, ids=lambda path: path.name)
def test_a_task_has_what_skypilot_asks_for(task):
    known = {"name", "resources", "num_nodes", "workdir", "file_mounts", "envs", "setup", "run"}
    read = yaml.safe_load(task.read_text())
    assert {"name", "resources", "workdir", "setup", "run"} <= read.keys() <= known
    used = set(re.findall(r"\$(\w+)", read["run"])) - {"meeting"}
    assert all(name in read["envs"] or name.startswith("SKYPILOT_") for name in used)


def test_the_shell_reads_every_script():
    for script in _scripts():
        assert not subprocess.run([shutil.which("bash"), "-n"], input=script, text=True).returncode


def test_the_image_copies_only_what_the_checkout_has():
    for line in (LAUNCH / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY"):
            assert all((LAUNCH.parent / name).exists() for name in line.split()[1:-1]), line
