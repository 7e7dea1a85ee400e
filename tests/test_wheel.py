"""The wheel, unpacked elsewhere, trains from a name."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.long
def test_the_wheel_carries_the_experiments(tmp_path):
    uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    build = [uv, "build", "--quiet", "--wheel", "--out-dir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    command = [sys.executable, "-m", "attention_jax.cli", "train", f"--workdir={tmp_path}/w"]
    command += ["--config=translation/rnnsearch:smoke", f"--data_dir={tmp_path}/data"]
    environment = os.environ | {"PYTHONPATH": str(site)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    report = [sys.executable, "-m", "attention_jax.cli", "report", f"{tmp_path}/w"]
    subprocess.run(report, cwd=tmp_path, env=environment, check=True)
    assert "Finished" in (tmp_path / "w" / "report.html").read_text("utf-8")
    code = "import attention_jax; print(attention_jax.__file__)"
    where = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert where.stdout.startswith(str(site))
