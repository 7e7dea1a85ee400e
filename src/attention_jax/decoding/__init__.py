"""Greedy decoding, sampling and beam search over one step-function contract, on the device."""

from attention_jax.decoding.beam import beam_search
from attention_jax.decoding.contract import Constraint, Hypotheses, Step, both
from attention_jax.decoding.filters import keep_top_k, keep_top_p
from attention_jax.decoding.forced import allowed_along, score_tokens
from attention_jax.decoding.greedy import greedy
from attention_jax.decoding.limits import within
from attention_jax.decoding.penalties import Coverage, coverage_penalty, length_penalty
from attention_jax.decoding.sampling import sample
from attention_jax.decoding.visited import ascending_triples, unvisited

__all__ = [
    "Constraint",
    "Coverage",
    "Hypotheses",
    "Step",
    "allowed_along",
    "ascending_triples",
    "beam_search",
    "both",
    "coverage_penalty",
    "greedy",
    "keep_top_k",
    "keep_top_p",
    "length_penalty",
    "sample",
    "score_tokens",
    "unvisited",
    "within",
]
