"""The TFDS builder of sets of points: prepared once into ArrayRecord, without TensorFlow.

    drawn = Drawn(Hulls(5, 50), size=100_000, seed=0, split="train")
    builder = PointSets(config=PointSetsConfig(drawn), data_dir=folder)
    builder.download_and_prepare(file_format="array_record")
    builder.as_data_source("train")[0]["points"]  # of the first thousand sets

A record is a block of sets, so that neither writing nor reading a million of them takes as many
steps of Python. `attention_jax.data.pointing.load` does this on first use. Importing this module
imports TFDS, which takes a second or two: import it where it is needed.
"""

from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

from attention_jax.data.pointing.load import Drawn


class PointSetsConfig(tfds.core.BuilderConfig):
    """What is drawn."""

    def __init__(self, drawn: Drawn):
        self.drawn = drawn
        super().__init__(name=drawn.name, description=str(drawn))


class PointSets(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Random sets of points with exact answers, in blocks."""

    VERSION = tfds.core.Version("1.0.0")
    # Where TFDS would look for checksums of downloads. There are none, and to find the place it
    # needs importlib_resources, which it does not depend on.
    code_path = None

    def _info(self) -> tfds.core.DatasetInfo:
        coordinates = self.builder_config.drawn.problem.coordinates

        def tensor(kind: type, *shape: int | None) -> tfds.features.Tensor:
            return tfds.features.Tensor(shape=shape, dtype=kind, encoding="zlib")

        return tfds.core.DatasetInfo(
            builder=self,
            description=self.__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "points": tensor(np.float32, None, coordinates),
                    "sizes": tensor(np.int32, None),
                    "answers": tensor(np.int32, None),
                    "lengths": tensor(np.int32, None),
                }
            ),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager) -> dict[str, Iterator]:
        del dl_manager  # Nothing is downloaded.
        return {self.builder_config.drawn.split: self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        for number, block in enumerate(self.builder_config.drawn.blocks()):
            yield number, block._asdict()
