"""SNAIL as a careful user of PyTorch writes it.

Images in `channels_last`, which the CPU's convolutions prefer. A causal convolution of kernel 2 is
one product for both of its taps, one of whose results is moved in time. As in ours a sequence is an
episode's `shown` images and then its queries, each of which continues the former alone, so that
these are read once for all of them.
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

_BLOCKS = 4


class Dense(nn.Module):
    """[x; tanh(W_f * x) ⊙ σ(W_g * x)], two steps `dilation` apart."""

    def __init__(self, width: int, features: int, dilation: int):
        super().__init__()
        self.dilation = dilation
        self.taps = nn.Parameter(torch.empty(2, width, 2 * features))
        self.bias = nn.Parameter(torch.empty(2 * features))

    def forward(self, x: Tensor, shown: int) -> Tensor:
        earlier, now = (x @ torch.cat(self.taps.unbind(), -1)).chunk(2, -1)
        moved = F.pad(earlier[:, :shown], (0, 0, self.dilation, 0))
        asked = moved[:, shown : shown + 1].expand(-1, x.shape[1] - shown, -1)
        earlier = torch.cat([moved[:, :shown], asked], 1)
        filtered, opening = (earlier + now + self.bias).chunk(2, -1)
        return torch.cat([x, torch.tanh(filtered) * torch.sigmoid(opening)], -1)


class Attention(nn.Module):
    """[x; softmax(q kᵀ / sqrt K) v] over steps that are not later."""

    def __init__(self, width: int, keys: int, values: int):
        super().__init__()
        self.parts = [keys, keys, values]
        self.project = nn.Linear(width, sum(self.parts))

    def forward(self, x: Tensor, shown: int) -> Tensor:
        query, keys, values = self.project(x).split(self.parts, -1)
        at = torch.arange(x.shape[1])
        seen = (at[:, None] == at) | ((at < shown) & (at < at[:, None]))
        read = F.scaled_dot_product_attention(query, keys, values, attn_mask=seen)
        return torch.cat([x, read], -1)


class SNAIL(nn.Module):
    """Images with their classes, and images without: scores of the latter's classes."""

    def __init__(self, sizes: Mapping[str, Any]):
        super().__init__()
        self.ways, filters = sizes["ways"], sizes["filters"]
        widths = (sizes["channels"], *[filters] * _BLOCKS)
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in pairwise(widths)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(filters) for _ in self.convs)
        self.embed = nn.Linear(filters, sizes["embedding"])
        width, self.blocks = sizes["embedding"] + self.ways, nn.ModuleList()
        layers = (self.ways * sizes["shots"]).bit_length()
        for size in sizes["sizes"]:
            if isinstance(size, int):
                dense = [Dense(width + n * size, size, 2**n) for n in range(layers)]
                self.blocks.append(nn.ModuleList(dense))
                width += layers * size
            else:
                self.blocks.append(Attention(width, *size))
                width += size[1]
        self.logits = nn.Linear(width, self.ways)
        self.to(memory_format=torch.channels_last)

    def loss(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Mean nats of a query."""
        images = torch.cat([batch["support"], batch["queries"]], 1).permute(0, 1, 4, 2, 3)
        labels = F.one_hot(batch["labels"].long(), self.ways).to(self.logits.weight.dtype)
        logits = self(images.to(self.logits.weight.dtype) / 255, labels)
        return F.cross_entropy(logits.flatten(0, 1), batch["targets"].long().flatten())

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """[batch, queries, ways]."""
        batch, shown = labels.shape[:2]
        x = images.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.relu(F.max_pool2d(norm(conv(x)), 2))
        features = self.embed(x.flatten(1)).view(batch, -1, self.embed.out_features)
        asked = features.shape[1] - shown
        x = torch.cat([features, F.pad(labels, (0, 0, 0, asked))], -1)
        for block in self.blocks:
            for layer in block if isinstance(block, nn.ModuleList) else [block]:
                x = layer(x, shown)
        return self.logits(x[:, shown:])


def named(ours: weights.Arrays, slopes: bool) -> dict[str, np.ndarray]:
    """Our parameters by these names; of weights the statistics too, which start as they do."""
    found = {**weights.linear("embed", ours, "embed"), **weights.linear("logits", ours, "logits")}
    for n in range(_BLOCKS):
        found[f"convs.{n}.weight"] = ours[f"look/Conv_{n}/kernel"].transpose(3, 2, 0, 1)
        scale = found[f"norms.{n}.weight"] = ours[f"look/BatchNorm_{n}/scale"]
        found[f"norms.{n}.bias"] = ours[f"look/BatchNorm_{n}/bias"]
        if not slopes:
            found[f"norms.{n}.running_mean"] = np.zeros_like(scale)
            found[f"norms.{n}.running_var"] = np.ones_like(scale)
            found[f"norms.{n}.num_batches_tracked"] = np.array(0)
    for path in {name.rpartition("/")[0] for name in ours if "blocks_" in name}:
        number = path.split("blocks_")[1].split("/")[0]
        if path.endswith("/project"):
            found |= weights.linear(f"blocks.{number}.project", ours, path)
        else:
            depth = path.split("dense_")[1].split("/")[0]
            found[f"blocks.{number}.{depth}.taps"] = ours[f"{path}/kernel"]
            found[f"blocks.{number}.{depth}.bias"] = ours[f"{path}/bias"]
    return found


def system(row: str) -> System:
    """Compiled whole."""
    return System(SNAIL, named, compiled="loss")
