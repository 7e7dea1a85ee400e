"""What the translation experiments share: their config, and how model, task and data meet."""

from collections.abc import Callable

import jax.numpy as jnp
import ml_collections
from flax import linen as nn

from attention_jax import experiment
from attention_jax.baselines import translation as baselines
from attention_jax.baselines.dictionary import Dictionary
from attention_jax.data.corpora import make_corpus
from attention_jax.data.translation import TranslationData
from attention_jax.experiment import Experiment, Folders
from attention_jax.tasks.translation import Translation
from attention_jax.training.optimizers import make_optimizer


def default_config() -> ml_collections.ConfigDict:
    """The config of every experiment, and what translation adds to it.

    data.name: "cldr_phrases" (embedded); "multi30k", "tatoeba" or "enja50k" of --manual_dir
      (`data.manual`); "tfds:NAME", any translation set of TFDS (`data.tfds_sets`); "files";
      "copying" or "reversal", random symbols of no language (`data.sequences`).
    data.train, data.validation, data.test: for files, each "pairs.tsv" or "source.txt,target.txt",
      gzip too; for TFDS, parts of the set ("train[:2%]"), "" being the split of that name.
    data.source, data.target: languages. data.*_size, data.seed: phrases or sequences to make.
    data.buckets: lengths in tokens to which batches are padded.
    data.max_words: longer lines are left out of training.
    data.joined: training pairs are one to so many of the set's, one after another; 1 joins none.
    tokenizer.kind: word, character or sentencepiece; size: entries, 0 keeps all words; shared:
      one vocabulary, learned from both sides, for both.
    loss.label_smoothing: 0 to 1.
    decode.beams: 1 is greedy. n_best: hypotheses given back. length_penalty, coverage_penalty:
      alpha and beta of Wu 2016, eq. 14; the latter needs attention.
    decode.sample: draw n_best hypotheses in place of searching, by `seed` and the number of the
      example; from the likeliest top_k tokens (0: all), from those that together have the
      probability top_p (1: all), with probabilities to the power of 1 / temperature.
    decode.max_length, min_length: target tokens, the end of sentence included. extra_length: at
      most so many more than the source has (Vaswani 2017, §6.1: 50); 0 is no such limit.
    decode.max_source: tokens of an input at most; evaluation leaves out pairs of which a side is
      longer.
    decode.unknown: what replaces an unknown word in a translation: "" nothing; "copy" the source
      word with the most attention; "dictionary" that word's translation by IBM model 1, learned
      from the training pairs when first needed, or where there is none the word itself.
    decode.posterior: align given translations, and references beside `aer` as `aer_posterior`, by
      where each word came from once it is known (`layers.posterior`). Each source token costs an
      output layer, whatever split is evaluated.
    """
    config = experiment.default_config()
    config.update(
        {
            "data": {
                "name": "cldr_phrases",
                "source": "en",
                "target": "fr",
                "train_size": 48_000,
                "validation_size": 500,
                "test_size": 1_000,
                "long_size": 500,
                "seed": 0,
                "train": "",
                "validation": "",
                "test": "",
                "buckets": (16, 32, 48, 64),
                "max_words": 100,
                "joined": 1,
            },
            "tokenizer": {"kind": "word", "size": 0, "shared": False},
            "loss": {"label_smoothing": 0.0},
            "decode": {
                "beams": 1,
                "n_best": 1,
                "length_penalty": 0.0,
                "coverage_penalty": 0.0,
                "sample": False,
                "temperature": 1.0,
                "top_k": 0,
                "top_p": 1.0,
                "max_length": 150,
                "min_length": 0,
                "extra_length": 0,
                "max_source": 256,
                "unknown": "",
                "posterior": False,
            },
        }
    )
    return config


def shrink(config: ml_collections.ConfigDict) -> None:
    """Makes a `:smoke` of a config: four steps on a few phrases."""
    experiment.shrink(config, steps=4, batch_size=8)
    config.data.update(train_size=400, validation_size=16, test_size=16, long_size=8)
    config.data.buckets = (64,)
    # What knows nothing yet never ends, and its pictures would be as long.
    config.decode.max_length = 24


def assemble(
    model: Callable[..., nn.Module], config: ml_collections.ConfigDict, folders: Folders
) -> Experiment:
    """The data that `config.data` names, a model for its vocabularies, and the task between them.

    Args:
      model: a class of `attention_jax.models`; `config.model` holds its other arguments.
      config: as `default_config`, with `model`.
      folders: where things lie.

    Raises:
      UserError: for data, an optimiser or a model that is not to be had.
    """
    corpus = make_corpus(config.data, folders.data_dir, folders.manual_dir)
    data = TranslationData(corpus, config, folders.workdir)
    network = model(
        source_vocab=data.source_tokenizer.size,
        target_vocab=data.target_tokenizer.size,
        dtype=jnp.dtype(config.dtype),
        **config.model,
    )
    optimizer = make_optimizer(config.optimizer, config.steps)
    dictionary = Dictionary(corpus, folders.workdir)
    task = Translation(network, data, config, optimizer, dictionary)
    return Experiment(config, task, data, baselines.for_corpus(data))
