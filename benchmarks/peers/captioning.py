"""Show, Attend and Tell with soft attention as a careful user of PyTorch writes it.

What does not wait for the state stands outside the loop: keys, the gates of every word, and what
tells the words. Time leads, so that a step's slice is contiguous.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.peers import weights
from benchmarks.peers.work import System


class ShowAttendTell(nn.Module):
    """The module; `step` is all that the loop holds."""

    def __init__(self, sizes: Mapping[str, Any]):
        super().__init__()
        embedding, hidden, alignment = (
            sizes[name] for name in ("embedding", "hidden", "alignment")
        )
        widths = [sizes["channels"], *(filters for (filters,) in sizes["stages"])]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths))
        seen = widths[-1] + 2
        self.embed = nn.Embedding(sizes["vocab"], embedding)
        self.first_hidden = nn.Linear(seen, hidden)
        self.first_cell = nn.Linear(seen, hidden)
        self.keys = nn.Linear(seen, alignment, bias=False)
        self.query = nn.Linear(hidden, alignment, bias=False)
        self.energy = nn.Parameter(torch.empty(alignment))
        self.selector = nn.Linear(hidden, 1)
        self.input = nn.Linear(embedding, 4 * hidden)
        self.recurrent = nn.Linear(hidden, 4 * hidden, bias=False)
        self.from_read = nn.Linear(seen, 4 * hidden, bias=False)
        self.output_state = nn.Linear(hidden, embedding)
        self.output_read = nn.Linear(seen, embedding, bias=False)
        self.logits = nn.Linear(embedding, sizes["vocab"])
        self.to(memory_format=torch.channels_last)

    def loss(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Mean nats of a word."""
        annotations = self.annotate(batch["images"].permute(0, 3, 1, 2).to(self.energy.dtype) / 255)
        mean, keys = annotations.mean(1), self.keys(annotations)
        hidden, cell = torch.tanh(self.first_hidden(mean)), torch.tanh(self.first_cell(mean))
        tokens = self.embed(batch["inputs"].long().T)
        states, reads = [], []
        for projected in self.input(tokens).unbind():
            hidden, cell, read = self.step(hidden, cell, projected, keys, annotations)
            states.append(hidden)
            reads.append(read)
        told = self.output_state(torch.stack(states)) + self.output_read(torch.stack(reads))
        logits = self.logits(tokens + told)
        nats = F.cross_entropy(
            logits.flatten(0, 1), batch["targets"].long().T.flatten(), reduction="none"
        )
        real = batch["targets_mask"].T.flatten()
        return (nats * real).sum() / real.sum()

    def annotate(self, images: Tensor) -> Tensor:
        """[batch, places, features], y and x last."""
        x = images.contiguous(memory_format=torch.channels_last)
        for number, conv in enumerate(self.convs):
            x = F.relu(conv(F.max_pool2d(x, 2) if number else x))
        y, x_ = ((2 * torch.arange(cells) + 1) / cells - 1 for cells in x.shape[2:])
        where = torch.stack(torch.meshgrid(y, x_, indexing="ij"), -1).flatten(0, 1)
        cells = x.permute(0, 2, 3, 1).flatten(1, 2)
        return torch.cat([cells, where.expand(len(x), -1, -1)], -1)

    def step(
        self, hidden: Tensor, cell: Tensor, projected: Tensor, keys: Tensor, annotations: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """h_t, c_t and z_t."""
        scores = torch.tanh(self.query(hidden)[:, None] + keys) @ self.energy
        context = (scores.softmax(-1)[:, None] @ annotations)[:, 0]
        read = torch.sigmoid(self.selector(hidden)) * context
        gates = projected + self.recurrent(hidden) + self.from_read(read)
        write, forget, new, output = gates.chunk(4, -1)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(write) * torch.tanh(new)
        return torch.sigmoid(output) * torch.tanh(cell), cell, read


def named(ours: weights.Arrays, slopes: bool) -> dict[str, np.ndarray]:
    """Our parameters by these names."""
    same = ("first_hidden", "first_cell", "selector", "from_read", "output_state", "output_read")
    linears = {name: name for name in (*same, "logits")}
    linears |= {"keys": "scorer/key_projection", "query": "scorer/query_projection"}
    found = {
        "embed.weight": ours["embed/embedding"],
        "energy": ours["scorer/v"],
        "recurrent.weight": weights.matrix(ours["cell/recurrent"]),
        **weights.linear("input", ours, "cell/input"),
    }
    for name, path in linears.items():
        found |= weights.linear(name, ours, path)
    for path in {name.rpartition("/")[0] for name in ours if "Conv_" in name}:
        number = path.rpartition("_")[2]
        found[f"convs.{number}.weight"] = ours[f"{path}/kernel"].transpose(3, 2, 0, 1)
        found[f"convs.{number}.bias"] = ours[f"{path}/bias"]
    return found


def system(row: str) -> System:
    """The loop's step is compiled."""
    return System(ShowAttendTell, named, compiled="step")
