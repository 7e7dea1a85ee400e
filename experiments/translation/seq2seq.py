"""Translation through one fixed vector, and what it forgets (Sutskever 2014; Bahdanau 2015).

What it shows: the same data, steps and size as `translation/rnnsearch`, but all the decoder ever
learns of the source is the encoder's last state. It learns far more slowly, and the longer the
sentence, the less of it survives. That is the claim attention was founded on (Bahdanau 2015,
Figure 2).

    attention-jax train --config=translation/seq2seq --workdir=W
    attention-jax evaluate --workdir=W --split=test

The papers: Sutskever, WMT14 En-Fr, 4 LSTM layers of 1000, source reversed, BLEU 30.59 (forward
26.17); Bahdanau's RNNencdec, sentences of up to 50 words, BLEU 17.82 (RNNsearch 26.75).

Real text, brought in --manual_dir: `multi30k` (image captions, German to English; public notebooks
reach BLEU 13.8, and 20.6 with `cho`'s context), `tatoeba`, `enja50k`.

    attention-jax train --config=translation/seq2seq:multi30k --workdir=W --manual_dir=DIR

Arguments: `cho` (RNNencdec: the vector at every step); `multi30k`, `tatoeba` or `enja50k`; `smoke`
(a few steps of a tiny model); `source=..`, `target=..` (languages of Babel, or of the set).
"""

import ml_collections

from attention_jax import experiment
from attention_jax.experiment import Experiment, Folders


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """The default, or its variants by `arg`."""
    from attention_jax import translations
    from attention_jax.tasks import real_text

    known = ["smoke", "cho", *real_text.NAMES]
    words, languages = experiment.parse_arg(arg, known, ["source", "target"])
    config = translations.default_config()
    config.steps = 1000
    config.batch_size = 64
    config.evaluate_every = 500
    config.model = ml_collections.ConfigDict(
        {
            "embedding": 128,
            # About as many parameters as RNNsearch's 192 with its second encoder and attention.
            "hidden": 256,
            "layers": 1,
            "cell": "gru" if "cho" in words else "lstm",
            "reset": "after",
            "reverse_source": "cho" not in words,
            "context": "every_step" if "cho" in words else "initial",
            "maxout": 128,
            "dropout": 0.0,
            "paper_init": False,
        }
    )
    config.optimizer.learning_rate = 3e-3
    config.optimizer.schedule.name = "cosine"
    config.optimizer.schedule.warmup = 100
    if text := real_text.asked_for(words):
        real_text.use(config, text)
        config.model.update(embedding=256, hidden=448, maxout=320)
    config.data.update(languages)
    if "smoke" in words:
        translations.shrink(config)
        config.model.update(embedding=8, hidden=8, maxout=8)
    return config.lock()


def build(config: ml_collections.ConfigDict, folders: Folders) -> Experiment:
    """Source words -> encoder -> its last state -> decoder -> target words."""
    from attention_jax import translations
    from attention_jax.models.seq2seq import Seq2Seq

    return translations.assemble(Seq2Seq, config, folders)


def sweep(trial) -> dict:
    """Learning rate and the order in which the source is read (Sutskever 2014, §3.3)."""
    return {
        "optimizer.learning_rate": trial.suggest_categorical("learning_rate", [1e-3, 3e-3]),
        "model.reverse_source": trial.suggest_categorical("reverse_source", [True, False]),
    }
