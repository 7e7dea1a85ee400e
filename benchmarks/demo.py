"""Times `make demo` in a fresh clone with empty caches, set-up included, and measures what it made.

python benchmarks/demo.py            prints the numbers, each measurement a record in JSON
python benchmarks/demo.py --record   keeps them in docs/results/: demo, rnnsearch, rnnsearch_longer
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from attention_jax import experiment, results
from attention_jax.benchmark import tell

EXPERIMENT = "translation/rnnsearch"


def main() -> None:
    """Clones the commit that stands here, and runs its demo."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clone, caches = Path(folder, "clone"), Path(folder, "caches")
        subprocess.run(["git", "clone", "--quiet", ".", str(clone)], check=True)
        environment = os.environ | {"XDG_CACHE_HOME": str(caches)}
        began = time.monotonic()
        subprocess.run(["make", "demo"], cwd=clone, env=environment, check=True)
        seconds = time.monotonic() - began
        record = _record(seconds)
        tell(record, keep=options.record)
        for name, split in (("rnnsearch", "test"), ("rnnsearch_longer", "test_long")):
            command = [sys.executable, "-m", "attention_jax.cli", "evaluate", "--json"]
            command += [f"--workdir={clone / 'demo' / 'rnnsearch'}", f"--split={split}"]
            command += [f"--record={name}"] if options.record else []
            subprocess.run(command, env=environment, check=True)
        pictures = clone / "demo" / "rnnsearch" / "pictures"
        if options.record:
            picture = Path("docs", "results", "alignment.png")
            picture.write_bytes((pictures / "test_alignment_1.png").read_bytes())


def _record(seconds: float) -> results.Record:
    config = experiment.find(EXPERIMENT).config()
    return results.make_record(
        Path(),
        "demo",
        ["python benchmarks/demo.py --record"],
        {"seconds": round(seconds, 1)},
        config_hash=experiment.config_hash(config),
        seeds=[config.seed],
        data={"cldr_phrases": experiment.load(EXPERIMENT).data.hash()},
        seconds=seconds,
        notes="make demo in a fresh clone, package and data caches empty",
        times=["seconds"],
    )


if __name__ == "__main__":
    main()
