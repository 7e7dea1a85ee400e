"""Show, Attend and Tell: a caption that looks at one place of the image for each word (Xu 2015).

What the paper shows: an LSTM that asks a grid of convolutional features before each word describes
images, and the places that it asks for are those that its words name. Here it says what stands
where in scenes of handwritten digits, "two left of seven", and since the true box of every
numeral is known, it can be counted how often it looks there.

    attention-jax train --config=captioning/show_attend_tell --workdir=W
    attention-jax evaluate --workdir=W --split=test
    attention-jax predict --workdir=W --pictures=DIR 0 1 mine.png

The default reads the expectation of the grid (soft). `:hard` draws one place a word and learns by
REINFORCE; `:none` reads the mean of the grid at every step, the control.

`:nlvr` describes NLVR's scenes of coloured shapes as people did, `:folder` your own images:

    attention-jax train --config=captioning/show_attend_tell:nlvr --workdir=W --manual_dir=DIR

The paper, BLEU-4, soft / hard: Flickr8k 19.5 / 21.3, Flickr30k 19.1 / 19.9, COCO 24.3 / 25.0. It
counts no looking. The default, soft / hard, after 2,500 steps, two and a quarter minutes each: 99.2
/ 98.4 % of the captions exact, 95 / 89 % of the numerals looked at (16 % by chance); without
attention 76.9 % exact. NLVR, one seed, 900 steps each, soft / hard / none: BLEU-4 14.3 / 12.6 /
15.2; of the words for colours and shapes 30 / 5 % looked at (3 % by chance): such captions can be
said of the whole, and hard attention does not learn to look in so few steps.

Arguments: `hard` or `none`; `nlvr` or `folder`; `smoke` (a few steps of a tiny model).
"""

import ml_collections

from attention_jax import experiment
from attention_jax.errors import UserError
from attention_jax.experiment import Experiment, Folders

_DATA = ("nlvr", "folder")
_ATTENTION = ("hard", "none")


def get_config(arg: str = "") -> ml_collections.ConfigDict:
    """The default, or its variants by `arg`.

    data: see `data.captions`. model: see `models.show_attend_tell`; `stages` are left out where
      `data.features` stands in for images.
    loss.doubly_stochastic: lambda, of soft attention; loss.target: tau, 0 is what a caption of its
      length can give to each place.
    loss.reinforce, loss.entropy: lambda_r and lambda_e, of hard attention. loss.expected: how many
      of its examples read the expectation. loss.reward_to_go: a place answers for the words from
      its own on, in place of the whole caption.
    decode.beams: 1 is greedy. decode.length_penalty: alpha of Wu 2016, eq. 14. decode.max_length:
      words, the end included.
    """
    words, _ = experiment.parse_arg(arg, ["smoke", *_DATA, *_ATTENTION])
    config = experiment.default_config()
    config.update(
        {
            "data": _data(_one_of(_DATA, words) or "digit_scenes"),
            "model": {
                # A grid of 5 x 5: the last stage only pools.
                "stages": ((16,), (32,), (64,), ()),
                "coordinates": True,
                # The mean of a small grid tells two digits apart: nobody would have to look.
                "glimpse": False,
                "embedding": 64,
                "hidden": 128,
                "alignment": 64,
                "attention": _one_of(_ATTENTION, words) or "soft",
                "straight_through": False,
                "dropout": 0.0,
            },
            "loss": {
                "doubly_stochastic": 0.0,
                "target": 0.0,
                "reinforce": 0.1,
                "entropy": 0.002,
                "expected": 0.5,
                "reward_to_go": False,
            },
            "decode": {"beams": 1, "length_penalty": 0.0, "max_length": 24},
        }
    )
    config.update(steps=2500, log_every=50, evaluate_every=500, checkpoint_every=500)
    config.optimizer.learning_rate = 2e-3
    config.optimizer.schedule.name = "cosine"
    if config.data.name == "nlvr":
        # 89 batches an epoch. Sides that can be halved twice; small objects want small cells, of
        # which there are 576 then.
        config.data.update(height=48, width=192)
        config.update(batch_size=32, steps=900, evaluate_every=300, checkpoint_every=300)
        config.model.update(stages=((16,), (32,), (64,)), glimpse=True, alignment=32, dropout=0.2)
    elif config.data.name == "folder":
        stages = ((32,), (64,), (128,), (128,))
        sizes = {"embedding": 256, "hidden": 512, "alignment": 256}
        config.model.update(stages=stages, glimpse=True, dropout=0.5, **sizes)
        config.optimizer.learning_rate = 4e-4
        config.loss.doubly_stochastic = 1.0
        config.update(steps=20_000, evaluate_every=1_000, checkpoint_every=1_000)
    if "smoke" in words:
        experiment.shrink(config, steps=4, batch_size=4)
        config.data.update(validation_size=6, test_size=6)
        config.model.update(stages=((2,), (3,), (4,), ()), embedding=4, hidden=4, alignment=4)
    return config.lock()


def build(config: ml_collections.ConfigDict, folders: Folders) -> Experiment:
    """Images -> a grid of annotations -> attention -> LSTM -> words."""
    import jax
    import jax.numpy as jnp

    from attention_jax.data.captions import CaptionData
    from attention_jax.models.show_attend_tell import ShowAttendTell
    from attention_jax.tasks.captioning import Captioning
    from attention_jax.training.optimizers import make_optimizer

    data = CaptionData(config, folders.data_dir, folders.manual_dir, folders.workdir)
    sizes = dict(config.model)
    # As JSON gives them back, stages are lists.
    stages = () if config.data.features else tuple(tuple(stage) for stage in sizes.pop("stages"))
    sizes.pop("stages", None)
    dtype = jnp.dtype(config.dtype)
    model = ShowAttendTell(data.tokenizer.size, stages, dtype=dtype, **sizes)
    task = Captioning(model, data, config, make_optimizer(config.optimizer, config.steps))
    # Asked for now: a model that cannot be should leave no mark in the workdir.
    jax.eval_shape(task.init, jax.random.key(config.seed), task.example())
    return Experiment(config, task, data)


def sweep(trial) -> dict:
    """Soft, hard and no attention."""
    return {"model.attention": trial.suggest_categorical("attention", ["soft", "hard", "none"])}


def _data(name: str) -> ml_collections.ConfigDict:
    from attention_jax.data.captions import default_data

    return default_data(name)


def _one_of(choices: tuple[str, ...], words: set[str]) -> str | None:
    """The word of the argument that is one of these.

    Raises:
      UserError: for two.
    """
    asked = [word for word in choices if word in words]
    if len(asked) > 1:
        raise UserError(f"{' and '.join(asked)} exclude one another: give one of them")
    return asked[0] if asked else None
