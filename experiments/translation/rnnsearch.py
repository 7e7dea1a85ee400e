"""RNNsearch learns to translate and to align (Bahdanau, Cho, Bengio 2015, Table 1 and Figure 2).

What it shows: with attention, translations stay good however long the sentence is; without it
(`translation/seq2seq`, the same data, steps and size) they fall apart. And the attention weights
are a word alignment nobody taught.

    attention-jax train --config=translation/rnnsearch --workdir=W
    attention-jax evaluate --workdir=W --split=test

The default learns CLDR phrases, English to French, in a few minutes on two CPU cores. The paper:
WMT14 En-Fr, 30 k words a side, 1000 units, BLEU 26.75 for sentences of up to 50 words (34.16
without unknown words); its model is the default of `models/rnnsearch.py`.

Real text, brought in --manual_dir: `multi30k` (image captions, half an hour on two cores; public
notebooks reach BLEU 28.3 German to English with additive attention), `tatoeba`, `enja50k`.

    attention-jax train --config=translation/rnnsearch:multi30k --workdir=W --manual_dir=DIR
    attention-jax evaluate --workdir=W --split=test_2016_flickr \
      --config.decode.beams=5 --config.decode.length_penalty=0.6

Arguments: `multi30k`, `tatoeba` or `enja50k`; `smoke` (a few steps of a tiny model); `source=..`,
`target=..` (languages of Babel, or of the set: `rnnsearch:multi30k,source=en,target=de`).
"""

import ml_collections

from attention_jax import experiment
from attention_jax.experiment import Experiment, Folders


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """The default, or its variants by `arg`."""
    from attention_jax import translations
    from attention_jax.tasks import real_text

    known = ["smoke", *real_text.NAMES]
    words, languages = experiment.parse_arg(arg, known, ["source", "target"])
    config = translations.default_config()
    config.steps = 1000
    config.batch_size = 64
    config.evaluate_every = 500
    config.model = ml_collections.ConfigDict(
        {
            "embedding": 128,
            "hidden": 192,
            "alignment": 128,
            "maxout": 128,
            "cell": "gru",
            # The paper resets before the product. One seed of it, trained as long, had an alignment
            # error rate of 0.21; three of this have 0.205, so either will do.
            "reset": "after",
            "dropout": 0.0,
            "paper_init": False,
        }
    )
    config.optimizer.learning_rate = 3e-3
    config.optimizer.schedule.name = "cosine"
    config.optimizer.schedule.warmup = 100
    if text := real_text.asked_for(words):
        real_text.use(config, text)
        config.model.update(embedding=256, hidden=320, alignment=320, maxout=320)
    config.data.update(languages)
    if "smoke" in words:
        translations.shrink(config)
        config.model.update(embedding=8, hidden=8, alignment=8, maxout=8)
    return config.lock()


def build(config: ml_collections.ConfigDict, folders: Folders) -> Experiment:
    """Source words -> biGRU -> attention -> GRU -> maxout -> target words."""
    from attention_jax import translations
    from attention_jax.models.rnnsearch import RNNsearch

    return translations.assemble(RNNsearch, config, folders)


def sweep(trial) -> dict:
    """Learning rate and width: what the result depends on most."""
    return {
        "optimizer.learning_rate": trial.suggest_categorical("learning_rate", [1e-3, 3e-3]),
        "model.hidden": trial.suggest_categorical("hidden", [128, 192]),
    }
