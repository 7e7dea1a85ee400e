"""Our parameters under PyTorch's names and in its shapes.

All of it is moving numbers about, so the same functions serve weights and slopes. Only where
PyTorch has two biases and we have one do they differ: of the weights the second is zero, of the
slopes it is the first again. (So its clipping counts them twice, which costs nothing.)
"""

from collections.abc import Mapping

import numpy as np

Arrays = Mapping[str, np.ndarray]


def linear(name: str, ours: Arrays, path: str) -> dict[str, np.ndarray]:
    """A Dense layer of ours as `nn.Linear`: [in, out] -> [out, in]."""
    found = {f"{name}.weight": matrix(ours[f"{path}/kernel"])}
    if f"{path}/bias" in ours:
        found[f"{name}.bias"] = ours[f"{path}/bias"]
    return found


def matrix(kernel: np.ndarray) -> np.ndarray:
    """[in, *out] -> [out, in]."""
    return kernel.reshape(len(kernel), -1).T


def gru(name: str, ours: Arrays, path: str, slopes: bool, ending: str) -> dict[str, np.ndarray]:
    """A GRU (reset after the product) as one direction of `nn.GRU`; both order gates r, z, n."""
    bias = ours[f"{path}/input/bias"]
    gates = bias[: -len(bias) // 3] * (1.0 if slopes else 0.0)
    second = np.concatenate([gates, ours[f"{path}/candidate_bias"]])
    return _recurrent(name, ours, path, ending, second)


def lstm(name: str, ours: Arrays, path: str, slopes: bool, ending: str) -> dict[str, np.ndarray]:
    """An LSTM as one direction of `nn.LSTM`; both order gates i, f, g, o."""
    second = ours[f"{path}/input/bias"] * (1.0 if slopes else 0.0)
    return _recurrent(name, ours, path, ending, second)


def _recurrent(
    name: str, ours: Arrays, path: str, ending: str, second: np.ndarray
) -> dict[str, np.ndarray]:
    return {
        f"{name}.weight_ih_{ending}": matrix(ours[f"{path}/input/kernel"]),
        f"{name}.weight_hh_{ending}": matrix(ours[f"{path}/recurrent"]),
        f"{name}.bias_ih_{ending}": ours[f"{path}/input/bias"],
        f"{name}.bias_hh_{ending}": second.astype(np.float32),
    }
