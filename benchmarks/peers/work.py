"""The peer's side of a row: a PyTorch module, trained or decoding, eager or compiled."""

import contextlib
import importlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks import equal_work, machine
from benchmarks.rows import ROWS
from benchmarks.side import Side

_TRIED = 3
_SLOW = 1.0


class System(NamedTuple):
    """What `system(row)` of a file of `peers` gives."""

    module: Callable[[Mapping[str, Any]], nn.Module]
    """Built from the sizes. With `loss(batch)`, the mean; or `search(batch)` -> "scores" [batch]
    and "tokens" [batch, time] of the best."""
    named: Callable[[Mapping[str, np.ndarray], bool], dict[str, np.ndarray]]
    """Our parameters, or (True) their slopes, by the module's names and in its shapes."""
    compiled: str = ""
    """The method that `torch.compile` is tried on: a loop's step, or the whole. "" where shapes
    change from step to step, and each would be compiled anew."""


class Peer(Side):
    """What `workers` serves: `build` first, then the others."""

    def __init__(self) -> None:
        torch.set_num_threads(machine.cores())
        torch.set_num_interop_threads(1)

    def build(self, row: str, given: Mapping[str, Any]) -> None:
        """The row's system with our weights, on our batch."""
        self._system = importlib.import_module(f"benchmarks.peers.{ROWS[row]}").system(row)
        self._module = self._system.module(given["sizes"])
        weights = self._system.named(given["weights"], False)
        # Strict: a weight that one side has and the other has not is unequal work.
        self._module.load_state_dict({name: torch.tensor(x) for name, x in weights.items()})
        self._batch = {name: torch.from_numpy(x.copy()) for name, x in given["batch"].items()}
        self._optimizer = None
        if "optimizer" in given:
            self._clip = _clip(given["optimizer"])
            self._optimizer = _adam(self._module, given["optimizer"])

    def differences(self, ours: Mapping[str, np.ndarray]) -> dict[str, float]:
        """How far our loss and its slopes, or what our search found, are from these in float64.

        Raises:
          UnequalWork: one side has what the other has not.
        """
        with _in_double(self._module):
            batch = {n: x.double() if x.is_floating_point() else x for n, x in self._batch.items()}
            if self._optimizer is None:
                found = {name: x.numpy() for name, x in self._search(batch).items()}
                return equal_work.differences(ours, found)
            loss = self._module.loss(batch)
            loss.backward()
            found = {name: x.grad.numpy() for name, x in self._module.named_parameters()}
            self._optimizer.zero_grad()
            own = self._system.named(ours, True) | {"loss": ours["loss"]}
            return equal_work.differences(own, found | {"loss": loss.detach().numpy()})

    def choose(self, compile: bool) -> dict[str, Any]:
        """The faster of the eager and the compiled way, which stays; with the seconds of both,
        where there are two.
        """
        name = self._system.compiled
        if not compile or not name:
            return {"way": "eager"}
        found: dict[str, Any] = {"way": "eager", "eager": self._median()}
        eager = getattr(self._module, name)
        setattr(self._module, name, torch.compile(eager, dynamic=False))
        try:
            found["compiling"] = self._timed()
            found["compiled"] = self._median()
        except Exception as error:  # Whatever it cannot do: the eager way stands.
            found["failed"] = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
        if found.get("compiled", float("inf")) < found["eager"]:
            found["way"] = f"torch.compile of {name}"
        else:
            delattr(self._module, name)
        return found

    def gemm_rate(self) -> float:
        """Floating-point operations a second of a large product in float32."""
        x = torch.ones(machine.SIDE, machine.SIDE)
        return machine.gemm_rate(lambda: x @ x, time.perf_counter)

    def _train(self) -> None:
        assert self._optimizer is not None
        self._optimizer.zero_grad()
        self._module.loss(self._batch).backward()
        if self._clip:
            nn.utils.clip_grad_norm_(self._module.parameters(), self._clip, foreach=True)
        self._optimizer.step()

    def _search(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        with torch.inference_mode():
            return self._module.search(batch)

    def _timed(self) -> float:
        began = time.perf_counter()
        if self._optimizer is None:
            self._search(self._batch)
        else:
            self._train()
        return time.perf_counter() - began

    def _median(self) -> float:
        """Seconds of a step; of slow ones a single one is enough to choose by."""
        seconds = self.run(2)[-1]
        return seconds if seconds > _SLOW else statistics.median(self.run(_TRIED))


@contextlib.contextmanager
def _in_double(module: nn.Module) -> Iterator[None]:
    """The module in float64 for a while, and what it makes anew too."""
    module.double()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
    module.float()


def _adam(module: nn.Module, config: Mapping[str, Any]) -> torch.optim.Adam:
    """As ours, in one kernel for all parameters. The rate is constant: a schedule costs nothing."""
    if config["name"] != "adam" or config["clip_value"]:
        raise ValueError(f"the peers know Adam and clipping by the norm, not {dict(config)}")
    return torch.optim.Adam(
        module.parameters(),
        lr=config["learning_rate"],
        betas=(config["b1"], config["b2"]),
        eps=config["eps"],
        fused=True,
    )


def _clip(config: Mapping[str, Any]) -> float:
    return float(config["clip"])
