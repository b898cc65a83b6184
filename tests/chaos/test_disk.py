"""The disk is full: nothing is half-written, callers get 503, and work continues once there is room."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path

import httpx2
import pytest

from tests.chaos.books import balance
from tests.chaos.conftest import Install
from tests.chaos.installation import Installation
from tests.chaos.load import Load
from tests.chaos.neighbours import Neighbours
from tests.chaos.quiet import Quiet
from tests.chaos.report import Report
from tests.chaos.sizes import LONG, SHORT, Size

#: bytes on disk for one order with all its rows, twice the real size, and for SQLite's log: the load itself must not fill
#: the disk before or after the fault
ORDER, LOG = 20 * 2**10, 16 * 2**20


@contextmanager
def small_disk(place: Path, size: Size) -> Iterator[None]:
    """Mounts a file system with room for the orders of a scenario."""
    place.mkdir()
    room = LOG + int(ORDER * size.rate * (size.outage + 3 * size.period))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", place], capture_output=True)
    if mounted.returncode:
        pytest.skip("only who may mount a file system can fill a disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def fill(data: Path) -> Path:
    """Fills the disk; returns the file that does."""
    ballast = data / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        for size in (65536, 512):
            with suppress(OSError):
                while file.write(b"x" * size) == size:
                    pass
    return ballast


@contextmanager
def no_room(kind: str, installation: Installation) -> Iterator[None]:
    """Fills the disk, or limits the size of the process's files, for the block."""
    if kind == "disk":
        ballast = fill(installation.directory / "data")
        try:
            yield
        finally:
            ballast.unlink()
        return
    (pid,) = (process.pid for process in installation.processes)
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))


def is_sound(data: Path) -> bool:
    """Returns the result of SQLite's integrity check."""
    with closing(sqlite3.connect(data / "greenroom.db")) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok")


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        pytest.param("file-size", SHORT, id="file-size-short"),
        pytest.param("file-size", LONG, id="file-size-long", marks=pytest.mark.chaos),
        pytest.param("disk", LONG, id="disk-long", marks=pytest.mark.chaos),
    ],
)
async def test_the_disk_is_full(
    kind: str, size: Size, install: Install, neighbours: Neighbours, report: Report, tmp_path: Path
) -> None:
    """Under load every call gets 503 while there is no room, and work continues afterwards."""
    if kind == "disk" and os.geteuid() != 0:
        pytest.skip("only who may mount a file system can fill a disk")
    began = time.monotonic()
    data = tmp_path / "data"
    with small_disk(data, size) if kind == "disk" else nullcontext():
        async with install("sqlite") as installation:
            serving = await installation.serve()
            load = Load(installation, neighbours, size.rate)
            over = asyncio.Event()
            loading = asyncio.create_task(load.run(600, until=over.is_set))
            await asyncio.sleep(size.period)
            with no_room(kind, installation):
                quiet = Quiet(serving)
                accepted = len(load.accepted)
                in_flight = await asyncio.to_thread(leases_of, data)
                await asyncio.sleep(size.outage)
                async with httpx2.AsyncClient(timeout=20, verify=False) as client:
                    assert (await client.get(serving.url + "/healthz")).status_code == 200
                assert load.refused[503] > 0
                quiet.check()
            assert len(load.accepted) - accepted < load.rate * size.outage / 2, "the disk was not full"
            await asyncio.sleep(size.period)
            over.set()
            await loading
            assert set(load.refused) == {503}
            assert load.without_retry_after == 0
            await load.finish()
            if not size.real_leases:
                await neighbours.quiet(3.0)
                in_flight |= await installation.leases()
                await installation.end_leases()
            books = await balance(installation, load, neighbours)
            assert await serving.stop() == 0
        assert is_sound(data)
    report.add(f"no room ({kind}), sqlite", books, allowed=len(in_flight), faults=1, since=began)


def leases_of(data: Path) -> set[str]:
    """Returns the leases, read without a lock file: there is no room for one."""
    with closing(sqlite3.connect(f"file:{data / 'greenroom.db'}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT lease || id FROM deliveries WHERE state = 'pending' AND lease IS NOT NULL")
        return {row[0] for row in rows}
