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
    from attention_jax.tasks import real_text, translation

    known = ["smoke", *real_text.NAMES]
    words, languages = experiment.parse_arg(arg, known, ["source", "target"])
    config = experiment.default_config()
    config.update(translation.default_config())
    config.data.validation_size = 500
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
            # The paper resets before the product. So trained as long, its alignments are a little
            # worse here: an error rate of 0.21 against 0.19.
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
        experiment.shrink(config, steps=4, batch_size=8)
        config.data.update(train_size=400, validation_size=16, test_size=16, long_size=8)
        config.data.buckets = (64,)
        config.model.update(embedding=8, hidden=8, alignment=8, maxout=8)
    return config.lock()


def build(config: ml_collections.ConfigDict, folders: Folders) -> Experiment:
    """Source words -> biGRU -> attention -> GRU -> maxout -> target words."""
    import jax.numpy as jnp

    from attention_jax.baselines import translation as baselines
    from attention_jax.data.corpora import make_corpus
    from attention_jax.data.translation import TranslationData
    from attention_jax.models.rnnsearch import RNNsearch
    from attention_jax.tasks.translation import Translation
    from attention_jax.training.optimizers import make_optimizer

    corpus = make_corpus(config.data, folders.data_dir, folders.manual_dir)
    data = TranslationData(corpus, config, folders.workdir)
    model = RNNsearch(
        source_vocab=data.source_tokenizer.size,
        target_vocab=data.target_tokenizer.size,
        dtype=jnp.dtype(config.dtype),
        **config.model,
    )
    optimizer = make_optimizer(config.optimizer, config.steps)
    task = Translation(model, data, config, optimizer)
    return Experiment(config, task, data, baselines.for_corpus(data))


def sweep(trial) -> dict:
    """Learning rate and width: what the result depends on most."""
    return {
        "optimizer.learning_rate": trial.suggest_categorical("learning_rate", [1e-3, 3e-3]),
        "model.hidden": trial.suggest_categorical("hidden", [128, 192]),
    }
