"""What the scripts of `benchmarks/` share: times taken in turn, options, the record."""

import argparse
import dataclasses
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import ml_collections

from attention_jax import experiment, results


def fastest(repeats: int, **ways: Callable[[], Any]) -> dict[str, float]:
    """Seconds of the fastest of some runs of each way, taken in turn: what other work adds is left
    out. A first run, which may compile, is not counted.
    """
    best = dict.fromkeys(ways, float("inf"))
    for turn in range(repeats + 1):
        for name, way in ways.items():
            began = time.perf_counter()
            jax.block_until_ready(way())
            if turn:
                best[name] = min(best[name], time.perf_counter() - began)
    return best


def main(
    doc: str | None,
    name: str,
    script: str,
    sizes: Callable[[bool], ml_collections.ConfigDict],
    measure: Callable[[ml_collections.ConfigDict], Mapping[str, results.Metric]],
    timed: Callable[[str], bool],
) -> None:
    """A script with `--small`, a trial, and `--record`, which keeps what it measured.

    Args:
      doc: of the script.
      name: of the record.
      script: its file's name.
      sizes: whether it is a trial -> what is measured, with its `seed`.
      measure: that -> the metrics.
      timed: which of them hold on this machine only.
    """
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    if options.small and options.record:
        parser.error("a trial is not recorded: leave out --small or --record")
    config = sizes(options.small)
    began = time.monotonic()
    metrics = measure(config)
    record = results.make_record(
        Path(),
        name,
        [f"python benchmarks/{script} --record"],
        metrics,
        config_hash=experiment.config_hash(config),
        seeds=[config.seed],
        data={},
        seconds=time.monotonic() - began,
        times=[metric for metric in metrics if timed(metric)],
    )
    tell(record, keep=options.record)


def tell(record: results.Record, *, keep: bool) -> None:
    """Prints a record as a line of JSON, and keeps it in docs/results/ of this folder."""
    print(json.dumps(dataclasses.asdict(record)), flush=True)
    if keep:
        results.write_record(Path(), record)
