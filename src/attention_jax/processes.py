"""The processes of one run: how they find each other before anything is computed."""

import argparse
import contextlib
import os
import socket
import time

from attention_jax.errors import UserError


def add_options(parser: argparse.ArgumentParser) -> None:
    """Those of a command that several processes can run together."""
    add = parser.add_argument
    add(
        "--distributed",
        action="store_true",
        help="of the processes that Slurm, Cloud TPU, Kubernetes or MPI started: JAX finds them",
    )
    add("--coordinator", metavar="HOST:PORT", help="where none of these is: process 0's address")
    add("--num_processes", type=int, metavar="N")
    add("--process_id", type=int, metavar="0..N-1")
    add("--join_timeout", type=int, default=300, metavar="SECONDS", help="(default: 300)")


def join(options: argparse.Namespace) -> None:
    """Waits until all processes of the run are there; does nothing for a run of one.

    Raises:
      UserError: where they are not found, or not there in time.
    """
    by_hand = (options.coordinator, options.num_processes, options.process_id)
    if not options.distributed and all(given is None for given in by_hand):
        return
    if not options.distributed:
        if None in by_hand:
            raise UserError("--coordinator, --num_processes and --process_id belong together")
        meet(*by_hand, options.join_timeout)
    _keep_order()
    # Slow to import.
    import jax

    # Its handler would swallow a SIGTERM that comes before training puts our own in its place.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(
            *by_hand,
            cluster_detection_method=None if options.distributed else "deactivate",
            initialization_timeout=options.join_timeout,
        )
    except (ValueError, RuntimeError) as error:
        if not options.distributed:
            raise
        raise UserError(
            "--distributed finds no Slurm, Cloud TPU, Kubernetes or MPI around this process: start "
            "it there, or say --coordinator, --num_processes and --process_id"
        ) from error


def _keep_order() -> None:
    """Has CPUs run a program in the order in which it was compiled.

    Of what may run at once they otherwise begin with whatever is ready first; two processes then
    send each other parts of different sums, and abort. Devices other than CPUs do not mind.
    """
    given = os.environ.get("XLA_FLAGS", "")
    if _ORDER not in given:
        os.environ["XLA_FLAGS"] = f"{given} --{_ORDER}=false".strip()


def meet(address: str, processes: int, own: int, timeout: float) -> None:
    """Waits until all processes are there. JAX's own service would end this one with a stack trace
    where another is missing.

    Args:
      address: "HOST:PORT" of process 0, whose port is free again afterwards.
      processes: how many.
      own: which this is, from 0.
      timeout: seconds.

    Raises:
      UserError: names who is missing, or what is wrong with the address or the numbers.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise UserError(f"--coordinator={address} is no HOST:PORT")
    if not 0 <= own < processes:
        raise UserError(f"--process_id={own} is not from 0 to {processes - 1}")
    deadline = time.monotonic() + timeout
    try:
        if own == 0:
            _gather(int(port), processes, deadline)
        else:
            _report(host, int(port), own, deadline)
    except _Missing as missing:
        raise UserError(
            f"{missing} within {timeout:g} s: start all of them, and check that this machine "
            f"reaches {address}"
        ) from None


class _Missing(Exception):
    """Who did not come."""


def _gather(port: int, processes: int, deadline: float) -> None:
    missing, there = set(range(1, processes)), []
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(socket.create_server(("", port)))
        except OSError as error:
            raise UserError(f"port {port} cannot be used here: {error.strerror}") from error
        while missing:
            try:
                server.settimeout(_left(deadline))
                connection = stack.enter_context(server.accept()[0])
                connection.settimeout(_left(deadline))
                told = connection.recv(16)
            except TimeoutError:
                named = ", ".join(map(str, sorted(missing)))
                raise _Missing(f"no sign of process {named} of {processes}") from None
            # What knocks may be anything.
            if told.strip().isdigit():
                missing.discard(int(told))
                there.append(connection)
        for connection in there:
            connection.sendall(_GO)
        for connection in there:
            # Closed by the other side first, or the port would not be free at once.
            connection.recv(1)


def _report(host: str, port: int, own: int, deadline: float) -> None:
    while True:
        try:
            connection = socket.create_connection((host, port), timeout=_left(deadline))
            break
        except OSError as error:
            if time.monotonic() > deadline - _AGAIN_SECONDS:
                raise _Missing(f"no coordinator answered ({error})") from None
            time.sleep(_AGAIN_SECONDS)
    with connection:
        connection.sendall(str(own).encode())
        try:
            answer = connection.recv(len(_GO))
        except TimeoutError:
            answer = b""
    if answer != _GO:
        raise _Missing("the coordinator answered, but not all processes came to it")


_ORDER = "xla_cpu_enable_concurrency_optimized_scheduler"
_GO = b"go"
_AGAIN_SECONDS = 0.2


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 1e-3)
