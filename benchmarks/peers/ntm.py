"""The Neural Turing Machine as a careful user of PyTorch writes it.

One product for what all heads are told, the input's projections and the output layer outside the
loop, the heads of one kind side by side; no division by a norm that is kept, no N x N shift.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.peers import weights
from benchmarks.peers.work import System

_EMPTY, _NO_WEIGHT, _FLOOR = 1e-6, 1e-12, 1e-12


class NTM(nn.Module):
    """A feed-forward controller of one layer, one reading and one writing head."""

    def __init__(self, sizes: Mapping[str, Any]):
        super().__init__()
        (hidden,), word, slots = sizes["hidden"], sizes["word"], sizes["slots"]
        self.slots, self.word, self.reach = slots, word, sizes["max_shift"]
        self.each = word + 2 * self.reach + 4
        self.input = nn.Linear(sizes["channels"], hidden)
        self.before = nn.Linear(word, hidden, bias=False)
        self.heads = nn.Linear(hidden, 2 * self.each + 2 * word)
        self.first_weights = nn.Parameter(torch.empty(2, slots))
        self.first_read = nn.Parameter(torch.empty(1, word))
        self.logits = nn.Linear(hidden, sizes["outputs"])

    def loss(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Mean bits of a sequence."""
        inputs = batch["inputs"]
        size = len(inputs)
        memory = torch.full((size, self.slots, self.word), _EMPTY)
        attended = self.first_weights.softmax(-1).expand(size, -1, -1)
        read, hiddens = self.first_read.expand(size, -1), []
        for projected in self.input(inputs.transpose(0, 1)).unbind():
            memory, attended, read, hidden = self.step(memory, attended, read, projected)
            hiddens.append(hidden)
        logits = self.logits(torch.stack(hiddens, 1))
        nats = F.binary_cross_entropy_with_logits(logits, batch["targets"], reduction="none")
        return (nats.sum(-1) * batch["scored"]).sum() / (math.log(2) * size)

    def step(
        self, memory: Tensor, attended: Tensor, read: Tensor, projected: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The memory, the weights of both heads, what was read, and h_t."""
        hidden = torch.tanh(projected + self.before(read))
        told, writes = self.heads(hidden).split([2 * self.each, 2 * self.word], -1)
        parts = [self.word, 1, 1, 2 * self.reach + 1, 1]
        key, strength, gate, shifts, power = told.view(-1, 2, self.each).split(parts, -1)
        key = torch.tanh(key)
        product = key @ memory.transpose(1, 2)
        norms = key.square().sum(-1, keepdim=True) + _FLOOR
        lengths = memory.square().sum(-1)[:, None] + _FLOOR
        alike = product * torch.rsqrt(norms) * torch.rsqrt(lengths)
        content = (F.softplus(strength) * alike).softmax(-1)
        gated = torch.lerp(attended, content, torch.sigmoid(gate))
        shifts = shifts.softmax(-1)
        moved = sum(
            shifts[..., n : n + 1] * gated.roll(n - self.reach, -1)
            for n in range(2 * self.reach + 1)
        )
        logs = torch.log(moved + _NO_WEIGHT)
        attended = ((1 + F.softplus(power)) * logs).softmax(-1)
        looking, writing = attended[:, :1], attended[:, 1:].transpose(1, 2)
        read = (looking @ memory)[:, 0]
        erase, add = writes.view(-1, 2, 1, self.word).unbind(1)
        memory = memory * (1 - writing * torch.sigmoid(erase)) + writing * torch.tanh(add)
        return memory, attended, read, hidden


def named(ours: weights.Arrays, slopes: bool) -> dict[str, np.ndarray]:
    """Our parameters by these names."""
    return {
        **weights.linear("input", ours, "machine/controller/input"),
        **weights.linear("before", ours, "machine/controller/read"),
        **weights.linear("heads", ours, "machine/memory/heads"),
        **weights.linear("logits", ours, "logits"),
        "first_weights": ours["machine/memory/first_weights"],
        "first_read": ours["machine/memory/first_read_vectors"],
    }


def system(row: str) -> System:
    """The loop's step is compiled."""
    return System(NTM, named, compiled="step")
