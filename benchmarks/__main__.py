"""Times our training updates and searches beside PyTorch's, row by row, in turn.

    python -m benchmarks                    a table; speed/speed.json and speed/speed_ratios.png
    python -m benchmarks --quick            few steps, and the peer not compiled
    python -m benchmarks --only ROW ...     of these alone
    python -m benchmarks --best-blas        the peer's BLAS by its best path, on AMD too
    python -m benchmarks --record           keeps the record in docs/results/ too

Before a row is timed both sides compute loss and slopes from the same weights (`equal_work`): where
they differ nothing is timed, and the command ends with status 1. The ratio is the peer's time over
ours. The peer is eager or compiled, whichever is faster, and the table says which. Both sides
inherit the environment: `GLIBC_TUNABLES=glibc.malloc.hugetlb=1` gives large pages to both.
"""

import argparse
import dataclasses
import importlib.util
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

from attention_jax.errors import UserError
from benchmarks import machine
from benchmarks.rows import ROWS


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures the rows asked for; the exit status."""
    options = _options(arguments)
    try:
        with tempfile.TemporaryDirectory() as folder:
            if options.best_blas:
                preloaded = os.environ.get("LD_PRELOAD", "").split(":")
                library = str(machine.as_intel(Path(folder)))
                os.environ["LD_PRELOAD"] = ":".join(filter(None, [*preloaded, library]))
            return _measure(options)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0]
    )
    rows = ", ".join(ROWS)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=list(ROWS), metavar="ROW", help=rows)
    parser.add_argument("--best-blas", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path("speed"))
    options = parser.parse_args(arguments)
    if options.record and (options.quick or options.only):
        parser.error("a record has all rows, measured in full: leave out --record, or the others")
    return options


def _measure(options: argparse.Namespace) -> int:
    if importlib.util.find_spec("torch") is None:
        raise UserError(
            "there is no PyTorch to measure against: make an environment with it beside this one, "
            "as the top of benchmarks/__init__.py says"
        )
    from benchmarks import showing
    from benchmarks.equal_work import UnequalWork

    began = time.monotonic()
    about = f"{machine.allocator()}; PyTorch's BLAS: {machine.torch_blas()}"
    print(about, flush=True)
    found, unequal = {}, False
    with _ways(options.quick) as (rates, measure):
        gflops = (rate / 1e9 for rate in rates)
        print("large products: ours {:.0f}, the peer {:.0f} GFLOP/s".format(*gflops), flush=True)
        for row in options.only or ROWS:
            try:
                found[row] = measure(row)
            except UnequalWork as error:
                unequal = True
                print(f"{row}: the two sides compute different things: {error}", flush=True)
                continue
            print(showing.table({row: found[row]}, max(rates)).splitlines()[-1], flush=True)
    if found:
        print("\n" + showing.table(found, max(rates)))
        kept = _keep(found, rates, about, time.monotonic() - began, options)
        print(f"see {kept}")
    return 1 if unequal else 0


@contextmanager
def _ways(quick: bool) -> Iterator[tuple[tuple[float, float], Callable[[str], Any]]]:
    """The rates of both sides' large products, and how a row is measured."""
    from attention_jax.experiment import default_data_dir
    from benchmarks import measuring
    from benchmarks.workers import Worker

    if not quick:
        with Worker("ours") as ours, Worker("peer") as peer:
            rates = ours.ask("gemm_rate"), peer.ask("gemm_rate")
        yield rates, measuring.measure
        return
    kept = measuring.keeping(str(default_data_dir().parent / "benchmarks"))
    with Worker("ours", kept) as ours, Worker("peer") as peer:
        rates = ours.ask("gemm_rate"), peer.ask("gemm_rate")
        yield rates, lambda row: measuring.look(row, ours, peer)


def _keep(found, rates, about: str, seconds: float, options: argparse.Namespace) -> Path:
    """Prints the record; writes it and the picture."""
    import ml_collections

    from attention_jax import experiment, results
    from attention_jax.benchmark import tell
    from attention_jax.viz.save import save_figures
    from benchmarks import showing

    metrics = showing.metrics(found, rates)
    sizes = {name: row.prepared.sizes for name, row in found.items()}
    name, command = "speed", "python -m benchmarks --record"
    if options.best_blas:
        name, command = "speed_best_blas", f"{command} --best-blas"
    record = results.make_record(
        Path(),
        name,
        [command],
        metrics,
        config_hash=experiment.config_hash(ml_collections.ConfigDict(sizes)),
        seeds=[0],
        data={},
        seconds=seconds,
        notes=about,
        # All but the operations of a step, which no machine changes.
        times=[name for name in metrics if not name.endswith("_gflop")],
    )
    record = dataclasses.replace(
        record, versions=record.versions | {"torch": metadata.version("torch")}
    )
    tell(record, keep=options.record)
    options.folder.mkdir(parents=True, exist_ok=True)
    ways = {name: row.way for name, row in found.items()}
    told = dataclasses.asdict(record) | {"sizes": sizes, "peers": ways}
    text = json.dumps(told, indent=2, ensure_ascii=False)
    kept = options.folder / f"{name}.json"
    kept.write_text(text + "\n", encoding="utf-8")
    save_figures({"ratios": showing.picture(found)}, options.folder, name)
    return kept


if __name__ == "__main__":
    sys.exit(main())
