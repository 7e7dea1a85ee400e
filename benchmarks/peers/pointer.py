"""The Pointer Network as a careful user of PyTorch writes it: nothing in it waits for a pointer.

In training the decoder is fed the answer, so it is one `nn.LSTM` over it, and all steps point at
once.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.peers import weights
from benchmarks.peers.work import System

_NEVER = -1e9


class PointerNetwork(nn.Module):
    """Two LSTMs and the additive score."""

    def __init__(self, sizes: Mapping[str, Any]):
        super().__init__()
        hidden = sizes["hidden"]
        self.encoder = nn.LSTM(sizes["coordinates"], hidden, batch_first=True)
        self.decoder = nn.LSTM(sizes["coordinates"] + 1, hidden, batch_first=True)
        self.end_key = nn.Parameter(torch.empty(hidden))
        self.keys = nn.Linear(hidden, hidden, bias=False)
        self.query = nn.Linear(hidden, hidden, bias=False)
        self.energy = nn.Parameter(torch.empty(hidden))

    def loss(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Mean nats of a position."""
        points, targets = batch["points"], batch["targets"].long()
        encoded, last = self.encoder(points)
        end = self.end_key.expand(len(points), 1, -1)
        keys = self.keys(torch.cat([end, encoded], 1))
        flagged = F.pad(points, (0, 1, 1, 0))
        flagged[:, 0, -1] = 1
        before = F.pad(targets[:, :-1], (1, 0))
        fed = flagged.gather(1, before[..., None].expand(-1, -1, flagged.shape[-1]))
        hidden, _ = self.decoder(fed, last)
        scores = self.scores(self.query(hidden), keys)
        there = F.pad(batch["points_mask"], (1, 0), value=True)
        scores = scores.masked_fill(~there[:, None], _NEVER)
        nats = F.cross_entropy(scores.transpose(1, 2), targets, reduction="none")
        real = batch["targets_mask"]
        return (nats * real).sum() / real.sum()

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """vᵀ tanh(q + k) of every pair."""
        return torch.tanh(queries[:, :, None] + keys[:, None]) @ self.energy


def named(ours: weights.Arrays, slopes: bool) -> dict[str, np.ndarray]:
    """Our parameters by these names."""
    return {
        **weights.lstm("encoder", ours, "encoder/cell", slopes, "l0"),
        **weights.lstm("decoder", ours, "decoder/cell", slopes, "l0"),
        **weights.linear("keys", ours, "pointer/key_projection"),
        **weights.linear("query", ours, "pointer/query_projection"),
        "energy": ours["pointer/v"],
        "end_key": ours["end_key"],
    }


def system(row: str) -> System:
    """The scores are compiled: what is a kernel already gains nothing."""
    return System(PointerNetwork, named, compiled="scores")
