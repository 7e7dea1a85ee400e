"""What the translation rows share: an experiment whose vocabulary is made up, and full batches."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from attention_jax import experiment
from attention_jax.data.tokenizers import EOS
from attention_jax.experiment import Experiment
from attention_jax.typing import Batch

_LINE = 50


def with_vocabulary(name: str, words: int, overrides: dict[str, Any]) -> Experiment:
    """A translation experiment that knows that many words a side, and otherwise is as it stands."""
    known = [f"w{n}" for n in range(words)]
    lines = [" ".join(known[at : at + _LINE]) for at in range(0, words, _LINE)]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pairs.tsv"
        file.write_text("".join(f"{line}\t{line}\n" for line in lines), encoding="utf-8")
        splits = ("train", "validation", "test")
        data = {"data.name": "files", **{f"data.{split}": str(file) for split in splits}}
        return experiment.load(name, data | {"data.buckets": (_LINE + 1,)} | overrides)


def full_batch(batch: int, time: int, words: int) -> Batch:
    """Random sentences without padding, which is work that no peer would do: of one length."""
    dice = np.random.default_rng(0)
    # Words follow the special symbols.
    source, target = dice.integers(EOS + 1, words, (2, batch, time), np.int32)
    target[:, -1] = EOS
    index = np.arange(batch, dtype=np.int32)
    return {"source": source, "target": target, "index": index, "mask": np.ones(batch, bool)}
