"""The limits of the machine, measured in the same run: disk, database, HTTP client."""

from __future__ import annotations

from greenroom.bench import databases
from greenroom.bench.bench import Bench
from greenroom.bench.deliver import bare, round_trip_ms
from greenroom.bench.figures import Figure
from greenroom.model.deliveries import PER_DESTINATION

SECTION = "limits"


def limits(bench: Bench) -> list[Figure]:
    """Measures the machine without the gateway; read every other figure beside these."""
    with databases.own_database(bench.server) as url:
        commits = databases.commits(url, bench.directory, bench.seconds)
    synced = databases.syncs(bench.directory, bench.seconds)
    requests = bare(bench, clients=PER_DESTINATION, seconds=bench.seconds)
    trip = round_trip_ms(bench, seconds=bench.seconds)
    return [
        Figure(SECTION, "disk: 4 kB written for good", synced, "/s"),
        Figure(SECTION, "database: commits of one row, one after the other", commits, "/s"),
        Figure(SECTION, f"client: signed requests, {PER_DESTINATION} at a time", requests, "/s"),
        Figure(SECTION, "client: round trip to the receiver, one at a time", trip, "ms"),
    ]
