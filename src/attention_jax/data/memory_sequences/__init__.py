"""The five tasks of the Neural Turing Machine, as sequences made on the spot (Graves 2014, §4).

`tape` says what a sequence is; `copying`, `recall`, `ngrams` and `sorting` make them; `dice` has
the random words they are made of, `written` reads a user's, `batches` is all of it as data.
"""

from attention_jax.data.memory_sequences.batches import MemoryData
from attention_jax.data.memory_sequences.copying import Copy, RepeatCopy
from attention_jax.data.memory_sequences.ngrams import NGrams
from attention_jax.data.memory_sequences.recall import AssociativeRecall
from attention_jax.data.memory_sequences.sorting import PrioritySort
from attention_jax.data.memory_sequences.tape import Sequences, Tape

__all__ = [
    "AssociativeRecall",
    "Copy",
    "MemoryData",
    "NGrams",
    "PrioritySort",
    "RepeatCopy",
    "Sequences",
    "Tape",
]
