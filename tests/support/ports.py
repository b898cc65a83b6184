"""Ports for servers that stop and start again on the same port."""

from __future__ import annotations

import os
import random

from greenroom.demo.processes import first_free

#: ports outside of those that the system gives to outgoing connections (Linux from 32768 on, others from 49152). The
#: system could give the port of a stopped server to an outgoing connection, and the server could not start again
RANGE = range(20_000, 30_000)
#: each worker of a test run has its own part of the range, so that it does not take the port of another's stopped server
PORTS_PER_WORKER = 1_000


def free_port() -> int:
    """Returns a port of 127.0.0.1 that is free."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    own = RANGE[worker * PORTS_PER_WORKER :][:PORTS_PER_WORKER] or RANGE
    return first_free(random.SystemRandom().sample(own, len(own)))
