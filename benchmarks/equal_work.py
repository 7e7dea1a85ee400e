"""Do both sides compute the same? A difference in speed says nothing before that is known.

From the same weights and the same batch ours computes in float32 and the peer in float64, which is
the truth but for the weights' own rounding. The losses may differ by 1e-5 of themselves, and the
slopes of each parameter, as vectors, by 1e-2 of their length. Mostly they differ by 1e-6: but where
two maxout units or pixels are equal but for rounding, one slope goes the other way, and one of
300,000 is 0.4 % of the length. Slopes a millionth of the longest are nothing but rounding.

Searches may end in other tokens in one sentence of twenty, where two were equally likely but for
rounding; the scores may differ by 1e-4 of their length.
"""

from collections.abc import Mapping

import numpy as np

BARS = {"loss": 1e-5, "scores": 1e-4, "tokens": 0.05}
SLOPES = 1e-2
_ROUNDING = 1e-6


class UnequalWork(Exception):
    """The two sides compute different things."""


def differences(ours: Mapping[str, np.ndarray], peer: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Name -> the length of the difference, as a share of the length; of tokens, of sentences.

    Args:
      ours: "loss" and the slopes by the peer's names, or "scores" and "tokens" of a search.
      peer: the same.

    Raises:
      UnequalWork: one side has what the other has not, or another shape.
    """
    if ours.keys() != peer.keys():
        odd = ", ".join(sorted(ours.keys() ^ peer.keys()))
        raise UnequalWork(f"only one side has {odd}")
    longest = max((_length(peer[name]) for name in peer if name not in BARS), default=0.0)
    found = {}
    for name, own in ours.items():
        if np.shape(own) != np.shape(peer[name]):
            shapes = f"{np.shape(own)} and {np.shape(peer[name])}"
            raise UnequalWork(f"{name} has the shapes {shapes}")
        if name == "tokens":
            found[name] = float((own != peer[name]).any(-1).mean())
            continue
        off = _length(np.asarray(own, np.float64) - peer[name])
        least = 0.0 if name in BARS else _ROUNDING * longest
        found[name] = off / max(_length(peer[name]), least) if off else 0.0
    return found


def check(found: Mapping[str, float]) -> float:
    """The largest difference.

    Raises:
      UnequalWork: one is larger than it may be.
    """
    bars = {name: BARS.get(name, SLOPES) for name in found}
    # Not `>`: a NaN on either side is no agreement.
    wrong = [name for name in found if not found[name] <= bars[name]]
    if wrong:
        told = ", ".join(f"{name} by {found[name]:.2g}" for name in sorted(wrong))
        raise UnequalWork(f"they differ in {told} of its length")
    return max(found.values())


def _length(x: np.ndarray) -> float:
    return float(np.linalg.norm(np.ravel(x)))
