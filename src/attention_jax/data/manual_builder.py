"""The TFDS builders of `data.manual`: what the user brings, prepared once into ArrayRecord.

    text = RawText(MULTI30K, "de", "en", manual_dir)
    builder = Multi30k(config=ManualConfig(f"de-en-{text.hash()}", text), data_dir=folder)
    builder.download_and_prepare(file_format="array_record")
    builder.as_data_source("test_2016_flickr")[0]["source"]  # bytes

`attention_jax.data.corpora` does this on first use. Importing this module imports TFDS, which
takes a second or two: import it where it is needed.
"""

from collections.abc import Iterator

import tensorflow_datasets as tfds

from attention_jax.data.manual import VERSION, Pair, RawText


class ManualConfig(tfds.core.BuilderConfig):
    """A direction and what it is made from: None to read what is prepared already."""

    def __init__(self, name: str, text: RawText | None):
        self.text = text
        super().__init__(name=name)


class ManualText(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Sentence pairs; see `data.manual` for the text and the splits."""

    VERSION = tfds.core.Version(VERSION)
    # Where TFDS would look for checksums of downloads. There are none, and to find the place it
    # needs importlib_resources, which it does not depend on.
    code_path = None
    made: dict[str, list[Pair]] | None = None
    """What was read, if this very object has done it: reading it back takes longer."""

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.__doc__,
            features=tfds.features.FeaturesDict(
                {name: tfds.features.Text() for name in Pair._fields}
            ),
            supervised_keys=("source", "target"),
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager) -> dict[str, Iterator]:
        del dl_manager  # Nothing is downloaded.
        self.made, self.info.metadata["report"] = self.builder_config.text.read()
        return {split: self._generate_examples(pairs) for split, pairs in self.made.items()}

    def _generate_examples(self, pairs: list[Pair]) -> Iterator[tuple[int, dict[str, str]]]:
        for index, pair in enumerate(pairs):
            yield index, pair._asdict()


class Multi30k(ManualText, skip_registration=True):  # type: ignore[call-arg]
    """Image captions in English, German and French (Elliott 2016), as published."""


class Tatoeba(ManualText, skip_registration=True):  # type: ignore[call-arg]
    """English and Spanish sentences of learners (tatoeba.org)."""


class Enja50k(ManualText, skip_registration=True):  # type: ignore[call-arg]
    """Short English and Japanese sentences, cut into words (the Tanaka corpus)."""


BUILDERS = {"multi30k": Multi30k, "tatoeba": Tatoeba, "enja50k": Enja50k}
"""Data set -> its builder."""
