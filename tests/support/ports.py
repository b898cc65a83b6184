"""Ports for servers that go away and come back to the same one."""

from __future__ import annotations

import os
import random

from greenroom.demo.processes import first_free

#: none of those that the system gives to outgoing connections (Linux from 32768 on, others from 49152). While a server is
#: away its port up there may become the near end of somebody's connection, even of one to that very port, which then
#: talks to itself; either way the server finds its address taken when it comes back
RANGE = range(20_000, 30_000)
#: each worker of one test run has its own part of the range: another worker must not take the port of a server that is away
PORTS_PER_WORKER = 1_000


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    own = RANGE[worker * PORTS_PER_WORKER :][:PORTS_PER_WORKER] or RANGE
    return first_free(random.SystemRandom().sample(own, len(own)))
