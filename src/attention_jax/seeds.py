"""The same run with several seeds: ordinary runs in W/seed_K, trained one after another.

W/seeds.json lists the seeds that were asked for last; `evaluate --workdir=W` measures those.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from attention_jax import experiment, trained, workdir
from attention_jax.errors import UserError
from attention_jax.workdir import SEEDS, Workdir, writable

_SEED = "--config.seed="


def start(path: Path, spec: str, overrides: Sequence[str], count: int) -> list[Workdir]:
    """The workdirs of config.seed, config.seed + 1, ..., that begin or go on.

    Args:
      path: their folder; need not exist.
      spec: the experiment, "NAME[:arg]" or "PATH.py[:arg]".
      overrides: "--config.NAME=VALUE" arguments, the same for all; config.seed is the first seed.
      count: of seeds.

    Raises:
      UserError: as `workdir.start`, or when the folder holds a single run.
    """
    if count < 1:
        raise UserError(f"--seeds={count} trains nothing: give 1 or more")
    if (path / "config.json").exists():
        raise UserError(f"{path} holds a single run: choose another --workdir for --seeds")
    config = experiment.find(spec).config()
    experiment.parse_flags(config, overrides)
    common = [override for override in overrides if not override.startswith(_SEED)]
    return [
        workdir.start(path / f"seed_{seed}", spec, [*common, f"{_SEED}{seed}"])
        for seed in range(config.seed, config.seed + count)
    ]


def claim(path: Path, runs: Sequence[Workdir]) -> None:
    """Writes seeds.json; as with `Workdir.claimed`, once the first of them could be built.

    Raises:
      UserError: when the folder cannot be written.
    """
    with writable(path):
        path.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"seeds": [run.config.seed for run in runs]}) + "\n"
        (path / SEEDS).write_text(text, encoding="utf-8")


def reopen(path: Path, overrides: Sequence[str] = (), spec: str | None = None) -> list[Workdir]:
    """The workdirs of a folder of several seeds, all of them trained to their end.

    Raises:
      UserError: as `workdir.reopen`, or when one is not there or not finished.
    """
    try:
        listed = json.loads((path / SEEDS).read_text(encoding="utf-8"))["seeds"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path / SEEDS} is damaged ({error}): run `train --seeds` again") from None
    again = "run the same `train --seeds` command to go on"
    runs = []
    for seed in listed:
        folder = path / f"seed_{seed}"
        if not (folder / "config.json").exists():
            raise UserError(f"{folder} has not begun: {again}")
        run = workdir.reopen(folder, overrides, spec)
        done = trained.progress(folder)
        if not done.finished(run.config.steps, run.config.patience):
            raise UserError(f"{folder} stopped at step {done.step} of {run.config.steps}: {again}")
        runs.append(run)
    return runs


def train_overrides(runs: Sequence[Workdir]) -> list[str]:
    """The arguments that train them all in one command."""
    common = [override for override in runs[0].overrides if not override.startswith(_SEED)]
    first = runs[0].config.seed
    given = [f"{_SEED}{first}"] if runs[0].source.config().seed != first else []
    return [*common, *given, f"--seeds={len(runs)}"]
