"""RNNsearch, `translation/rnnsearch` with wider layers and more words."""

from benchmarks.ours.searches import searching
from benchmarks.ours.sentences import full_batch, with_vocabulary
from benchmarks.ours.work import Decoding, Training

WORDS = 8_000
BATCH = 32
MODEL = {"embedding": 256, "hidden": 512, "alignment": 256, "maxout": 256}
TIMES = {"rnnsearch_20": 20, "rnnsearch_60": 60, "rnnsearch_greedy": 30, "rnnsearch_beam": 30}


def build(row: str) -> Training | Decoding:
    """The update on sentences of so many tokens a side, or a search for as many."""
    overrides = {f"model.{name}": size for name, size in MODEL.items()}
    found = with_vocabulary("translation/rnnsearch", WORDS, overrides)
    model, time = found.task.model, TIMES[row]
    sizes = {**MODEL, "source_vocab": model.source_vocab, "target_vocab": model.target_vocab}
    batch = full_batch(BATCH, time, WORDS)
    if row.endswith(("greedy", "beam")):
        return searching(row, found, batch, sizes, time)
    return Training(found, batch, sizes)
