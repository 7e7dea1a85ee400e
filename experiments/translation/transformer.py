"""The Transformer: translation with attention and nothing else (Vaswani et al. 2017, Table 2).

What the paper shows: without any recurrence, attention between all positions translates better than
the best recurrent models. Here: many heads, each a map of its own (`predict --pictures`).

    attention-jax train --config=translation/transformer --workdir=W
    attention-jax evaluate --workdir=W --split=test

The default learns CLDR phrases, English to French: BLEU 89.3 and an alignment error rate of .12
(one run). The paper: WMT14 En-De BLEU 27.3 (base) and 28.4 (big), beam 4, length penalty 0.6, the
last 5 and 20 checkpoints averaged.

Real text, brought in --manual_dir: `multi30k` (image captions, German to English: BLEU 41.2 as
below, RNNsearch has 41.7, a Transformer of public notebooks 36.5; English to German: 39.4; an hour
and a half on one core of a CPU), `tatoeba`, `enja50k`.

    attention-jax train --config=translation/transformer:multi30k --workdir=W --manual_dir=DIR
    attention-jax evaluate --workdir=W --split=test_2016_flickr --checkpoint=average:5 \
      --config.decode.beams=5 --config.decode.length_penalty=0.6

The paper's own sizes and optimiser, for accelerators and a corpus of millions of pairs:

    attention-jax train --config=translation/transformer:base --workdir=W \
      --config.data.name=files --config.data.train=train.en,train.de \
      --config.data.validation=dev.en,dev.de --config.tokenizer.kind=sentencepiece \
      --config.tokenizer.size=37000

Arguments: `base` or `big`; `multi30k`, `tatoeba` or `enja50k`; `smoke` (a few steps of a tiny
model); `source=..`, `target=..` (languages of Babel, or of the set).
"""

import ml_collections

from attention_jax import experiment
from attention_jax.experiment import Experiment, Folders


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """The default, or its variants by `arg`."""
    from attention_jax import translations
    from attention_jax.tasks import real_text

    known = ["smoke", "base", "big", *real_text.NAMES]
    words, languages = experiment.parse_arg(arg, known, ["source", "target"])
    config = translations.default_config()
    config.steps = 1500
    config.batch_size = 64
    config.evaluate_every = 500
    config.model = ml_collections.ConfigDict(
        {
            "features": 128,
            "heads": 4,
            "layers": 2,
            "feed_forward": 512,
            "dropout": 0.0,
            "norm": "post",
            "positions": "sinusoidal",
            "max_length": 1024,
            "embeddings": "tied",
        }
    )
    # The paper's optimiser (§5.3): Adam, and a rate that falls with the step's square root.
    config.optimizer.update(b2=0.98, eps=1e-9)
    config.optimizer.learning_rate = 2e-3
    config.optimizer.schedule.update(name="transformer", warmup=400)
    if text := real_text.asked_for(words):
        real_text.use(config, text)
        _use_real_text(config)
        if text == "multi30k":
            _use_captions(config)
    if "big" in words:
        _use_paper(config, 1024, 16, 4096, dropout=0.3, steps=300_000, averaged=20)
    elif "base" in words:
        _use_paper(config, 512, 8, 2048, dropout=0.1, steps=100_000, averaged=5)
    config.data.update(languages)
    if "smoke" in words:
        translations.shrink(config)
        config.model.update(features=8, heads=2, feed_forward=16, layers=1)
    return config.lock()


def _use_real_text(config: ml_collections.ConfigDict) -> None:
    """Small, and normalised before each sublayer, which stands a higher rate: after one epoch of
    Multi30k a validation perplexity of 20, against 36 in the published order (rate 6e-4; one run).
    """
    config.model.update(features=256, heads=4, layers=3, feed_forward=512, dropout=0.2, norm="pre")
    # German and English share names, numbers and many pieces of words.
    config.model.embeddings = "shared"
    config.tokenizer.update(shared=True, size=6_000)
    # In ten epochs a rate that ends at zero does more than the paper's, which falls slowly.
    config.optimizer.learning_rate = 1e-3
    config.optimizer.schedule.update(name="cosine", warmup=200)
    # What `--checkpoint=average:5` takes: the last five quarters of an epoch.
    config.keep = 5
    config.checkpoint_every //= 4


def _use_captions(config: ml_collections.ConfigDict) -> None:
    """29,000 pairs, read often by a model with two fifths of the parameters: in ten epochs the
    larger one comes to a BLEU of 38.8, German to English.
    """
    config.model.update(features=128, layers=4, feed_forward=256)
    # 34 epochs.
    config.steps, config.evaluate_every = 15_436, 4 * 454
    config.optimizer.learning_rate = 2e-3
    config.optimizer.schedule.warmup = 400


def _use_paper(
    config: ml_collections.ConfigDict,
    features: int,
    heads: int,
    feed_forward: int,
    *,
    dropout: float,
    steps: int,
    averaged: int,
) -> None:
    """Vaswani 2017, §5 and Table 3; 1,000 pairs are about their 25,000 tokens a side."""
    config.model.update(features=features, heads=heads, feed_forward=feed_forward, layers=6)
    config.model.update(dropout=dropout, embeddings="shared")
    config.tokenizer.shared = True
    config.steps, config.batch_size = steps, 1000
    config.optimizer.learning_rate = (features * 4000) ** -0.5
    config.optimizer.schedule.update(name="transformer", warmup=4000)
    config.optimizer.clip = 0.0
    config.loss.label_smoothing = 0.1
    config.decode.update(beams=4, length_penalty=0.6, extra_length=50)
    config.keep = averaged
    # About ten minutes apart on the paper's machine.
    config.checkpoint_every = 1500
    config.evaluate_every = 7500


def build(config: ml_collections.ConfigDict, folders: Folders) -> Experiment:
    """Source words -> self-attention -> attention over them and over what was said -> target words.

    Raises:
      UserError: shared embeddings of two vocabularies.
    """
    from attention_jax import translations
    from attention_jax.errors import UserError
    from attention_jax.models.transformer import Transformer

    # The model sees sizes only, and two vocabularies may well be of one size.
    if config.model.embeddings == "shared" and not config.tokenizer.shared:
        raise UserError(
            "config.model.embeddings is shared but the vocabularies are two: set "
            "--config.tokenizer.shared=True, or --config.model.embeddings=tied"
        )
    return translations.assemble(Transformer, config, folders)


def sweep(trial) -> dict:
    """Where the norm stands and how positions are told (Vaswani 2017, Table 3, row E)."""
    return {
        "model.norm": trial.suggest_categorical("norm", ["post", "pre"]),
        "model.positions": trial.suggest_categorical("positions", ["sinusoidal", "learned"]),
    }
