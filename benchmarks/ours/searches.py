"""What the decoding rows share: one of our searches over random weights, where no sentence ends.

Parameters are random: they cost the same as trained ones. The end of a sentence is a token that no
vocabulary has, so that both sides take the same number of steps.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax

from attention_jax.data.tokenizers import BOS, PAD
from attention_jax.decoding import beam_search, greedy
from attention_jax.experiment import Experiment
from attention_jax.typing import Batch
from benchmarks.ours.work import Decoding

BEAMS = {"greedy": 1, "beam": 5}
ALPHA = 0.6


def searching(
    row: str, experiment: Experiment, batch: Batch, sizes: dict[str, Any], steps: int
) -> Decoding:
    """The search that the row's last word names, for so many tokens."""
    task = experiment.task
    model, beams = task.model, BEAMS[row.rpartition("_")[2]]
    params = jax.jit(task.init)(jax.random.key(experiment.config.seed), task.example()).params
    search: Callable = greedy
    if beams > 1:
        search = partial(beam_search, beams=beams, alpha=ALPHA)
    limits = {"max_length": steps, "bos": BOS, "eos": model.target_vocab}

    def encode(variables: Any, batch: Batch) -> Any:
        source = batch["source"]
        return model.apply(variables, source, source != PAD, method="encode")

    def best(variables: Any, batch: Batch) -> dict[str, jax.Array]:
        memory = encode(variables, batch)
        carry = model.apply(variables, memory, beams, steps, method="start")
        found = search(partial(model.apply, variables, method="step"), memory, carry, **limits)
        return {"scores": found.scores[:, 0], "tokens": found.tokens[:, 0]}

    told = {"beams": beams, "alpha": ALPHA, "steps": steps}
    given = {"source": batch["source"]}
    return Decoding(best, encode, {"params": params}, given, sizes | told, steps)
