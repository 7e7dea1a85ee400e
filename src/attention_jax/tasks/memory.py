"""Tapes to be learned: bits per sequence, and whether the machine reads where it wrote."""

from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
from flax import linen as nn
from matplotlib.figure import Figure

from attention_jax.data.memory_sequences import Sequences
from attention_jax.tasks import memory_outputs as told
from attention_jax.tasks.protocol import (
    Across,
    AttentionMap,
    Aux,
    State,
    Update,
    by_number,
    example_keys,
    one_optimizer_update,
)
from attention_jax.typing import Array, Batch, Metrics, Params, Rng
from attention_jax.viz.curves import by_length, length_curve

INPUT = "input"
"""The split of what a user wrote: its answers are not told."""

_PICTURED = 3
_MAPPED = 6


class Memory:
    """A model that reads a tape, and how it is trained and judged.

    Its loss is the cost of a sequence in bits: the sum over the steps that count of -log2 of the
    chance that the model gave to each right bit (Graves 2014, §4).

    Args:
      model: inputs [batch, time, channels] -> (logits, what happened in its memory, {} without).
      sequences: what the tapes are.
      config: the experiment's; reads `optimizer.ema` and `.accumulate`.
      optimizer: sees mean gradients.
    """

    main_metric = ("bits_per_sequence", "min")

    def __init__(
        self,
        model: nn.Module,
        sequences: Sequences,
        config: ml_collections.ConfigDict,
        optimizer: optax.GradientTransformation,
    ):
        self.model = model
        self.notes: dict[str, str] = {}
        self._sequences = sequences
        self._optimizer = optimizer
        self._ema = bool(config.optimizer.ema)
        self.update: Update = one_optimizer_update(
            self.loss,
            optimizer,
            ema_decay=config.optimizer.ema,
            accumulate=config.optimizer.accumulate,
        )

    def example(self) -> Batch:
        """Two tapes of two steps: no shape of a parameter depends on their length."""
        return {
            "inputs": np.zeros((2, 2, self._sequences.channels), np.float32),
            "targets": np.zeros((2, 2, self._sequences.outputs), np.float32),
            "scored": np.ones((2, 2), bool),
            "source_step": np.full((2, 2), -1, np.int32),
            "length": np.ones(2, np.int32),
            "index": np.arange(2, dtype=np.int32),
            "mask": np.ones(2, bool),
        }

    def init(self, rng: Rng, batch: Batch) -> State:
        params = self.model.init(rng, batch["inputs"], **self._draws(rng, batch))["params"]
        ema = params if self._ema else None
        return State(jnp.int32(0), params, self._optimizer.init(params), ema=ema)

    def loss(
        self, params: Params, state: State, batch: Batch, rng: Rng, across: Across
    ) -> tuple[Array, Aux]:
        """Bits summed over sequences; a first memory that is drawn is drawn anew at each step."""
        logits, _ = self._run(params, batch, rng)
        metrics = _metrics(logits, batch)
        total, count = metrics.pop("loss")
        return total, Aux(count, metrics)

    def measure(self, state: State, batch: Batch) -> Metrics:
        logits, _ = self._run(state.averaged, batch, jax.random.key(0))
        return _metrics(logits, batch)

    def summarize(self, means: dict[str, float]) -> dict[str, float]:
        """The loss under the name by which people know it, too."""
        return means | {"bits_per_sequence": means["loss"]}

    def predict(self, state: State, batch: Batch) -> dict[str, Array]:
        """Chances of the bits at every step; of a machine, where its heads were.

        `read_slot` and `write_slot` [batch, time, heads] are where the largest weights stood. All
        weights are kept in half precision, for pictures; the stages of addressing of one step only,
        the middle one of those that count, which is `staged`.
        """
        logits, happened = self._run(state.averaged, batch, jax.random.key(0), weights=True)
        kept = ("inputs", "targets", "scored", "source_step", "length")
        output: dict[str, Array] = {name: batch[name] for name in kept}
        output |= {"chances": jax.nn.sigmoid(logits), "bits": _bits(logits, batch)}
        if not happened:
            return output
        for name in ("read", "write"):
            output[f"{name}_slot"] = happened[name].argmax(-1).astype(jnp.int32)
        for name in ("read", "write", "add", "erase"):
            output[name] = happened[name].astype(jnp.float16)
        scored = jnp.asarray(batch["scored"])
        staged = scored.argmax(-1) + scored.sum(-1) // 2
        for name in told.STAGES:
            rows = jnp.arange(len(staged))
            output[name] = happened[name][rows, staged].astype(jnp.float16)
        return output | {"staged": staged}

    def score(self, split: str, outputs: list[Batch]) -> dict[str, float]:
        """Bits by length, and the share of answers at which a head reads where it is to be found.

        Of the steps that are to say what was seen at another, those count for which some reading
        head's largest weight was on the slot on which some writing head's was when it was seen: in
        the step before, which made r_{t-1}, the newest that the output of step t knows of the
        memory (see `models.ntm`).
        """
        lengths = np.concatenate([output["length"] for output in outputs])
        bits = np.concatenate([output["bits"] for output in outputs])
        metrics = {
            f"bits_per_sequence/length_{length}": float(bits[lengths == length].mean())
            for length in np.unique(lengths)
        }
        share = told.found(outputs)
        return metrics if share is None else metrics | {"read_head_accuracy": share}

    def describe(self, split: str, outputs: list[Batch]) -> list[dict[str, Any]]:
        """What was heard and said, as JSON; the answer, wrong bits and bits where it is known."""
        rows, records = by_number(outputs), []
        for n in sorted(rows):
            row, scored = rows[n], rows[n]["scored"]
            said = row["chances"][scored]
            record: dict[str, Any] = {
                "input": told.plain(row["inputs"][told.heard(row)], 3),
                "prediction": told.plain(said, self._sequences.digits),
            }
            if split != INPUT:
                answer = row["targets"][scored]
                record["reference"] = told.plain(answer, 0)
                record["error"] = int(((said > 0.5) != (answer > 0.5)).sum())
                record["bits_per_sequence"] = float(row["bits"])
            records.append(record)
        return records

    def pictures(
        self, split: str, outputs: list[Batch], metrics: dict[str, float]
    ) -> dict[str, Figure]:
        """A few tapes from short to long with the memory meanwhile, and bits by length."""
        rows, figures = by_number(outputs), {}
        chosen = sorted(rows) if split == INPUT else told.spread(rows, _PICTURED)
        for place, n in enumerate(chosen):
            figures[f"tape_{place}"] = told.draw_tape(rows[n], split != INPUT)
            if "staged" in rows[n]:
                figures[f"addressing_{place}"] = told.draw_addressing(rows[n])
        buckets = by_length(metrics, "bits_per_sequence")
        if len(buckets) > 1:
            figures["length"] = length_curve(
                {split: buckets}, metric="bits per sequence", axis="length"
            )
        return figures

    def maps(self, split: str, outputs: list[Batch]) -> list[AttentionMap]:
        """What each answer knew, told by when it was written: Σ_slots read(t - 1) · write(s).

        One map a reading head (writing heads are averaged), of a few sequences from short to long;
        why t - 1, see `score`. None where an answer is no vector that was seen.
        """
        rows = by_number(outputs)
        if "read" not in outputs[0]:
            return []
        places = {n: place for place, n in enumerate(sorted(rows))}
        chosen = sorted(rows) if split == INPUT else told.spread(rows, _MAPPED)
        return [one for n in chosen for one in told.maps(rows[n], places[n])]

    def _run(
        self, params: Params, batch: Batch, rng: Rng, weights: bool = False
    ) -> tuple[Array, dict[str, Array]]:
        draws = self._draws(rng, batch)
        found: Any = self.model.apply({"params": params}, batch["inputs"], weights=weights, **draws)
        return found

    def _draws(self, rng: Rng, batch: Batch) -> dict[str, Any]:
        """A random key a sequence, where the model's first memory is drawn."""
        return {"draws": example_keys(rng, batch)} if getattr(self.model, "samples", False) else {}


def _bits(logits: Array, batch: Batch) -> Array:
    """The cost of each sequence, [batch]."""
    nats = optax.sigmoid_binary_cross_entropy(logits, batch["targets"]).sum(-1)
    return jnp.where(batch["scored"], nats, 0).sum(-1) / np.log(2)


def _metrics(logits: Array, batch: Batch) -> Metrics:
    """loss: bits; error: wrong bits; exact_match: none is wrong. Sums over sequences, and count."""
    real, scored = jnp.asarray(batch["mask"]), jnp.asarray(batch["scored"])
    wrong = ((logits > 0) != (batch["targets"] > 0.5)) & scored[..., None]
    errors = wrong.sum((1, 2))
    each = {"loss": _bits(logits, batch), "error": errors, "exact_match": errors == 0}
    count = real.sum()
    return {name: (jnp.where(real, value, 0).sum(), count) for name, value in each.items()}
