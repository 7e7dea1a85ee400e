"""The Transformer, `translation/transformer` with 4 + 4 blocks and more words."""

from benchmarks.ours.searches import searching
from benchmarks.ours.sentences import full_batch, with_vocabulary
from benchmarks.ours.work import Decoding, Training

WORDS = 8_000
BATCH = 32
TIME = 30
MODEL = {"features": 256, "heads": 8, "layers": 4, "feed_forward": 1024}


def build(row: str) -> Training | Decoding:
    """The update on sentences of so many tokens a side, or a search for as many."""
    overrides = {f"model.{name}": size for name, size in MODEL.items()}
    found = with_vocabulary("translation/transformer", WORDS, overrides)
    model = found.task.model
    sizes = {**MODEL, "source_vocab": model.source_vocab, "target_vocab": model.target_vocab}
    batch = full_batch(BATCH, TIME, WORDS)
    if row == "transformer":
        return Training(found, batch, sizes)
    return searching(row, found, batch, sizes, TIME)
