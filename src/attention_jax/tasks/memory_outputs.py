"""What `Memory.predict` gave, on the host: counted, as JSON, drawn, and as attention maps."""

import numpy as np
from matplotlib.figure import Figure

from attention_jax.tasks.protocol import AttentionMap
from attention_jax.typing import Batch
from attention_jax.viz import memory as viz

STAGES = ("content", "gated", "shifted", "sharpened")

_LARGEST_MAP = 20_000


def found(outputs: list[Batch]) -> float | None:
    """Share of the answers that have a source step, before which a head read where it was written.

    None where no answer has such a step, or nothing a head.
    """
    if "read_slot" not in outputs[0]:
        return None
    hits = asked = 0
    for output in outputs:
        answers = output["source_step"] >= 0
        rows = np.arange(len(answers))[:, None]
        written = output["write_slot"][rows, np.maximum(output["source_step"], 0)]
        # Step t says what was read in t - 1. No answer stands at the first step, where the roll
        # brings in the last one.
        read = np.roll(output["read_slot"], 1, axis=1)
        right = (read[..., :, None] == written[..., None, :]).any((-1, -2))
        hits, asked = hits + int((right & answers).sum()), asked + int(answers.sum())
    return hits / asked if asked else None


def spread(rows: dict[int, Batch], count: int) -> list[int]:
    """A few sequences from the shortest to the longest."""
    ordered = sorted(rows, key=lambda n: (rows[n]["scored"].sum(), n))
    places = np.linspace(0, len(ordered) - 1, min(count, len(ordered))).round()
    return [ordered[int(place)] for place in places]


def _end(row: Batch) -> int:
    """Steps up to the last that counts."""
    return int(np.flatnonzero(row["scored"])[-1]) + 1


def heard(row: Batch) -> slice:
    """The steps before the first answer; where every step asks for what comes next, all but the
    first, at which nothing has come yet.
    """
    first = int(row["scored"].argmax())
    return slice(0, first) if row["source_step"][first] >= 0 else slice(1, _end(row))


def plain(vectors: np.ndarray, digits: int) -> list:
    """[steps, width] for JSON, whole numbers without a point, a width of 1 as plain numbers."""
    rounded = np.asarray(vectors, np.float64).round(digits).tolist()
    numbers = [[int(v) if v == int(v) else v for v in vector] for vector in rounded]
    return [number for (number,) in numbers] if np.shape(vectors)[1] == 1 else numbers


def _label(vector: np.ndarray) -> str:
    """A vector as a word: bits one after the other, other numbers apart."""
    return "".join(str(int(v)) if v in (0, 1) else f" {v:.2f} " for v in vector).strip()


def draw_tape(row: Batch, answered: bool) -> Figure:
    end = _end(row)
    asked = np.where(row["scored"][:end, None], 1.0, np.nan)
    memory = {"adds": "add", "erases": "erase", "write": "write", "read": "read"}
    return viz.tape(
        row["inputs"][:end],
        row["chances"][:end] * asked,
        row["targets"][:end] * asked if answered else None,
        **{panel: row[name][:end] for panel, name in memory.items() if name in row},
    )


def draw_addressing(row: Batch) -> Figure:
    reading, writing = row["read"].shape[1], row["write"].shape[1]
    drawn = {
        **{f"read {n + 1}": n for n in range(min(reading, viz.HEADS_DRAWN))},
        **{f"write {n + 1}": reading + n for n in range(min(writing, viz.HEADS_DRAWN))},
    }
    stages = {name: row[name][[*drawn.values()]] for name in STAGES}
    return viz.addressing(stages, list(drawn), f"addressing at step {row['staged']}")


def maps(row: Batch, example: int) -> list[AttentionMap]:
    keys, queries = np.arange(heard(row).stop), np.flatnonzero(row["scored"])
    sources = row["source_step"][queries]
    if sources.max() < 0 or len(keys) * len(queries) > _LARGEST_MAP:
        return []
    read, write = (row[name].astype(np.float32) for name in ("read", "write"))
    said = row["chances"][queries] > 0.5
    heads = range(read.shape[1])
    return [
        AttentionMap(
            example,
            f"{len(keys)} steps heard, {len(queries)} answered",
            "read head" if len(heads) == 1 else f"read head {head + 1}",
            [_label(vector) for vector in said],
            [_label(vector) for vector in row["inputs"][keys]],
            np.einsum("qs,khs->qk", read[queries - 1, head], write[keys]) / write.shape[1],
            ("answer", "input"),
            gold=[(query, int(key)) for query, key in enumerate(sources) if key >= 0],
        )
        for head in heads
    ]
