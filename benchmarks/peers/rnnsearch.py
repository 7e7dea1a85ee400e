"""RNNsearch as a careful user of PyTorch writes it.

`nn.GRU` reads the source. In the decoder all that does not wait for the state stands outside the
loop: the keys, the input gates of every target word, readout and output layer. Time leads, so that
a step's slice is contiguous. `nn.GRU` is not told the lengths: the benchmark's sentences fill the
batch, and packing would only cost.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.peers import weights
from benchmarks.peers.searches import search
from benchmarks.peers.work import System

PAD, BOS = 0, 1


class RNNsearch(nn.Module):
    """The module; `step` is all that the loop holds."""

    def __init__(self, sizes: Mapping[str, Any]):
        super().__init__()
        self.sizes = sizes
        embedding, hidden = sizes["embedding"], sizes["hidden"]
        alignment, maxout = sizes["alignment"], sizes["maxout"]
        self.source_embedding = nn.Embedding(sizes["source_vocab"], embedding)
        self.target_embedding = nn.Embedding(sizes["target_vocab"], embedding)
        self.encoder = nn.GRU(embedding, hidden, bidirectional=True)
        self.first_state = nn.Linear(hidden, hidden)
        self.keys = nn.Linear(2 * hidden, alignment, bias=False)
        self.query = nn.Linear(hidden, alignment, bias=False)
        self.energy = nn.Parameter(torch.empty(alignment))
        self.input = nn.Linear(embedding, 3 * hidden)
        self.context = nn.Linear(2 * hidden, 3 * hidden, bias=False)
        self.recurrent = nn.Linear(hidden, 3 * hidden, bias=False)
        self.candidate_bias = nn.Parameter(torch.empty(hidden))
        self.from_state = nn.Linear(hidden, 2 * maxout)
        self.from_token = nn.Linear(embedding, 2 * maxout, bias=False)
        self.from_context = nn.Linear(2 * hidden, 2 * maxout, bias=False)
        self.logits = nn.Linear(maxout, sizes["target_vocab"])

    def loss(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Mean cross-entropy of the real target tokens."""
        target = batch["target"].long()
        annotations, keys, hidden = self.encode(batch["source"].long())
        unread = batch["source"] == PAD
        fed = F.pad(target[:, :-1], (1, 0), value=BOS)
        tokens = self.target_embedding(fed.T)
        states, contexts = [], []
        for projected in self.input(tokens).unbind():
            states.append(hidden)
            hidden, context = self.step(hidden, projected, keys, annotations, unread)
            contexts.append(context)
        read = self.read(torch.stack(states), tokens, torch.stack(contexts))
        logits = self.logits(read.transpose(0, 1))
        return F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=PAD)

    def search(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The best sentences; hypotheses about one source are its queries, which is not copied."""
        source = batch["source"].long()
        annotations, keys, hidden = self.encode(source)
        carry, unread = hidden.repeat_interleave(self.sizes["beams"], 0), source == PAD

        def step(token: Tensor, time: int) -> Tensor:
            nonlocal carry
            tokens, before = self.target_embedding(token), carry
            carry, context = self.step(before, self.input(tokens), keys, annotations, unread)
            return self.logits(self.read(before, tokens, context))

        def reorder(parents: Tensor, time: int) -> None:
            nonlocal carry
            carry = carry[parents]

        return search(self.sizes, len(source), step, reorder)

    def encode(self, source: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Annotations and keys [batch, time, features], and s_0."""
        annotations, last = self.encoder(self.source_embedding(source.T))
        annotations = annotations.transpose(0, 1).contiguous()
        return annotations, self.keys(annotations), torch.tanh(self.first_state(last[1]))

    def step(
        self, hidden: Tensor, projected: Tensor, keys: Tensor, annotations: Tensor, unread: Tensor
    ) -> tuple[Tensor, Tensor]:
        """s_t and c_t of rows [batch x beams, features], an example's beams side by side."""
        queries = self.query(hidden).view(len(keys), -1, 1, keys.shape[-1])
        scores = torch.tanh(queries + keys[:, None]) @ self.energy
        attended = scores.masked_fill(unread[:, None], -torch.inf).softmax(-1)
        context = (attended @ annotations).view(len(hidden), -1)
        product, size = self.recurrent(hidden), hidden.shape[-1]
        projected = projected + self.context(context)
        gates = torch.sigmoid(projected[:, : 2 * size] + product[:, : 2 * size])
        reset, update = gates.chunk(2, -1)
        from_state = reset * (product[:, 2 * size :] + self.candidate_bias)
        candidate = torch.tanh(projected[:, 2 * size :] + from_state)
        return torch.lerp(candidate, hidden, update), context

    def read(self, states: Tensor, tokens: Tensor, contexts: Tensor) -> Tensor:
        """The maxout layer."""
        both = self.from_state(states) + self.from_token(tokens) + self.from_context(contexts)
        return torch.maximum(*both.chunk(2, -1))


def named(ours: weights.Arrays, slopes: bool) -> dict[str, np.ndarray]:
    """Our parameters by these names."""
    linears = {
        "first_state": "first_state",
        "keys": "decoder/attention/scorer/key_projection",
        "query": "decoder/attention/scorer/query_projection",
        "input": "decoder/cell/input",
        "context": "decoder/context",
        "from_state": "readout/state",
        "from_token": "readout/token",
        "from_context": "readout/context",
        "logits": "logits",
    }
    found = {
        "source_embedding.weight": ours["source_embedding/embedding"],
        "target_embedding.weight": ours["target_embedding/embedding"],
        "energy": ours["decoder/attention/scorer/v"],
        "recurrent.weight": weights.matrix(ours["decoder/cell/recurrent"]),
        "candidate_bias": ours["decoder/cell/candidate_bias"],
        **weights.gru("encoder", ours, "encoder/forward", slopes, "l0"),
        **weights.gru("encoder", ours, "encoder/backward", slopes, "l0_reverse"),
    }
    for name, path in linears.items():
        found |= weights.linear(name, ours, path)
    return found


def system(row: str) -> System:
    """Training and searches have one module, whose step is compiled."""
    return System(RNNsearch, named, compiled="step")
