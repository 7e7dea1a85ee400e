"""The TFDS builders of images with captions: prepared once into ArrayRecord.

    source = Nlvr(manual_dir)
    config = CaptionedConfig(source.version(), source, shape=(50, 200, 3))
    builder = CaptionsNlvr(config=config, data_dir=folder)
    builder.download_and_prepare(file_format="array_record")
    builder.as_data_source("test")[0]["captions"]  # bytes: a list as JSON

`attention_jax.data.captions.stored` does this on first use. Importing this module imports TFDS,
which takes a second or two: import it where it is needed.
"""

import json
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

from attention_jax.data.captions.pictures import Shape
from attention_jax.data.captions.stored import SPLITS, Source


class CaptionedConfig(tfds.core.BuilderConfig):
    """What is read, and the size of its images."""

    def __init__(self, version: str, source: Source, shape: Shape):
        self.source, self.shape = source, shape
        super().__init__(name=version)


class Captioned(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Images, their captions, and their objects where they are known."""

    VERSION = tfds.core.Version("1.0.0")
    # Where TFDS would look for checksums of downloads. There are none, and to find the place it
    # needs importlib_resources, which it does not depend on.
    code_path = None

    def _info(self) -> tfds.core.DatasetInfo:
        shape = self.builder_config.shape
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "images": tfds.features.Tensor(shape=shape, dtype=np.uint8, encoding="zlib"),
                    "names": tfds.features.Text(),
                    "captions": tfds.features.Text(),
                    "things": tfds.features.Text(),
                }
            ),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager) -> dict[str, Iterator]:
        del dl_manager  # Nothing is downloaded.
        return {split: self._generate_examples(split) for split in SPLITS}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict]]:
        source, shape = self.builder_config.source, self.builder_config.shape
        entries = source.entries(split)
        images = source.pictures((entry.name for entry in entries), shape)
        for number, (entry, image) in enumerate(zip(entries, images, strict=True)):
            told = {"captions": json.dumps(entry.captions), "things": json.dumps(entry.things)}
            yield number, {"images": image, "names": entry.name, **told}


class CaptionsNlvr(Captioned, skip_registration=True):  # type: ignore[call-arg]
    """Scenes of coloured shapes with true sentences (Suhr, Lewis, Yeh and Artzi 2017)."""


class CaptionsFolder(Captioned, skip_registration=True):  # type: ignore[call-arg]
    """A folder of images with captions."""


BUILDERS = {"nlvr": CaptionsNlvr, "folder": CaptionsFolder}
"""Data set -> its builder."""
