"""A dictionary of single words, learned by IBM model 1 from a corpus and kept in a workdir."""

import functools
import json
import logging
from pathlib import Path

from attention_jax.baselines import ibm1
from attention_jax.data import words
from attention_jax.data.corpora import Corpus
from attention_jax.data.vocabulary import write_whole
from attention_jax.errors import UserError

_log = logging.getLogger(__name__)

_FILE = "dictionary.json"


class Dictionary:
    """Source word -> its most probable translation, or itself where training never had the word.

    Learned when the first word is looked up, from the training split; then kept in the workdir as
    JSON, so that later commands need no data. Words are those of `data.words`, joiner marks
    included.

    Args:
      corpus: of which the training split is read.
      workdir: keeps the dictionary; None keeps it in memory only.

    Luong, Pham, Manning 2015, §4.1, where the dictionary comes from the Berkeley aligner.
    """

    def __init__(self, corpus: Corpus, workdir: Path | None = None):
        self._corpus = corpus
        self._path = None if workdir is None else workdir / _FILE

    def __call__(self, word: str) -> str:
        """The translation of a word.

        Raises:
          UserError: the first time, where the training split or the file cannot be used.
        """
        return self._entries.get(word, word)

    @functools.cached_property
    def _entries(self) -> dict[str, str]:
        if self._path is not None and self._path.exists():
            return _read(self._path)
        training = self._corpus.examples("train")
        assert training.targets is not None
        _log.info("learning a dictionary from %s training pairs", f"{len(training.sources):,}")
        sides = (map(words.split, side) for side in (training.sources, training.targets))
        found = ibm1.train(*map(list, sides)).best_translations()
        if self._path is not None:
            _write(self._path, found)
        return found


def _read(path: Path) -> dict[str, str]:
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(entries, dict) and all(isinstance(value, str) for value in entries.values()):
            return entries
    except (OSError, ValueError):
        pass
    raise UserError(f"{path} is not a whole dictionary: delete it, and it is learned anew")


def _write(path: Path, entries: dict[str, str]) -> None:
    text = json.dumps(entries, ensure_ascii=False, indent=0)
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror}): make room, or set "
            "--config.decode.unknown=copy"
        ) from None
