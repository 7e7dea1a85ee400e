"""The processes of one run: how they find each other before anything is computed."""

import argparse

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
    if not options.distributed and None in by_hand:
        raise UserError("--coordinator, --num_processes and --process_id belong together")
    # Slow to import.
    import jax

    try:
        jax.distributed.initialize(
            *by_hand,
            cluster_detection_method=None if options.distributed else "deactivate",
            initialization_timeout=options.join_timeout,
        )
    except ValueError as error:
        if not options.distributed:
            raise UserError(f"{error} (--coordinator=HOST:PORT, --process_id from 0)") from error
        raise UserError(
            "--distributed finds no Slurm, Cloud TPU, Kubernetes or MPI around this process: start "
            "it there, or say --coordinator, --num_processes and --process_id"
        ) from error
    except RuntimeError as error:
        address = options.coordinator or "the coordinator"
        raise UserError(
            f"not all processes met at {address} within {options.join_timeout} s: start all of "
            "them, and check that this machine reaches it"
        ) from error
