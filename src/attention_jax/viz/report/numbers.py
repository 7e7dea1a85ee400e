"""How metrics are called, written and compared."""

import math
from typing import Any

_CALLED = {
    "bleu": "BLEU",
    "chrf": "chrF",
    "aer": "AER",
    "aer_posterior": "AER after the word",
    "rouge_l": "ROUGE-L",
    "cider": "CIDEr",
    "fid": "FID",
    "kid": "KID",
    "intra_fid": "intra-FID",
}
# 1: more is better; -1: less is. Of the rest there is no telling.
_SIGNS = {
    **dict.fromkeys(("bleu", "bleu1", "bleu2", "bleu3", "bleu4", "chrf", "rouge_l", "cider"), 1),
    **dict.fromkeys(("exact_match", "read_head_accuracy", "accuracy", "area", "validity"), 1),
    **dict.fromkeys(("pointing", "attention_mass", "inception_score", "precision"), 1),
    **dict.fromkeys(("recall", "reward", "coverage"), 1),
    **dict.fromkeys(("loss", "perplexity", "aer", "aer_posterior", "bits_per_sequence"), -1),
    **dict.fromkeys(
        ("bits_per_sample", "failures", "gap", "tour_length", "fid", "kid", "intra_fid", "regret"),
        -1,
    ),
    "error": -1,
}


def called(metric: str) -> str:
    """A metric's name as papers write it, its slice behind a comma."""
    name, slash, part = metric.partition("/")
    return _CALLED.get(name, name.replace("_", " ")) + (
        f", {part.replace('_', ' ')}" if slash else ""
    )


def written(value: Any) -> str:
    """A number with four significant digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "infinite"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def sign(metric: str) -> int:
    """1 where more is better, -1 where less is, 0 where neither is known."""
    return _SIGNS.get(metric.partition("/")[0], 0)


def best(metric: str, values: list[float | None]) -> float | None:
    """The best of several runs' values; None where there is no telling, or nothing to tell."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not sign(metric) or len(known) < 2 or len(set(known)) == 1:
        return None
    return max(known, key=lambda value: sign(metric) * value)
