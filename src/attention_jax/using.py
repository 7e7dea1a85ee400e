"""`attention-jax evaluate` and `predict`: the commands that use what was trained.

`--workdir=W1,W2` names several runs, whose models then predict together: an ensemble.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attention_jax.errors import UserError

_CHECKPOINTS = "best|last|STEP|average:N"


def add_evaluate_options(parser: argparse.ArgumentParser) -> None:
    """Those of `evaluate`, but for the folders of data."""
    parser.add_argument("--workdir", type=_workdirs, metavar="W[,W2,...]", help=_SEVERAL)
    parser.add_argument("--config", metavar="EXPERIMENT[:ARG]", help="with --baseline, or moved")
    parser.add_argument("--baseline", metavar="NAME", help="what needs no training")
    parser.add_argument("--split", default="test")
    parser.add_argument("--checkpoint", default="best", metavar=_CHECKPOINTS)
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    parser.add_argument("--beside", default="", metavar="NAME,...", help="records to draw beside")
    parser.add_argument("--record", metavar="NAME", help="keep the numbers in docs/results/")


def add_predict_options(parser: argparse.ArgumentParser) -> None:
    """Those of `predict`, but for the folders of data."""
    parser.add_argument("input", nargs="*", metavar="INPUT")
    parser.add_argument(
        "--workdir", required=True, type=_workdirs, metavar="W[,W2,...]", help=_SEVERAL
    )
    parser.add_argument("--config", metavar="EXPERIMENT[:ARG]", help="where its file has moved")
    parser.add_argument("--checkpoint", default="best", metavar=_CHECKPOINTS)
    parser.add_argument("--input", dest="file", type=Path, metavar="FILE")
    parser.add_argument(
        "--target", type=Path, metavar="FILE", help="score its lines, one an input, and align them"
    )
    parser.add_argument("--pictures", type=Path, metavar="DIR")
    parser.add_argument("--json", action="store_true", help="a JSON object a prediction")


_SEVERAL = "several, with commas between, predict together"


def _workdirs(text: str) -> list[Path]:
    """The folders of "W1,W2"; a folder may be called so itself."""
    if Path(text).exists():
        return [Path(text)]
    return [Path(part) for part in text.split(",") if part]


def evaluate(options: argparse.Namespace, overrides: Sequence[str]) -> int:
    """Measures, shows, and records where asked."""
    from attention_jax import measuring, trained

    measured = measure(options, overrides)
    if options.beside and options.workdir:
        names, ending = options.beside.split(","), trained.ENSEMBLE if options.workdir[1:] else ""
        picture = measuring.draw_beside(measured, names, options.workdir[0], options.split + ending)
        print(f"drawn beside {options.beside} in {picture}", file=sys.stderr)
    if options.record:
        path = measuring.record(measured, options.record)
        print(f"recorded in {path}", file=sys.stderr)
    if options.json:
        print(json.dumps(measuring.plain(measured)))
    else:
        measuring.show(measured)
    return 0


def measure(options: argparse.Namespace, overrides: Sequence[str]):
    """What the options of `evaluate` ask for, as a `measuring.Measured`: of a run, of several
    seeds, of an ensemble, of a baseline.
    """
    from attention_jax import measuring, seeds, workdir

    folders = (options.data_dir, options.manual_dir)
    how = measuring.How(options.split, options.checkpoint, *folders)
    if options.baseline:
        if options.config is None:
            raise UserError("evaluate --baseline needs --config=EXPERIMENT")
        return measuring.baseline(options.config, overrides, options.baseline, how)
    if not options.workdir:
        raise UserError("evaluate needs --workdir=W, or --config=EXPERIMENT with --baseline=NAME")
    first, *others = options.workdir
    if not others and (first / workdir.SEEDS).exists():
        several = seeds.reopen(first, overrides, options.config)
        return measuring.over_seeds(several, how)
    runs = [workdir.reopen(folder, overrides, options.config) for folder in options.workdir]
    return measuring.ensemble(runs, how)


def predict(options: argparse.Namespace, overrides: Sequence[str]) -> int:
    """Prints what is predicted from each line, or how the lines of --target score."""
    from attention_jax import trained, workdir
    from attention_jax.data.parallel import read_lines

    lines = list(options.input)
    if options.file is not None:
        lines += read_lines(options.file)
    if not lines:
        raise UserError("predict needs an input: give it as an argument or with --input=FILE")
    if not options.workdir:
        raise UserError("predict needs --workdir=W: the folder of a trained run")
    targets = None if options.target is None else read_lines(options.target)
    runs = [workdir.reopen(folder, overrides, options.config) for folder in options.workdir]
    built = [run.build(options.data_dir, options.manual_dir) for run in runs]
    # Before a checkpoint is read: a mistake in the input should not take that long to show.
    batches = trained.inputs(built[0].data, lines, targets)
    restored = trained.ready(built, options.workdir, options.checkpoint)
    for record in trained.predict(restored, batches, options.pictures):
        print(json.dumps(record, ensure_ascii=False) if options.json else _line(record, targets))
    if options.pictures is not None:
        print(f"pictures in {options.pictures}", file=sys.stderr)
    return 0


def _line(record: dict[str, Any], targets: Sequence[str] | None) -> str:
    if targets is None:
        return record["prediction"]
    return "\t".join([f"{record['score']:.4f}", record.get("alignment", "")])
