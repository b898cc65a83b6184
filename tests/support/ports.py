"""Ports for servers that stop and start again on the same port."""

from __future__ import annotations

import os
import random

from greenroom.demo.processes import first_free

#: ports outside of those that the system gives to outgoing connections (Linux from 32768 on, others from 49152). The
#: system could give the port of a stopped server to an outgoing connection, and the server could not start again
RANGE = range(20_000, 30_000)
#: as many as test workers
PARTS = 8


def free_port() -> int:
    """
    Returns a port of 127.0.0.1 on which nobody listens.

    Each parallel worker of a test run has a part of the range: none takes the port of another's server that is away.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    own = RANGE[int(worker) % PARTS :: PARTS] if worker else RANGE
    return first_free(random.SystemRandom().sample(own, len(own)))
