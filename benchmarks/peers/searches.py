"""Greedy and beam search in PyTorch, over the same steps as ours.

Only the likeliest extensions of each prefix are ranked against those of others: of the scores of
the whole vocabulary nothing is needed but their largest and their logarithm of the sum.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

BOS = 1

Step = Callable[[Tensor, int], Tensor]
"""(token [rows], time) -> logits [rows, vocab]; the carry is the caller's."""
Reorder = Callable[[Tensor, int], None]
"""(row that each row continues [rows], steps so far)."""


def search(sizes: Mapping[str, Any], batch: int, step: Step, reorder: Reorder) -> dict[str, Tensor]:
    """The search that `sizes` asks for, "beams" wide, of sentences that end with the last entry of
    no vocabulary.
    """
    eos = sizes["target_vocab"]
    if sizes["beams"] == 1:
        return greedy(step, batch, sizes["steps"], eos)
    return beam(step, reorder, batch, sizes["steps"], eos, sizes["beams"], sizes["alpha"])


def greedy(step: Step, batch: int, steps: int, eos: int) -> dict[str, Tensor]:
    """The likeliest token at every step, until every sentence has ended."""
    token = torch.full((batch,), BOS)
    scores, ended, tokens = torch.zeros(batch), torch.zeros(batch, dtype=torch.bool), []
    for time in range(steps):
        logits = step(token, time)
        best, token = logits.max(-1)
        scores += torch.where(ended, 0.0, best - logits.logsumexp(-1))
        token = token.masked_fill(ended, 0)
        tokens.append(token)
        ended |= token == eos
        if ended.all():
            break
    return {"scores": scores, "tokens": torch.stack(tokens, 1).to(torch.int32)}


def beam(
    step: Step, reorder: Reorder, batch: int, steps: int, eos: int, beams: int, alpha: float
) -> dict[str, Tensor]:
    """The best of `beams` prefixes, by log p / ((5 + length) / 6)^alpha; stops by our bound."""
    rows = torch.arange(batch)[:, None] * beams
    alive = torch.full((batch, beams), -torch.inf)
    alive[:, 0] = 0
    token = torch.full((batch * beams,), BOS)
    ended = torch.full((batch,), -torch.inf)
    end = torch.zeros(2, batch, dtype=torch.long)  # When it ended, and the beam that it was.
    tokens, parents = [], []
    for time in range(steps):
        logits = step(token, time)
        top, words = logits.topk(2 * beams)
        top -= logits.logsumexp(-1, keepdim=True)
        total = (alive.view(-1, 1) + top).view(batch, -1)
        total, places = total.topk(2 * beams)
        words, origins = words.view(batch, -1).gather(1, places), places // (2 * beams)
        ends = words == eos
        scores = (total / _penalty(time + 1, alpha)).masked_fill(~ends, -torch.inf)
        best, which = scores[:, :beams].max(1)
        better = best > ended
        ended = torch.where(better, best, ended)
        stopped = torch.full((batch,), time), origins.gather(1, which[:, None])[:, 0]
        end = torch.where(better, torch.stack(stopped), end)
        alive, order = total.masked_fill(ends, -torch.inf).topk(beams)
        tokens.append(words.gather(1, order))
        parents.append(origins.gather(1, order))
        token = tokens[-1].view(-1)
        reorder((rows + parents[-1]).view(-1), time + 1)
        # With alpha above 0 the longest sentence has the most that a prefix can still earn.
        if (ended >= alive[:, 0] / _penalty(steps, alpha)).all():
            break
    return _trace(tokens, parents, alive / _penalty(len(tokens), alpha), ended, end, eos)


def _penalty(length: int, alpha: float) -> float:
    return ((5 + length) / 6) ** alpha


def _trace(
    tokens: list[Tensor],
    parents: list[Tensor],
    unfinished: Tensor,
    ended: Tensor,
    end: Tensor,
    eos: int,
) -> dict[str, Tensor]:
    """Follows the best of each sentence from its last token to its first."""
    has_ended = ended > -torch.inf
    scores, beam = unfinished.max(1)
    said = []
    for time in reversed(range(len(tokens))):
        here = has_ended & (end[0] == time)
        word = tokens[time].gather(1, beam[:, None])[:, 0]
        after = has_ended & (end[0] < time)
        said.append(torch.where(here, eos, word).masked_fill(after, 0))
        beam = torch.where(here, end[1], parents[time].gather(1, beam[:, None])[:, 0])
    found = torch.stack(said[::-1], 1).to(torch.int32)
    return {"scores": torch.where(has_ended, ended, scores), "tokens": found}
