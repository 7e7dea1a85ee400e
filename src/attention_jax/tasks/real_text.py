"""What the translation experiments change for real text: data, subwords, dropout, steps.

Each set is asked for by name in an experiment's argument, `translation/rnnsearch:multi30k`, and
read from `--manual_dir`; `data.manual` says where its files come from and how they are split.
"""

from collections.abc import Collection
from typing import NamedTuple

import ml_collections

from attention_jax.errors import UserError


class RealText(NamedTuple):
    """How a set is trained on.

    Attributes:
      source, target: languages, unless others are asked for.
      pieces: of sentencepiece's byte-pair encoding, a side.
      buckets: lengths in pieces.
      steps: of 64 pairs.
      epoch: about so many steps, after every two of which is evaluated.
    """

    source: str
    target: str
    pieces: int
    buckets: tuple[int, ...]
    steps: int
    epoch: int


_SETS = {
    # Ten epochs.
    "multi30k": RealText("de", "en", 4_000, (12, 16, 20, 26, 36, 64), 4_540, 454),
    # Eight and ten epochs.
    "tatoeba": RealText("en", "es", 8_000, (8, 12, 16, 24, 48), 13_600, 1_700),
    "enja50k": RealText("en", "ja", 8_000, (12, 16, 20, 28, 48), 7_750, 775),
}

NAMES = tuple(_SETS)


def asked_for(words: Collection[str]) -> str:
    """The set among an experiment's arguments; "" for none.

    Raises:
      UserError: for more than one.
    """
    asked = [name for name in NAMES if name in words]
    if len(asked) > 1:
        raise UserError(f"the experiment cannot take both {asked[0]} and {asked[1]}: choose one")
    return asked[0] if asked else ""


def use(config: ml_collections.ConfigDict, name: str) -> None:
    """Turns a translation experiment's config to a set of `NAMES`.

    Subwords of the training split, dropout, label smoothing 0.1 (Vaswani 2017, §5.4) and a cosine
    that ends with the run: small real corpora are soon learned by heart. Validation is greedy; a
    test with beam 5 is asked for, `evaluate --config.decode.beams=5`.
    """
    chosen = _SETS[name]
    config.data.name = name
    config.data.update(source=chosen.source, target=chosen.target, buckets=chosen.buckets)
    config.tokenizer.update(kind="sentencepiece", size=chosen.pieces)
    config.steps = chosen.steps
    config.evaluate_every = 2 * chosen.epoch
    config.checkpoint_every = chosen.epoch
    config.model.dropout = 0.3
    config.loss.label_smoothing = 0.1
    config.decode.max_length = 100
    config.optimizer.learning_rate = 2e-3
