"""What a report is made of: plain data of each run, whatever its task."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal


@dataclasses.dataclass(frozen=True)
class Split:
    """What is known of one evaluation split.

    Attributes:
      name: "test".
      step: of the checkpoint that was measured; None where nobody wrote it down.
      metrics: name -> value; slices hold a slash ("bleu/length_0_10").
      notes: metric -> how it was computed (a sacreBLEU signature).
      main_metric: the one that picks the best checkpoint, and "max" or "min"; None: unknown.
    """

    name: str
    step: int | None
    metrics: Mapping[str, float]
    notes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    main_metric: tuple[str, str] | None = None


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
      state: "training" where it wrote something lately.
      sentence: the same for a reader, with what it was concluded from.
      step: of the last row; 0 before the first. steps: that the config asks for, 0 if unknown.
    """

    state: Literal["finished", "training", "stopped"]
    sentence: str
    step: int
    steps: int


@dataclasses.dataclass(frozen=True)
class Map:
    """Attention of one example: see `tasks.protocol.AttentionMap`, whose fields these are."""

    example: int
    title: str
    kind: str
    queries: list[str]
    keys: list[str]
    weights: list[list[float]]
    names: tuple[str, str]
    words: tuple[list[int], list[int]] | None
    gold: list[tuple[int, int]] | None


@dataclasses.dataclass(frozen=True)
class Run:
    """A workdir as a report sees it.

    Attributes:
      label: short and unlike any other run's in the report.
      path: as the user gave it.
      experiment: "translation/rnnsearch:smoke"; its `version` of the package and `code` hash.
      command: that trains it.
      config: dotted key -> value. overridden: keys given on the command line.
      rows: of `metrics.jsonl`.
      splits: those measured, the one asked for first.
      shown: the split that predictions and maps are of, "" where there are none.
      records: its predictions, in order. maps: its attention maps; None where none were written.
      pictures: file name -> PNG bytes.
      notices: sentences about what is missing or damaged.
    """

    label: str
    path: str
    experiment: str
    version: str
    code: str
    command: str
    config: Mapping[str, Any]
    overridden: frozenset[str]
    progress: Progress
    rows: Sequence[Mapping[str, Any]]
    splits: Sequence[Split]
    shown: str = ""
    records: Sequence[Mapping[str, Any]] = ()
    maps: Sequence[Map] | None = None
    pictures: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    notices: Sequence[str] = ()
