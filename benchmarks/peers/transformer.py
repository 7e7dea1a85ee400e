"""The Transformer as a careful user of PyTorch writes it.

`scaled_dot_product_attention` everywhere, one product for W_q, W_k and W_v, tied embeddings, and a
cache of fixed size for decoding, of which a step reads and reorders what is filled.
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
_LONGEST = 1024


class Attention(nn.Module):
    """Several heads; `parts` projections in one product."""

    def __init__(self, features: int, heads: int, parts: tuple[int, ...]):
        super().__init__()
        self.heads = heads
        self.projections = nn.ModuleList(
            nn.Linear(features, n * features, bias=False) for n in parts
        )
        self.output = nn.Linear(features, features, bias=False)

    def split(self, x: Tensor, number: int = 0) -> tuple[Tensor, ...]:
        """[batch, heads, time, head_dim] of each part."""
        product = self.projections[number](x)
        parts = product.view(*x.shape[:2], -1, self.heads, x.shape[-1] // self.heads)
        return parts.permute(2, 0, 3, 1, 4).unbind()

    def join(self, read: Tensor) -> Tensor:
        """W_o of the heads side by side."""
        return self.output(read.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Self-attention, in a decoder attention over a memory, and the feed-forward network."""

    def __init__(self, sizes: Mapping[str, Any], cross: bool):
        super().__init__()
        features, heads = sizes["features"], sizes["heads"]
        self.own = Attention(features, heads, (3,))
        self.cross = Attention(features, heads, (1, 2)) if cross else None
        self.norms = nn.ModuleList(nn.LayerNorm(features, eps=1e-6) for _ in range(2 + cross))
        self.wide = nn.Linear(features, sizes["feed_forward"])
        self.narrow = nn.Linear(sizes["feed_forward"], features)

    def forward(
        self,
        x: Tensor,
        read: Tensor | None,
        memory: tuple[Tensor, ...] = (),
        memory_read: Tensor | None = None,
    ) -> Tensor:
        """All positions at once; a block with a memory is causal."""
        query, keys, values = self.own.split(x)
        found = F.scaled_dot_product_attention(
            query, keys, values, attn_mask=read, is_causal=self.cross is not None
        )
        x = self.norms[0](x + self.own.join(found))
        return self.rest(x, memory, memory_read)

    def step(
        self, x: Tensor, cache: Tensor, time: int, memory: tuple[Tensor, ...], read: Tensor
    ) -> Tensor:
        """One position of rows [batch x beams]; the cache is [2, rows, heads, steps, head_dim]."""
        query, *new = self.own.split(x[:, None])
        for old, entry in zip(cache, new, strict=True):
            old[:, :, time] = entry[:, :, 0]
        keys, values = cache[:, :, :, : time + 1]
        found = F.scaled_dot_product_attention(query, keys, values)
        x = self.norms[0](x + self.own.join(found)[:, 0])
        return self.rest(x.view(len(memory[0]), -1, x.shape[-1]), memory, read).view(x.shape)

    def rest(self, x: Tensor, memory: tuple[Tensor, ...], read: Tensor | None) -> Tensor:
        """What follows self-attention."""
        if self.cross is not None:
            (query,) = self.cross.split(x)
            found = F.scaled_dot_product_attention(query, *memory, attn_mask=read)
            x = self.norms[1](x + self.cross.join(found))
        return self.norms[-1](x + self.narrow(F.relu(self.wide(x))))


class Transformer(nn.Module):
    """Encoder, decoder, and the target's embedding as output layer."""

    def __init__(self, sizes: Mapping[str, Any]):
        super().__init__()
        self.sizes = sizes
        features, layers = sizes["features"], sizes["layers"]
        self.source_tokens = nn.Embedding(sizes["source_vocab"], features)
        self.target_tokens = nn.Embedding(sizes["target_vocab"], features)
        self.encoder = nn.ModuleList(Block(sizes, cross=False) for _ in range(layers))
        self.decoder = nn.ModuleList(Block(sizes, cross=True) for _ in range(layers))
        self.register_buffer("positions", _sinusoidal(features), persistent=False)

    def loss(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Mean cross-entropy of the real target tokens."""
        target = batch["target"].long()
        memory, read = self.encode(batch["source"].long())
        fed = F.pad(target[:, :-1], (1, 0), value=BOS)
        x = self.place(self.target_tokens, fed)
        for block, keys_values in zip(self.decoder, memory, strict=True):
            x = block(x, None, keys_values, read)
        logits = F.linear(x, self.target_tokens.weight)
        return F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=PAD)

    def encode(self, source: Tensor) -> tuple[list[tuple[Tensor, ...]], Tensor]:
        """Keys and values for each decoder block, and where they may be read."""
        read = (source != PAD)[:, None, None]
        x = self.place(self.source_tokens, source)
        for block in self.encoder:
            x = block(x, read)
        return [block.cross.split(x, 1) for block in self.decoder], read

    def search(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The best sentences; hypotheses about one source are its queries, which is not copied."""
        source, sizes = batch["source"].long(), self.sizes
        memory, read = self.encode(source)
        rows, head_dim = len(source) * sizes["beams"], sizes["features"] // sizes["heads"]
        shape = (sizes["layers"], 2, rows, sizes["heads"], sizes["steps"], head_dim)
        caches = torch.zeros(shape)

        def step(token: Tensor, time: int) -> Tensor:
            x = self.place(self.target_tokens, token[:, None], time)[:, 0]
            for block, cache, keys_values in zip(self.decoder, caches, memory, strict=True):
                x = block.step(x, cache, time, keys_values, read)
            return F.linear(x, self.target_tokens.weight)

        def reorder(parents: Tensor, steps: int) -> None:
            filled = caches[:, :, :, :, :steps]
            filled.copy_(filled.index_select(2, parents))

        return search(sizes, len(source), step, reorder)

    def place(self, tokens: nn.Embedding, words: Tensor, first: int = 0) -> Tensor:
        """sqrt(features) E y + PE."""
        positions = self.positions[first : first + words.shape[1]]
        return tokens(words) * self.sizes["features"] ** 0.5 + positions


def _sinusoidal(features: int) -> Tensor:
    feature = torch.arange(features, dtype=torch.float64)
    frequencies = 10_000.0 ** -((feature - feature % 2) / features)
    angles = torch.arange(_LONGEST, dtype=torch.float64)[:, None] * frequencies
    return torch.where(feature % 2 == 0, angles.sin(), angles.cos()).float()


def named(ours: weights.Arrays, slopes: bool) -> dict[str, np.ndarray]:
    """Our parameters by these names."""
    tables = ("source_tokens", "target_tokens")
    found = {f"{name}.weight": ours[f"{name}/embedding"] for name in tables}
    for path in sorted({name.rpartition("/blocks_")[0] for name in ours if "/blocks_" in name}):
        numbers = {name.split("/")[1] for name in ours if name.startswith(f"{path}/")}
        for number in numbers:
            found |= _block(f"{path}.{number.removeprefix('blocks_')}", ours, f"{path}/{number}")
    return found


def _block(name: str, ours: weights.Arrays, path: str) -> dict[str, np.ndarray]:
    linears = {
        "own.projections.0": "self_attention/query_key_value",
        "own.output": "self_attention/output",
        "cross.projections.0": "cross_attention/query",
        "cross.projections.1": "cross_attention/key_value",
        "cross.output": "cross_attention/output",
        "wide": "feed_forward/Dense_0",
        "narrow": "feed_forward/Dense_1",
    }
    arounds = ("around_self", "around_cross", "around_feed_forward")
    norms = [around for around in arounds if f"{path}/{around}/normalize/scale" in ours]
    found: dict[str, np.ndarray] = {}
    for linear, part in linears.items():
        if f"{path}/{part}/kernel" in ours:
            found |= weights.linear(f"{name}.{linear}", ours, f"{path}/{part}")
    for place, around in enumerate(norms):
        found[f"{name}.norms.{place}.weight"] = ours[f"{path}/{around}/normalize/scale"]
        found[f"{name}.norms.{place}.bias"] = ours[f"{path}/{around}/normalize/bias"]
    return found


def system(row: str) -> System:
    """Training is compiled whole; a search's cache grows, so that is not."""
    return System(Transformer, named, compiled="loss" if row == "transformer" else "")
