"""Results nobody types by hand: records of what was measured, the bars they are held to, the pages.

    docs/results/NAME.json       a record: one measurement, written by the command that made it
    docs/results/expected.toml   sections of rows: what is claimed, its bar, the published number
    docs/results.md, README.md   rendered from both

A row's `value` names metrics of records as `record:metric` and may compute with them:
`rnnsearch:bleu`, `rnnsearch:bleu - lookup:bleu`, `max(a:bleu/length_0_10, a:bleu/length_10_20)`.
A table's has `{row}` and `{column}` in it: `family:aer/{column}_{row}`.
"""

from attention_jax.results.comparing import Line, broken_bars, compare, conditions
from attention_jax.results.expected import (
    Row,
    Section,
    Table,
    evaluate,
    names_in,
    read_expected,
)
from attention_jax.results.pages import check, claim, render, render_pages, render_table
from attention_jax.results.records import (
    FOLDER,
    Metric,
    Record,
    describe_hardware,
    describe_versions,
    make_record,
    mean,
    over_seeds,
    read_records,
    same_code,
    show,
    write_record,
)

__all__ = [
    "FOLDER",
    "Line",
    "Metric",
    "Record",
    "Row",
    "Section",
    "Table",
    "broken_bars",
    "check",
    "claim",
    "compare",
    "conditions",
    "describe_hardware",
    "describe_versions",
    "evaluate",
    "make_record",
    "mean",
    "names_in",
    "over_seeds",
    "read_expected",
    "read_records",
    "render",
    "render_pages",
    "render_table",
    "same_code",
    "show",
    "write_record",
]
