"""Any translation set of TFDS by name, prepared as array records and read without TensorFlow."""

import functools
import hashlib
import os
from pathlib import Path
from typing import Any

from attention_jax.data import prepared, words
from attention_jax.errors import UserError


class TranslationSet:
    """A TFDS set of sentence pairs: a `Translation` feature, or two texts.

    It is prepared on first use, for which TFDS needs a network and, for many sets, TensorFlow.

    Args:
      name: "NAME[/CONFIG][:VERSION]", as in `tfds.builder`.
      source: a text of the set: a language of its `Translation`. Sets whose texts are called
        `source` and `target` have but one direction, and need none.
      target: the other.
      data_dir: where it is prepared, or is to be.
    """

    def __init__(self, name: str, source: str, target: str, data_dir: Path):
        self.name = name
        self._direction = source, target
        self._data_dir = data_dir.expanduser()

    def columns(self, split: str) -> dict[str, list[str]]:
        """`source` and `target` of a split, normalised, and a `report` of one line.

        Args:
          split: as TFDS writes them: "test", "train[:90%]".

        Raises:
          UserError: for a set, text or split that is not there, or cannot be prepared.
        """
        key = " ".join([self.name, self.hash(), *self._direction, split])
        name = f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
        file = self._data_dir / "tfds_columns" / name
        return prepared.columns({split: file}, split, lambda: {split: self._read(split)})

    def hash(self) -> str:
        """Of the version and the sizes that TFDS recorded on preparing."""
        info = self._builder.info
        sizes = [(split.name, split.num_examples, split.num_bytes) for split in _splits(info)]
        return hashlib.sha256(f"{info.full_name} {sizes}".encode()).hexdigest()[:16]

    def _read(self, split: str) -> prepared.Columns:
        keys = self._keys()
        sources, targets, empty = [], [], 0
        try:
            for row in prepared.rows(self._builder, split):
                source, target = (words.normalise(row[key]) for key in keys)
                if source and target:
                    sources.append(source)
                    targets.append(target)
                else:
                    empty += 1
        except NotImplementedError:
            raise UserError(
                f"tfds:{self.name} is prepared as {self._builder.info.file_format.value} in "
                f"{self._builder.data_dir}, which only TensorFlow reads: delete it and "
                f"{self._by_hand()}"
            ) from None
        except ValueError:
            raise UserError(
                f"tfds:{self.name} has no split {split!r}, only "
                f"{', '.join(each.name for each in _splits(self._builder.info))}: name a part of "
                "one, such as train[:2%], with --config.data.train, .validation and .test"
            ) from None
        if not sources:
            raise UserError(f"there is no usable sentence pair in {split} of tfds:{self.name}")
        report = f"tfds:{self.name} {split}: {len(sources):,} pairs"
        if empty:
            report += f"; {empty:,} empty"
        return {"source": sources, "target": targets, "report": [report]}

    def _keys(self) -> tuple[str, str]:
        """The names of the two texts."""
        import tensorflow_datasets as tfds

        features = self._builder.info.features
        texts = [name for name in features if isinstance(features[name], tfds.features.Text)]
        if {"source", "target"} <= set(texts):
            return "source", "target"
        source, target = self._direction
        if source not in texts or target not in texts or source == target:
            raise UserError(
                f"tfds:{self.name} has the texts {', '.join(texts) or 'none'}, not {source} and "
                f"{target}: give two of them with --config.data.source and --config.data.target"
            )
        return source, target

    @functools.cached_property
    def _builder(self) -> Any:
        import tensorflow_datasets as tfds

        def make() -> Any:
            return tfds.builder(self.name, data_dir=os.fspath(self._data_dir))

        # What a data set's own code raises can be anything.
        try:
            with prepared.quiet():
                builder = make()
        except Exception as error:
            raise UserError(
                f"TFDS cannot make {self.name!r} ({_first_line(error)}): see `tfds.list_builders()`"
            ) from error
        if builder.info.splits:
            return builder
        try:
            return prepared.prepare(make)
        except Exception as error:
            raise UserError(
                f"tfds:{self.name} could not be prepared in {self._data_dir} "
                f"({_first_line(error)}): check the network, or {self._by_hand()}"
            ) from error

    def _by_hand(self) -> str:
        return (
            f"run `tfds build {self.name} --file_format=array_record --data_dir={self._data_dir}` "
            "where TensorFlow is installed"
        )


def _splits(info: Any) -> list[Any]:
    return [info.splits[name] for name in sorted(info.splits)]


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
