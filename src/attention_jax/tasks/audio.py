"""Sound, sample by sample: what the next one costs in bits, and what a model sounds like."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
from flax import linen as nn
from matplotlib.figure import Figure

from attention_jax.data.sounds import as_wav
from attention_jax.decoding import sample
from attention_jax.decoding.contract import Constraint
from attention_jax.errors import UserError
from attention_jax.ops import mu_law
from attention_jax.tasks import audio_outputs as told
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

INPUT = "input"
"""The split of what a user gave: nobody knows how it goes on."""


class Audio:
    """A model of raw sound, and how it is trained, heard and judged.

    A sample is one of `model.levels` levels of the μ-law. The loss is the mean over samples of
    -log2 p(x_t | x_1 ... x_{t-1}), in bits (van den Oord 2016, eq. 1).

    Args:
      model: with the faces `__call__`, `start` and `step` of `models.wavenet`.
      rate: samples a second.
      config: the experiment's; reads `decode`, `optimizer.ema` and `.accumulate`.
      optimizer: sees mean gradients.
      scale: the notes of the data in Hz, where they are known.

    Raises:
      UserError: `config.decode` asks for what cannot be drawn.
    """

    main_metric = ("bits_per_sample", "min")

    def __init__(
        self,
        model: nn.Module,
        rate: int,
        config: ml_collections.ConfigDict,
        optimizer: optax.GradientTransformation,
        scale: Sequence[float] | np.ndarray = (),
    ):
        if config.decode.temperature <= 0:
            raise UserError(
                f"config.decode.temperature is {config.decode.temperature:g}: sound is drawn at "
                "one above 0"
            )
        self.model: Any = model
        self.notes: dict[str, str] = {}
        self._rate, self._scale = rate, np.asarray(scale, np.float64)
        self._decode = config.decode
        self._optimizer = optimizer
        self._ema = bool(config.optimizer.ema)
        self.update: Update = one_optimizer_update(
            self.loss,
            optimizer,
            ema_decay=config.optimizer.ema,
            accumulate=config.optimizer.accumulate,
        )

    def example(self) -> Batch:
        """Two sounds of four samples: no shape of a parameter depends on their length."""
        return {
            "samples": np.zeros((2, 4), np.float32),
            "length": np.full(2, 4, np.int32),
            "prompt": np.zeros(2, np.int32),
            "index": np.arange(2, dtype=np.int32),
            "mask": np.ones(2, bool),
        }

    def init(self, rng: Rng, batch: Batch) -> State:
        params = self.model.init(rng, self._shifted(self._levels(batch)))["params"]
        ema = params if self._ema else None
        return State(jnp.int32(0), params, self._optimizer.init(params), ema=ema)

    def loss(
        self, params: Params, state: State, batch: Batch, rng: Rng, across: Across
    ) -> tuple[Array, Aux]:
        """Bits summed over samples."""
        bits, count = self._bits(params, batch)
        return bits, Aux(count, {})

    def measure(self, state: State, batch: Batch) -> Metrics:
        return {"loss": self._bits(state.averaged, batch)}

    def summarize(self, means: dict[str, float]) -> dict[str, float]:
        """The loss under the name by which people know it, too."""
        return means | {"bits_per_sample": means["loss"]}

    def predict(self, state: State, batch: Batch) -> dict[str, Array]:
        """The sounds, and each as the model goes on from its first `prompt` samples.

        `drawn` [batch, time] begins with the prompt, rounded to levels. Of a batch in which nothing
        is to be continued nothing is drawn, and it is zero.
        """
        levels, prompt = self._levels(batch), jnp.asarray(batch["prompt"])
        drawn = jax.lax.cond(
            (prompt >= 0).any(),
            lambda: mu_law.decode(self._continue(state.averaged, batch, levels), self.model.levels),
            lambda: jnp.zeros(levels.shape),
        )
        kept: dict[str, Array] = {name: batch[name] for name in ("samples", "length", "prompt")}
        return kept | {"drawn": drawn}

    def score(self, split: str, outputs: list[Batch]) -> dict[str, float]:
        """Where the scale is known, the share of frames that are in tune: of what was drawn, and of
        what really followed.
        """
        if not len(self._scale):
            return {}
        rows = [row for row in by_number(outputs).values() if row["prompt"] >= 0]
        shares = {
            "in_tune": told.in_tune([told.drawn(row) for row in rows], self._rate, self._scale),
            "in_tune/real": told.in_tune([told.real(row) for row in rows], self._rate, self._scale),
        }
        return {name: share for name, share in shares.items() if share is not None}

    def describe(self, split: str, outputs: list[Batch]) -> list[dict[str, Any]]:
        """A record of each sound that was continued, as JSON; seconds, and the loudest frequencies
        of what was drawn.
        """
        return [
            told.record(row, self._rate, split != INPUT) for row in _continued(outputs).values()
        ]

    def pictures(
        self, split: str, outputs: list[Batch], metrics: dict[str, float]
    ) -> dict[str, Figure]:
        """Each continued sound as wave and spectrogram, below the real one where it is known."""
        return {
            f"sound_{n}": told.draw(row, self._rate, split != INPUT)
            for n, row in _continued(outputs).items()
        }

    def sounds(self, split: str, outputs: list[Batch]) -> dict[str, bytes]:
        """The same to be heard: .wav files of what `pictures` shows."""
        made = {}
        for n, row in _continued(outputs).items():
            made[f"sound_{n}"] = as_wav(row["drawn"][: row["length"]], self._rate)
            if split != INPUT:
                made[f"sound_{n}_real"] = as_wav(row["samples"][: row["length"]], self._rate)
        return made

    def maps(self, split: str, outputs: list[Batch]) -> list[AttentionMap]:
        """None: nothing attends."""
        return []

    def _levels(self, batch: Batch) -> Array:
        return mu_law.encode(jnp.asarray(batch["samples"]), self.model.levels)

    def _shifted(self, levels: Array) -> Array:
        """What is read when each level is to be said: the one before; no level before the first."""
        return jnp.pad(levels[:, :-1], ((0, 0), (1, 0)), constant_values=self.model.levels)

    def _bits(self, params: Params, batch: Batch) -> tuple[Array, Array]:
        """Summed over real samples, and how many these are."""
        levels = self._levels(batch)
        logits, _ = self.model.apply({"params": params}, self._shifted(levels))
        nats = optax.softmax_cross_entropy_with_integer_labels(logits, levels)
        real = jnp.arange(levels.shape[1]) < jnp.asarray(batch["length"])[:, None]
        real &= jnp.asarray(batch["mask"])[:, None]
        return jnp.where(real, nats, 0).sum() / np.log(2), real.sum()

    def _continue(self, params: Params, batch: Batch, levels: Array) -> Array:
        """Levels drawn in one compiled loop, those of the prompts as they are, [batch, time]."""
        variables = {"params": params}

        def step(source: Any, carry: Any, token: Array, time: Array) -> tuple[Any, Array, Any]:
            del source
            return *self.model.apply(variables, carry, token, time, method="step"), {}

        found = sample(
            step,
            (levels, jnp.asarray(batch["prompt"])),
            self.model.apply(variables, len(levels), method="start"),
            example_keys(jax.random.key(self._decode.seed), batch),
            temperature=self._decode.temperature,
            max_length=levels.shape[1],
            bos=self.model.levels,
            eos=self.model.levels,  # No level ends a sound.
            constraint=_as_given(self.model.levels),
        )
        return found.tokens[:, 0]


def _as_given(levels: int) -> Constraint:
    """Of a source (levels [batch, time], prompt [batch]): before the prompt's end no other level
    than its own, then any.
    """

    def mask(state: tuple[Array, Array], time: Array) -> Array:
        given, prompt = state
        return (time >= prompt)[:, None] | (jnp.arange(levels) == given[:, time][:, None])

    return Constraint(
        init=lambda source: source, update=lambda state, token, time: state, mask=mask
    )


def _continued(outputs: list[Batch]) -> dict[int, Batch]:
    """By their number in the split."""
    rows = by_number(outputs)
    return {n: rows[n] for n in sorted(rows) if rows[n]["prompt"] >= 0}
