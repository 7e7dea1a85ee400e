"""Where to look, asked after the update: every score, global or local (Luong 2015, Table 4).

What it shows: the six score functions side by side in one decoder, attending to the whole source
(global), to a window that moves with the target (local-m) or to one that the decoder places itself
(local-p). The sweep trains every combination there is: location has no local form.

    attention-jax train --config=translation/luong --workdir=W
    attention-jax evaluate --workdir=W --split=test
    attention-jax train --config=translation/luong:score=dot,kind=local_p --workdir=W

The default learns CLDR phrases, English to French: BLEU 92.5 and an alignment error rate of .51
(one run), for its weights often lie on the word before, the next one that the reversed encoder
read: its state knows both. The paper: WMT14 En-De, 4 layers of 1000, windows of D = 10,
newstest2014, perplexity: global location 6.4, dot 6.1, general 6.1; local-m dot 7.0, general 6.2;
local-p dot 6.6, general 5.9, which with input feeding reaches BLEU 19.0. Its alignment error rates:
global location .39, local-m general .34, local-p general .36. Its sizes are the defaults of
`models/luong.py`.

Real text, brought in --manual_dir: `multi30k` (image captions, English to German as in the paper;
D = 5; the best of 16 runs, global additive, a BLEU of 30.9), `tatoeba` (its split xlwa_dev has
alignments made by people), `enja50k`.
The table a kind at a time (without `kind=` all of it), two runs at once on a core each, and a run
of three seeds:

    attention-jax sweep --config=translation/luong:multi30k,kind=global --workdir=W \
      --manual_dir=DIR --workers=2 --split=test_2016_flickr --record=luong_multi30k_global
    attention-jax train --config=translation/luong:multi30k,kind=local_p --workdir=W --seeds=3 \
      --manual_dir=DIR
    attention-jax sweep --config=translation/luong:tatoeba --workdir=W --manual_dir=DIR \
      --workers=2 --split=xlwa_dev --record=luong_xlwa

Arguments: `multi30k`, `tatoeba` or `enja50k`; `score=..` (general, dot, location, additive, cosine,
scaled_dot); `kind=..` (global, local_m, local_p, hard); `smoke` (a few steps of a tiny model);
`source=..`, `target=..` (languages of Babel, or of the set).
"""

import ml_collections

from attention_jax import experiment
from attention_jax.experiment import Experiment, Folders

# Real text: at most what eight minutes on two cores of a CPU hold, or sixteen on one of them (on a
# slow one half an hour), in steps of 32 pairs, of 64 for tatoeba. The tables compare short runs of
# one length; `translation/rnnsearch` has the run that goes to the end.
STEPS = {"multi30k": 4_000, "tatoeba": 2_000, "enja50k": 3_200}


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """The default, or its variants by `arg`."""
    from attention_jax import translations
    from attention_jax.tasks import real_text

    words, given = _parse(arg)
    config = translations.default_config()
    config.steps = 1000
    config.batch_size = 64
    config.evaluate_every = 500
    config.model = ml_collections.ConfigDict(
        {
            "embedding": 128,
            "hidden": 192,
            "layers": 1,
            "score": "general",
            "kind": "global",
            "radius": 10,
            "alignment": 128,
            # The longest input that `decode.max_source` lets through, and its end.
            "max_source": 257,
            "cell": "lstm",
            "input_feeding": True,
            "reverse_source": True,
            "dropout": 0.0,
            "paper_init": False,
        }
    )
    config.optimizer.learning_rate = 3e-3
    config.optimizer.schedule.name = "cosine"
    config.optimizer.schedule.warmup = 100
    # Adam moves every entry of a matrix by its rate at once: too far for general's W, and for what
    # places local-p's windows, which go to the source's end (docs/systems/luong.md).
    rates = {"bilinear": 0.1, "center_weight": 0.1, "center_v": 0.02}
    config.optimizer.rates = ml_collections.ConfigDict(rates)
    if text := real_text.asked_for(words):
        real_text.use(config, text)
        config.model.update(embedding=256, hidden=256, alignment=256, radius=5)
        # In two or three epochs nothing is learned by heart.
        config.model.dropout = 0.0
        config.steps, config.batch_size = STEPS[text], 32
        # Evaluated at the end only.
        config.evaluate_every, config.checkpoint_every = 0, STEPS[text] // 4
    if text == "multi30k":
        config.data.update(source="en", target="de")
        # After 1,000 updates local-p general has a BLEU of 23.6; at 3e-3 23.3, at 6e-3 15.5.
        config.optimizer.learning_rate = 4e-3
    if text == "tatoeba":
        _align(config)
    config.data.update({key: given[key] for key in ("source", "target") if key in given})
    config.model.update({key: given[key] for key in ("score", "kind") if key in given})
    if "smoke" in words:
        translations.shrink(config)
        config.model.update(embedding=8, hidden=8, alignment=8)
    return config.lock()


def _align(config: ml_collections.ConfigDict) -> None:
    """What is learned from Tatoeba's short sentences is to find words in Wikipedia's long ones.

    Global general's alignment error rate, after 2,000 steps of 64: .70 with subwords, .66 with
    words, .63 with sentences joined too, three and a half epochs then. Read backwards the weights
    lie beside the word, since a state before it knows it. All of that is before the word; what is
    there to be aligned is known, and so aligned after it too.
    """
    config.tokenizer.update(kind="word", size=10_000)
    config.data.update(joined=5, buckets=(16, 24, 32, 48, 64))
    config.model.update(embedding=128, hidden=128, alignment=128, reverse_source=False)
    config.batch_size = 64
    config.optimizer.learning_rate = 6e-3
    config.decode.posterior = True


def build(config: ml_collections.ConfigDict, folders: Folders) -> Experiment:
    """Source words -> LSTM -> LSTM -> attention -> tanh, fed back -> target words."""
    from attention_jax import translations
    from attention_jax.models.luong import Luong

    return translations.assemble(Luong, config, folders)


def sweep(trial, arg: str = "") -> dict:
    """Every score, global and in both windows: 16 runs, since location is global only; of
    `tatoeba`, which is there for the alignments, the six global ones. A kind or a score that `arg`
    gives stays: `kind=local_p` are five runs.
    """
    from attention_jax.layers.scorers import SCORERS

    words, given = _parse(arg)
    scores, kind = list(SCORERS), given.get("kind")
    if kind and kind.startswith("local"):
        scores.remove("location")
    score = given.get("score") or trial.suggest_categorical("score", scores)
    if not kind:
        kind = "global"
        if score != "location" and "tatoeba" not in words:
            kind = trial.suggest_categorical("kind", ["global", "local_m", "local_p"])
    return {"model.kind": kind, "model.score": score}


def _parse(arg: str) -> tuple[set[str], dict[str, str]]:
    from attention_jax.tasks import real_text

    words = ["smoke", *real_text.NAMES]
    return experiment.parse_arg(arg, words, ["source", "target", "score", "kind"])
