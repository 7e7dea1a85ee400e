"""The TFDS builder of `cldr_phrases`: prepared once into ArrayRecord, without TensorFlow.

    builder = CldrPhrases(config=builder_config(CldrConfig("en", "de")), data_dir=folder)
    builder.download_and_prepare(file_format="array_record")
    builder.as_data_source("test")[0]["source"]  # bytes

`attention_jax.data.cldr.load` does this on first use. Importing this module imports TFDS, which
takes a second or two: import it where it is needed.
"""

from collections.abc import Iterator

import tensorflow_datasets as tfds

from attention_jax.data.cldr.splits import SPLITS, CldrConfig, Example, generate, generator_hash


def config_name(config: CldrConfig) -> str:
    """The languages and the generator's hash: data made by another version of the generator, of
    Babel or of num2words is not taken for this one.
    """
    return f"{config.source}-{config.target}-{generator_hash(config)[:16]}"


class CldrPhrasesConfig(tfds.core.BuilderConfig):
    """Languages, sizes and seed of a data set."""

    def __init__(self, phrases: CldrConfig):
        self.phrases = phrases
        description = f"{phrases.source} to {phrases.target}, seed {phrases.seed}"
        super().__init__(name=config_name(phrases), description=description)


def builder_config(phrases: CldrConfig) -> CldrPhrasesConfig:
    """The builder's config for some phrases: TFDS wants its own default back, not one like it."""
    own = {config.name: config for config in CldrPhrases.BUILDER_CONFIGS}
    return own.get(config_name(phrases)) or CldrPhrasesConfig(phrases)


class CldrPhrases(tfds.core.GeneratorBasedBuilder):
    """Phrases of real words with known word alignments, from CLDR and num2words."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = (CldrPhrasesConfig(CldrConfig()),)
    # Where TFDS would look for checksums of downloads. There are none, and to find the place it
    # needs importlib_resources, which it does not depend on.
    code_path = None
    made: dict[str, list[Example]] | None = None
    """What was generated, if this very object has done it: reading it back takes longer."""

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.__doc__,
            features=tfds.features.FeaturesDict(
                {name: tfds.features.Text() for name in Example._fields}
            ),
            supervised_keys=("source", "target"),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager) -> dict[str, Iterator]:
        del dl_manager  # Nothing is downloaded.
        self.made = generate(self.builder_config.phrases)
        return {split: self._generate_examples(self.made[split]) for split in SPLITS}

    def _generate_examples(self, examples: list[Example]) -> Iterator[tuple[int, dict[str, str]]]:
        for index, example in enumerate(examples):
            yield index, example._asdict()
