"""Greedy and beam search over one step-function contract, on the device."""

from attention_jax.decoding.beam import beam_search, length_penalty
from attention_jax.decoding.contract import Constraint, Hypotheses, Step
from attention_jax.decoding.greedy import greedy

__all__ = ["Constraint", "Hypotheses", "Step", "beam_search", "greedy", "length_penalty"]
