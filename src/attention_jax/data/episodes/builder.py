"""The TFDS builders of images that the user brings: prepared once into ArrayRecord.

    raw = ImageFolders(manual_dir, side=84, channels=3)
    builder = Folders(config=RawConfig(raw), data_dir=folder)
    builder.download_and_prepare(file_format="array_record")
    builder.as_data_source("test")[0]["name"]  # bytes; a record is a class

`attention_jax.data.episodes.load` does this on first use. Importing this module imports TFDS, which
takes a second or two: import it where it is needed.
"""

from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

from attention_jax.data.episodes.load import Raw


class RawConfig(tfds.core.BuilderConfig):
    """What is read."""

    def __init__(self, raw: Raw):
        self.raw = raw
        super().__init__(name=raw.name)


class ClassImages(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Classes with their images."""

    VERSION = tfds.core.Version("1.0.0")
    # Where TFDS would look for checksums of downloads. There are none, and to find the place it
    # needs importlib_resources, which it does not depend on.
    code_path = None

    def _info(self) -> tfds.core.DatasetInfo:
        raw = self.builder_config.raw
        shape = (None, raw.side, raw.side, raw.channels)
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "name": tfds.features.Text(),
                    "group": tfds.features.Text(),
                    "images": tfds.features.Tensor(shape=shape, dtype=np.uint8, encoding="zlib"),
                }
            ),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager) -> dict[str, Iterator]:
        del dl_manager  # Nothing is downloaded.
        raw = self.builder_config.raw
        return {split: self._generate_examples(split) for split in raw.splits}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict]]:
        for number, read in enumerate(self.builder_config.raw.read(split)):
            yield number, read._asdict()


# TFDS has an Omniglot too: two of one name cannot both be registered.
class Omniglot(ClassImages, skip_registration=True):  # type: ignore[call-arg]
    """Characters of many alphabets, each drawn by twenty people (Lake 2015)."""


class Folders(ClassImages, skip_registration=True):  # type: ignore[call-arg]
    """A folder of images a class."""


BUILDERS = {"omniglot": Omniglot, "folders": Folders}
"""Data set -> its builder."""
