"""The TFDS builder of `glyphs`: prepared once into ArrayRecord, without TensorFlow.

    builder = Glyphs(config=GlyphsBuilderConfig(GlyphsConfig()), data_dir=folder)
    builder.download_and_prepare(file_format="array_record")
    builder.as_data_source("test")[0]["character"]  # bytes

`attention_jax.data.glyphs.load` does this on first use. Importing this module imports TFDS, which
takes a second or two: import it where it is needed.
"""

from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds

from attention_jax.data.glyphs.distinct import Drawn, GlyphsConfig, generate
from attention_jax.data.glyphs.shapes import SIDE


class GlyphsBuilderConfig(tfds.core.BuilderConfig):
    """How many letters."""

    def __init__(self, glyphs: GlyphsConfig):
        self.glyphs = glyphs
        super().__init__(name=glyphs.name, description=str(glyphs))


class Glyphs(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    """Letters of many scripts from matplotlib's fonts, as fields of distances to their outlines."""

    VERSION = tfds.core.Version("1.0.0")
    # Where TFDS would look for checksums of downloads. There are none, and to find the place it
    # needs importlib_resources, which it does not depend on.
    code_path = None

    def _info(self) -> tfds.core.DatasetInfo:
        field = tfds.features.Tensor(shape=(SIDE, SIDE), dtype=np.uint8, encoding="zlib")
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "field": field,
                    "letter": tfds.features.Scalar(np.int32),
                    "character": tfds.features.Text(),
                    "script": tfds.features.Text(),
                    "font": tfds.features.Text(),
                    "turns": tfds.features.Tensor(shape=(4,), dtype=np.bool_),
                }
            ),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager) -> dict[str, Iterator]:
        del dl_manager  # Nothing is downloaded.
        made = generate(self.builder_config.glyphs)
        return {split: self._generate_examples(drawn) for split, drawn in made.items()}

    def _generate_examples(self, drawn: list[Drawn]) -> Iterator[tuple[int, dict]]:
        index = 0
        for number, (letter, fields, turns) in enumerate(drawn):
            for font, field in zip(letter.fonts, fields, strict=True):
                yield (
                    index,
                    {
                        "field": field,
                        "letter": number,
                        "character": letter.character,
                        "script": letter.script,
                        "font": font,
                        "turns": turns,
                    },
                )
                index += 1
