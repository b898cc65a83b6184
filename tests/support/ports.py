"""Ports for servers that restart on the same port."""

from __future__ import annotations

import os
import random

from greenroom.demo.processes import first_free

#: ports outside of the system's ephemeral range (Linux from 32768 on, others from 49152), so that no outgoing connection
#: takes the port of a stopped server
RANGE = range(20_000, 30_000)
#: number of parts of the range, one for each parallel test worker
PARTS = 8


def free_port() -> int:
    """
    Returns a free port of 127.0.0.1.

    Each parallel test worker has a part of the range, so that none takes the port of another worker's stopped server.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    own = RANGE[int(worker) % PARTS :: PARTS] if worker else RANGE
    return first_free(random.SystemRandom().sample(own, len(own)))
