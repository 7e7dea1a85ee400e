"""The family of attention on two tasks that tell its members apart: copying and reversal.

What it shows: copying and reversal of random symbols, where nothing but position relates source and
target. Every score but cosine learns both, and so does local-p, which predicts its window; local-m,
whose window moves along with the target, copies and does not reverse; without attention all has to
pass through one vector, which holds a few symbols. Where they look is another matter: location,
which never sees the source, aligns well (0 and .05), while general and dot copy by looking one
place beside the symbol (.92), at a state that has it too.

    attention-jax sweep --config=translation/attention_family --workdir=W --workers=2 \
      --record=attention_family
    attention-jax sweep --config=translation/attention_family:all --workdir=W
    attention-jax train --config=translation/attention_family --workdir=W
    attention-jax evaluate --workdir=W --split=test_long

The sweep is the experiment: the six global scores, local-m and local-p with general, and none at
all, each on both tasks; 18 runs, about 7 minutes on two CPU cores. Its table and its picture
show perplexity, BLEU, exact match and alignment error rate. `test_long` holds sequences longer than
any in training.

No paper has this table. Luong 2015, Table 6, has the alignment error rates of three of these on
English to German: global location .39, local-m general .34, local-p general .36.

Arguments: `all` (the sweep's grid: every score with every kind, hard attention too, 46 runs); of a
single run `task=..` (copying, reversal), `score=..` and `kind=..` (global, hard, local_m, local_p,
or none: the same LSTMs without attention, `models/seq2seq.py`); `smoke` (a few steps of a tiny
model).
"""

import ml_collections

from attention_jax import experiment
from attention_jax.experiment import Experiment, Folders


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """The default, or its variants by `arg`."""
    from attention_jax import translations

    words, given = experiment.parse_arg(arg, ["smoke", "all"], ["task", "score", "kind"])
    config = translations.default_config()
    config.steps = 700
    config.batch_size = 64
    # One evaluation, at the end: it costs as much as a hundred steps.
    config.evaluate_every = config.checkpoint_every = 0
    config.data.update(name=given.get("task", "copying"), source="", target="")
    # One length, 24 symbols and the end: compiling for another costs more than padding.
    config.data.buckets = (25,)
    # The longest there is to say, in test_long, and its end.
    config.decode.max_length = 37
    config.model = ml_collections.ConfigDict(
        {
            "embedding": 64,
            "hidden": 96,
            "layers": 1,
            "score": given.get("score", "general"),
            "kind": given.get("kind", "global"),
            "radius": 4,
            "alignment": 64,
            "max_source": 50,
            "cell": "lstm",
            "input_feeding": True,
            "reverse_source": True,
            "dropout": 0.0,
            "paper_init": False,
        }
    )
    config.optimizer.learning_rate = 5e-3
    config.optimizer.schedule.name = "cosine"
    config.optimizer.schedule.warmup = 50
    if "smoke" in words:
        translations.shrink(config)
        config.model.update(embedding=8, hidden=8, alignment=8, max_source=64)
    return config.lock()


def build(config: ml_collections.ConfigDict, folders: Folders) -> Experiment:
    """Symbols -> LSTM -> LSTM with one kind of attention, or none -> symbols."""
    from attention_jax import translations
    from attention_jax.models.luong import Luong
    from attention_jax.models.seq2seq import Seq2Seq

    def without_attention(*, embedding, hidden, layers, cell, reverse_source, **others):
        vocabularies = {key: others[key] for key in ("source_vocab", "target_vocab", "dtype")}
        sizes = {"embedding": embedding, "hidden": hidden, "layers": layers, "cell": cell}
        return Seq2Seq(**vocabularies, **sizes, reverse_source=reverse_source)

    model = without_attention if config.model.kind == "none" else Luong
    return translations.assemble(model, config, folders)


def sweep(trial, arg: str = "") -> dict:
    """Both tasks under each kind of attention; `all`: with every score that the kind can take."""
    from attention_jax.layers.scorers import SCORERS

    every = [score for score in SCORERS if score != "location"]
    scores = {"none": [], "global": list(SCORERS), "local_m": ["general"], "local_p": ["general"]}
    if "all" in arg.split(","):
        scores |= {"local_m": every, "local_p": every, "hard": list(SCORERS)}
    task = trial.suggest_categorical("task", ["copying", "reversal"])
    kind = trial.suggest_categorical("kind", list(scores))
    choices = {"data.name": task, "model.kind": kind}
    if scores[kind]:
        # Named after its kind: Optuna wants one list of choices a name.
        choices["model.score"] = trial.suggest_categorical(f"{kind} score", scores[kind])
    return choices
