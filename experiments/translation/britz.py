"""What matters in a recurrent translator, one part at a time (Britz et al. 2017).

What it shows: a baseline, and what becomes of it when one part is another: the embedding's size,
the cell, the depth of encoder and decoder with plain, residual and dense connections, the direction
of reading, the attention and its size, and none at all.

    attention-jax train --config=translation/britz --workdir=W
    attention-jax evaluate --workdir=W --split=test
    attention-jax sweep --config=translation/britz --workdir=W --record=britz

The sweep changes one part of the baseline at a time, 20 runs; with `:attention` its kinds and sizes
alone, 8 runs. All combinations would be thousands, and the paper does so too: its tables each vary
one thing around a baseline. Beam sizes and length penalties are options of decoding, for which
nothing is trained again (the paper's beams of 1, 3, 5, 10, 25, 100): measure one trial with each,

    attention-jax evaluate --workdir=W/trials/0 --config.decode.beams=5 \
      --config.decode.length_penalty=0.6

The default learns CLDR phrases, English to French, for 600 steps, in five minutes on a core. BLEU
by attention units, additive 64 to 256: 32.6, 47.3, 44.8; multiplicative: 47.0, 40.3, 33.6; none 2.0
(state only) and 1.7 (input); one seed. The paper: WMT15 En-De, newstest2013, additive 128 to 1024:
22.23, 22.33, 22.47, 22.10; multiplicative: 22.03, 22.33, 21.78, 18.22; none 9.98 and 11.57; by
beam: 20.66, 21.55, 21.60, 21.57, 21.47, 21.10. Its baseline's sizes are the defaults of
`models/britz.py`.

Real text, brought in --manual_dir: `multi30k` (image captions), `tatoeba`, `enja50k`.

    attention-jax sweep --config=translation/britz:multi30k --workdir=W --manual_dir=DIR

Arguments: `attention` (what the sweep varies); `multi30k`, `tatoeba` or `enja50k`; `smoke` (a few
steps of a tiny model); `source=..`, `target=..` (languages of Babel, or of the set).
"""

import ml_collections

from attention_jax import experiment
from attention_jax.experiment import Experiment, Folders

DEEP = {"encoder_layers": 4, "decoder_layers": 4}

# Part -> its variants, a few settings each. The baseline is the additive one of the first part.
VARIANTS: dict[str, dict[str, dict]] = {
    "attention": {
        kind: {"attention": kind}
        for kind in ("additive", "multiplicative", "none_state", "none_input")
    },
    "additive units": {str(n): {"attention_units": n} for n in (64, 256)},
    "multiplicative units": {
        str(n): {"attention": "multiplicative", "attention_units": n} for n in (64, 256)
    },
    "embedding": {str(size): {"embedding": size} for size in (64, 256)},
    "cell": {cell: {"cell": cell} for cell in ("gru", "vanilla")},
    "encoder depth": {str(n): {"encoder_layers": n} for n in (2, 4)},
    "decoder depth": {str(n): {"decoder_layers": n} for n in (2, 4)},
    "both of depth 4": {kind: {**DEEP, "residual": kind} for kind in ("none", "residual", "dense")},
    "direction": {"unidirectional": {"direction": "unidirectional"}},
}


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """The default, or its variants by `arg`."""
    from attention_jax import translations
    from attention_jax.tasks import real_text

    known = ["smoke", "attention", *real_text.NAMES]
    words, languages = experiment.parse_arg(arg, known, ["source", "target"])
    config = translations.default_config()
    config.steps = 600
    config.batch_size = 64
    config.evaluate_every = 0
    config.model = ml_collections.ConfigDict(
        {
            "embedding": 128,
            "hidden": 128,
            "encoder_layers": 1,
            "decoder_layers": 1,
            "cell": "lstm",
            "residual": "none",
            "direction": "bidirectional",
            "attention": "additive",
            "attention_units": 128,
            "dropout": 0.0,
        }
    )
    config.optimizer.learning_rate = 3e-3
    config.optimizer.schedule.name = "cosine"
    config.optimizer.schedule.warmup = 100
    if text := real_text.asked_for(words):
        real_text.use(config, text)
        config.model.update(hidden=256)
    config.data.update(languages)
    if "smoke" in words:
        translations.shrink(config)
        config.model.update(embedding=8, hidden=8, attention_units=8)
    return config.lock()


def build(config: ml_collections.ConfigDict, folders: Folders) -> Experiment:
    """Source words -> encoder -> attention -> decoder -> target words, of the parts asked for."""
    from attention_jax import translations
    from attention_jax.models.britz import Britz

    return translations.assemble(Britz, config, folders)


def sweep(trial, arg: str = "") -> dict:
    """The baseline with one part changed; of `attention` its kinds and sizes alone, 8 runs."""
    parts = list(VARIANTS)
    if "attention" in arg.split(","):
        parts = ["attention", "additive units", "multiplicative units"]
    part = trial.suggest_categorical("part", parts)
    variant = trial.suggest_categorical(part, list(VARIANTS[part]))
    return {f"model.{key}": value for key, value in VARIANTS[part][variant].items()}
