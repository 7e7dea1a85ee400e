"""What devices tell each other in a step, read off the compiled update of the paper's base model.

    python benchmarks/communication.py            prints the table and a record in JSON
    python benchmarks/communication.py --record   keeps the record in docs/results/ too

Nothing is trained: `translation/transformer:base` is compiled for 1, 8 and 64 simulated devices,
each with 48 pairs of 64 tokens a side (about the paper's 25,000 tokens on 8 devices), three times:

data     every device has a whole model
fsdp     config.mesh.fsdp: parameters and all that belongs to them split over all devices
model    config.mesh.model=8: eight devices share a model

A collective over n devices costs each of them, sent around a ring, 2 (n - 1) / n of its bytes
(all-reduce) or (n - 1) / n (all-gather, reduce-scatter, all-to-all). Beside that stands what is
due. With P the bytes of the parameters and A those of a copy's activations [batch, time, features]:

data     2 (n - 1) / n P, for the sum of the gradients
fsdp     3 (n - 1) / n P, for the parameters twice, and for a part of that sum
model    2 (m - 1) / m (11 L + 3) A + 2 (d - 1) / d P / m, for L layers a side and n = d m: sums
         after each attention, each feed-forward network and both embeddings, the same again for
         gradients (of the memory's keys and values too) and the output layer's; and the sum of the
         gradients over d copies
"""

import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
import numpy as np

from attention_jax import experiment, results
from attention_jax.benchmark import tell
from attention_jax.tasks.protocol import State
from attention_jax.training.devices import Devices

PAIRS, TIME = 48, 64
VOCABULARY = 36_864
"""Near the paper's 37,000, and 8 divides it."""
COUNTS = (1, 8, 64)
GROUP = 8

_COLLECTIVE = re.compile(
    r"= (?P<type>.+?) (?P<op>all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute)"
    r"(?:-start)?\(.*?(?:replica_groups|source_target_pairs)="
    r"(?P<groups>mesh\[.*?\].*?\{.*?\}|\[[\d,]+\]|\{\{.*?\})"
)
_ARRAY = re.compile(r"\b(pred|[a-z]+(\d+))\[([\d,]*)\]")


def base(folder: Path) -> experiment.Experiment:
    """The experiment with a vocabulary of made-up words."""
    words = [f"w{n}" for n in range(VOCABULARY)]
    lines = [" ".join(words[at : at + 50]) for at in range(0, VOCABULARY, 50)]
    file = folder / "pairs.tsv"
    file.write_text("".join(f"{line}\t{line}\n" for line in lines), encoding="utf-8")
    splits = ("train", "validation", "test")
    overrides = {"data.name": "files", **{f"data.{split}": str(file) for split in splits}}
    overrides |= {"tokenizer.size": VOCABULARY}
    return experiment.load("translation/transformer:base", overrides)


def group_size(groups: str) -> int:
    """How many devices a collective is over, however XLA prints that."""
    if groups.startswith("mesh"):
        sizes = dict(re.findall(r"'(\w+)'=(\d+)", groups))
        return math.prod(int(sizes[axis]) for axis in re.findall(r"'(\w+)'(?!=)", groups))
    if groups.startswith("["):
        return int(groups[1 : groups.index("]")].split(",")[-1])
    return len(groups.strip("{").partition("}")[0].split(","))


def sent(program: str) -> dict[str, float]:
    """Collective -> bytes that each device sends in a run of a compiled program, around a ring."""
    found: dict[str, float] = {}
    for line in program.splitlines():
        match = _COLLECTIVE.search(line)
        if match is None:
            continue
        if "/while/" in line:
            raise ValueError(f"a collective in a loop runs more than once: {line}")
        size = sum(
            int(bits or 8) // 8 * math.prod(int(n) for n in shape.split(",") if n)
            for _, bits, shape in _ARRAY.findall(match["type"])
        )
        n = group_size(match["groups"])
        times = {"all-reduce": 2 * (n - 1) / n, "reduce-scatter": n - 1, "collective-permute": 1}
        found[match["op"]] = found.get(match["op"], 0) + times.get(match["op"], (n - 1) / n) * size
    return found


def due(kind: str, count: int, state: State, model) -> float:
    """Bytes that each device has to send; see the top of this file."""
    parameters = 4 * sum(x.size for x in jax.tree.leaves(state.params))
    if kind != "model":
        return (2 if kind == "data" else 3) * (count - 1) / count * parameters
    shared = min(count, GROUP)
    copies = count // shared
    activations = 4 * PAIRS * shared * TIME * model.features
    sums = (11 * model.layers + 3) * activations
    return 2 * ((shared - 1) / shared * sums + (copies - 1) / copies * parameters / shared)


def measure(count: int) -> dict[str, float]:
    """Of all kinds on the devices of this process."""
    with tempfile.TemporaryDirectory() as folder:
        task = base(Path(folder)).task
    found = {}
    for kind in ("data", "fsdp", "model") if count > 1 else ("data",):
        devices = Devices(
            model=GROUP if kind == "model" else 1,
            fsdp=kind == "fsdp",
            partitions=task.model.partitions,
        )
        state = jax.eval_shape(task.init, jax.random.key(0), task.example())
        tokens = np.zeros((PAIRS * count, TIME), np.int32)
        rows = np.zeros(PAIRS * count, np.int32)
        batch = {"source": tokens, "target": tokens, "index": rows, "mask": rows == 0}
        update = devices.compile_update(task.update, state)
        program = update.lower(
            devices.like(state), devices.put_training_batch(batch), jax.random.key(0)
        ).compile(
            # How well the machine code is optimised: not what devices tell each other.
            compiler_options={"xla_backend_optimization_level": 0}
        )
        by_kind = sent(program.as_text())
        memory = program.memory_analysis()
        found |= {
            f"sent_{kind}_{count}": sum(by_kind.values()),
            f"due_{kind}_{count}": due(kind, count, state, task.model),
            f"state_{kind}_{count}": memory.argument_size_in_bytes,
        }
        found |= {f"{op.replace('-', '_')}_{kind}_{count}": n for op, n in by_kind.items()}
    return found


def table(metrics: dict[str, float]) -> str:
    """For docs/launch.md, in MB."""
    lines = ["| | devices | sent | due | state |", "|---|---|---|---|---|"]
    for kind in ("data", "fsdp", "model"):
        for count in COUNTS:
            if f"sent_{kind}_{count}" in metrics:
                numbers = (metrics[f"{name}_{kind}_{count}"] for name in ("sent", "due", "state"))
                cells = " | ".join(f"{number / 1e6:,.1f}" for number in numbers)
                lines.append(f"| {kind} | {count} | {cells} |")
    return "\n".join(lines)


def main() -> None:
    """Measures each number of devices in a process that simulates as many."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.count:
        print(json.dumps(measure(options.count)))
        return
    began, metrics = time.monotonic(), {}
    for count in COUNTS:
        flags = f"--xla_force_host_platform_device_count={count}"
        done = subprocess.run(
            [sys.executable, __file__, f"--count={count}"],
            env=os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        metrics |= json.loads(done.stdout.splitlines()[-1])
    print(table(metrics))
    source = experiment.find("translation/transformer:base")
    record = results.make_record(
        Path(),
        "communication",
        ["python benchmarks/communication.py --record"],
        metrics,
        config_hash=experiment.config_hash(source.config()),
        seeds=[source.config().seed],
        data={},
        seconds=time.monotonic() - began,
    )
    tell(record, keep=options.record)


if __name__ == "__main__":
    main()
