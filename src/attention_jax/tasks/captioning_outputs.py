"""What `Captioning.predict` gave, on the host: scored, as records, drawn, and as attention maps."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from matplotlib.figure import Figure

from attention_jax.data.captions import INPUT
from attention_jax.data.tokenizers import EOS, PAD, WordTokenizer
from attention_jax.tasks import captioning_meteor as meteor
from attention_jax.tasks.captioning_metrics import corpus_scores, rouge_l
from attention_jax.tasks.captioning_pointing import corpus_pointing, covered
from attention_jax.tasks.protocol import AttentionMap, by_number
from attention_jax.typing import Batch
from attention_jax.viz.captions import Look, looks

READ = "of the maps under which the model reads the first reference"
_POINTING = ("pointing", "attention_mass", "map_diversity")
_DRAWN = 4


class Texts(Protocol):
    """What is said of a split's images, by number, and what they are called."""

    @property
    def tokenizer(self) -> WordTokenizer: ...

    def references(self, split: str) -> Sequence[tuple[str, ...]]: ...

    def names(self, split: str) -> Sequence[str]: ...


class Reader:
    """Reads outputs: `tokens` and `scores`; `maps`, `read` and `forced` where there is attention,
    `targets`, `boxes` and `boxed` where there are references (see `tasks.captioning`).

    Args:
      texts: captions, tokenizer and names.
      grid: rows and columns of the maps; None where places have no order: nothing is drawn then.
    """

    def __init__(self, texts: Texts, grid: tuple[int, int] | None):
        self._texts, self._grid = texts, grid

    def score(
        self, split: str, outputs: Sequence[Batch]
    ) -> tuple[dict[str, float], dict[str, str]]:
        """The metrics of a split, and how each was computed."""
        rows, references = by_number(outputs), self._texts.references(split)
        numbers = sorted(rows)
        said = [self._text(rows[n]) for n in numbers]
        right = [references[n] for n in numbers]
        metrics, notes = corpus_scores(said, right)
        program = meteor.find()
        if program is not None:
            metrics, notes = {**metrics, "meteor": program.score(said, right)}, dict(notes)
            notes["meteor"] = program.name()
        if "forced" in outputs[0]:
            pointed = self._pointed([rows[n] for n in numbers])
            metrics = metrics | pointed
            notes = notes | {name: READ for name in _POINTING if name in pointed}
        return metrics, notes

    def _pointed(self, rows: Sequence[Batch]) -> dict[str, float]:
        lengths = [_words(row["targets"]) for row in rows]
        maps = [
            self._squares(row["forced"][:length]) for row, length in zip(rows, lengths, strict=True)
        ]
        boxes, boxed = (
            [row[name][:length] for row, length in zip(rows, lengths, strict=True)]
            for name in ("boxes", "boxed")
        )
        return corpus_pointing(maps, boxes, boxed)

    def describe(self, split: str, outputs: Sequence[Batch]) -> list[dict[str, Any]]:
        """A record an image, in their order."""
        rows, names = by_number(outputs), self._texts.names(split)
        references = self._texts.references(split)
        records = []
        for n in sorted(rows):
            record: dict[str, Any] = {"source": names[n]} if names else {}
            record["prediction"] = said = self._text(rows[n])
            if references:
                record["reference"], *others = references[n]
                record["rouge_l"] = 100 * rouge_l(said, references[n])
                if others:
                    record["references"] = others
            records.append(record | {"score": float(rows[n]["scores"])})
        return records

    def pictures(self, split: str, outputs: Sequence[Batch]) -> dict[str, Figure]:
        """`captions`: a few of them, of a user's images all; `features` have no picture."""
        if "maps" not in outputs[0] or self._grid is None:
            return {}
        rows = by_number(outputs)
        names = self._texts.names(split)
        drawn = [
            self._look(rows[n], names[n] if names else "") for n in _spread(split, rows, _DRAWN)
        ]
        return {"captions": looks(drawn)}

    def _look(self, row: Batch, name: str) -> Look:
        """What was said, with the true boxes where it is what should be said."""
        words = self._text(row).split()
        known = "targets" in row and self._says_its_target(row)
        boxes = [row["boxes"][t][row["boxed"][t]] for t in range(len(words))] if known else None
        title = name
        if "targets" in row and not known:
            title = (
                f"{name}  right: {self._texts.tokenizer.decode(row['targets'].tolist())}".strip()
            )
        return Look(
            row.get("images"),
            words,
            self._squares(row["maps"][: len(words)]),
            title,
            row["read"][: len(words)].tolist() if "read" in row else None,
            boxes,
        )

    def maps(self, split: str, outputs: Sequence[Batch]) -> list[AttentionMap]:
        """Words down, cells across, row after row; those that a word names are gold."""
        if "maps" not in outputs[0]:
            return []
        rows, names = by_number(outputs), self._texts.names(split)
        places = {n: place for place, n in enumerate(sorted(rows))}
        return [
            self._map(rows[n], places[n], names[n] if names else f"image {n}")
            for n in _spread(split, rows, _DRAWN)
            if self._text(rows[n])
        ]

    def _map(self, row: Batch, place: int, title: str) -> AttentionMap:
        words = self._text(row).split()
        weights = row["maps"][: len(words)].astype(np.float32)
        keys = weights.shape[1]
        labels = [str(key) for key in range(keys)]
        if self._grid is not None:
            labels = ["{}, {}".format(*divmod(key, self._grid[1])) for key in range(keys)]
        known = self._grid is not None and "targets" in row and self._says_its_target(row)
        gold = self._true_cells(row) if known else None
        names = ("word", "cell")
        return AttentionMap(place, title, "attention", words, labels, weights, names, gold=gold)

    def _true_cells(self, row: Batch) -> list[tuple[int, int]]:
        """(word, cell): those that its boxes cover, at least half as far as any."""
        assert self._grid is not None
        found = []
        for step in np.flatnonzero(row["boxed"].any(-1)).tolist():
            shares = covered(row["boxes"][step][row["boxed"][step]], *self._grid).ravel()
            found += [(step, cell) for cell in np.flatnonzero(shares > shares.max() / 2).tolist()]
        return found

    def _says_its_target(self, row: Batch) -> bool:
        decode = self._texts.tokenizer.decode
        return decode(row["tokens"].tolist()) == decode(row["targets"].tolist())

    def _text(self, row: Batch) -> str:
        return self._texts.tokenizer.decode(row["tokens"].tolist())

    def _squares(self, maps: np.ndarray) -> np.ndarray:
        """[words, keys] as [words, rows, columns]; one row where places have no order."""
        grid = self._grid or (1, maps.shape[-1])
        return maps.astype(np.float32).reshape(len(maps), *grid)


def _words(targets: np.ndarray) -> int:
    """Of a caption, its end left out."""
    return int(((targets != PAD) & (targets != EOS)).sum())


def _spread(split: str, rows: dict[int, Batch], count: int) -> list[int]:
    """A few, from the first to the last; of a user's all."""
    ordered = sorted(rows)
    if split == INPUT:
        return ordered
    places = np.linspace(0, len(ordered) - 1, min(count, len(ordered))).round()
    return [ordered[int(place)] for place in places]
