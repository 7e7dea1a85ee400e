"""Several trained models that speak as one: the mean of their probabilities.

p(y_t | y_<t, x) = 1/n Σ_k p_k(y_t | y_<t, x), for members of any classes. Sutskever 2014 and Luong
2015 report such ensembles and leave open whether probabilities or their logarithms are averaged.
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from attention_jax.errors import UserError
from attention_jax.typing import Array, Bool, Float, Int


class Ensemble(nn.Module):
    """The faces of a translation model, each asked of every member.

    Probabilities are averaged, not their logarithms: a member that rules a token out does not
    silence the others. Attention is averaged where every member has it.

    Parameters nest as {"members_0": ..., "members_1": ...}.

    Attributes:
      members: models with the four faces, and for `posterior` with that; one source and one target
        vocabulary. Each is an instance of its own (`model.clone()`): one instance twice would have
        its parameters once.

    Raises UserError for members that score different numbers of tokens, or an instance given twice.
    """

    members: tuple[Any, ...]

    def setup(self):
        if len({id(member) for member in self.members}) < len(self.members):
            raise UserError(
                "an ensemble holds one module twice, which has its parameters once: give each "
                "member a module of its own (model.clone())"
            )

    def __call__(
        self,
        source: Int[Array, "batch source_time"],
        source_mask: Bool[Array, "batch source_time"],
        inputs: Int[Array, "batch target_time"],
        *,
        train: bool = False,
        weights: bool = False,
    ) -> tuple[Float[Array, "batch target_time vocab"], dict[str, Array]]:
        """Log-probabilities of every target token given those before it.

        Args:
          source: tokens.
          source_mask: True where a token is real.
          inputs: the target shifted right: BOS first.
          train: as the members take it.
          weights: also return {"cross": [batch target_time source_time]} if all members have it.

        Returns:
          logits in float32, here normalised, and the weights (or {}).
        """
        found = [
            member(source, source_mask, inputs, train=train, weights=weights)
            for member in self.members
        ]
        log_probs = _mean_probability([jax.nn.log_softmax(logits) for logits, _ in found])
        return log_probs, _mean_attention([extras for _, extras in found])

    def posterior(
        self,
        source: Int[Array, "batch source_time"],
        source_mask: Bool[Array, "batch source_time"],
        inputs: Int[Array, "batch target_time"],
        target: Int[Array, "batch target_time"],
    ) -> Float[Array, "batch target_time source_time"]:
        """The mean of the members' attention after each word, which all must know.

        Each counts the same, however likely it finds the word: not quite Bayes' rule of a mixture.
        """
        arrays = source, source_mask, inputs, target
        return jnp.mean(jnp.stack([m.posterior(*arrays) for m in self.members]), axis=0)

    def encode(
        self,
        source: Int[Array, "batch source_time"],
        source_mask: Bool[Array, "batch source_time"],
        *,
        train: bool = False,
    ) -> tuple[Any, ...]:
        """What each member needs of a source."""
        return tuple(member.encode(source, source_mask, train=train) for member in self.members)

    def start(
        self, source_memory: tuple[Any, ...], beams: int = 1, max_length: int = 0
    ) -> tuple[Any, ...]:
        """The first carry of each member, for [batch x beams] rows."""
        return tuple(
            member.start(memory, beams, max_length)
            for member, memory in zip(self.members, source_memory, strict=True)
        )

    def step(
        self,
        source_memory: tuple[Any, ...],
        carry: tuple[Any, ...],
        token: Int[Array, " rows"],
        time: Int[Array, ""] | int,
        *,
        weights: bool = False,
    ) -> tuple[tuple[Any, ...], Float[Array, "rows vocab"], dict[str, Array]]:
        """One target step of every member for [batch x beams] rows.

        Args:
          source_memory: from `encode`.
          carry: from `start` or the last step.
          token: y_{t-1}; BOS at first.
          time: which step this is.
          weights: also return {"cross": [batch x beams, source_time]} if all members have it.

        Returns:
          the next carries, log-probabilities of y_t, the weights (or {}).
        """
        carries, log_probs, extras = zip(
            *(
                member.step(memory, state, token, time, weights=weights)
                for member, memory, state in zip(self.members, source_memory, carry, strict=True)
            ),
            strict=True,
        )
        return carries, _mean_probability(log_probs), _mean_attention(extras)


def _mean_probability(log_probs: Sequence[Array]) -> Array:
    """The logarithm of the mean of the probabilities.

    Raises:
      UserError: they are of different numbers of tokens.
    """
    vocabularies = sorted({x.shape[-1] for x in log_probs})
    if len(vocabularies) > 1:
        raise UserError(
            f"the members of an ensemble have target vocabularies of {vocabularies} tokens: "
            "put together models that were trained with the same tokenizers"
        )
    return jax.nn.logsumexp(jnp.stack(log_probs), axis=0) - math.log(len(log_probs))


def _mean_attention(extras: Sequence[dict[str, Array]]) -> dict[str, Array]:
    """The mean of the members' "cross", or {} where one has none."""
    if not all("cross" in of_member for of_member in extras):
        return {}
    return {"cross": jnp.mean(jnp.stack([of_member["cross"] for of_member in extras]), axis=0)}
