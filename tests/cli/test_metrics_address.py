"""`GREENROOM_METRICS_ADDRESS`: liveness, readiness and metrics on a port of their own."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from greenroom.settings import Settings, SettingsError
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.processes import environment


def get(url: str) -> httpx2.Response:
    """Returns an answer; asks again until the server listens."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return httpx2.get(url, timeout=30)
        except httpx2.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@contextmanager
def running(data: Path, database_url: str, *arguments: str, metrics: str) -> Iterator[list[str]]:
    """Runs a command until the end of the block, where it stops with status 0; yields its first line's words."""
    variables = environment(database_url, data) | {"GREENROOM_METRICS_ADDRESS": metrics}
    command = [sys.executable, "-m", "greenroom", *arguments]
    with subprocess.Popen(
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()


def test_serve_moves_its_metrics(tmp_path: Path) -> None:
    """With an address of their own, the metrics leave the public port; readiness is on both."""
    own = f"127.0.0.1:{free_port()}"
    with running(tmp_path, "", "serve", "--port", "0", metrics=own) as line:
        public = line[1]
        assert "greenroom_database_up 1.0" in get(f"http://{own}/metrics").text
        assert get(f"http://{own}/readyz").json()["status"] == "ok"
        assert get(f"http://{own}/healthz").json() == {"status": "ok"}
        assert get(f"http://{own}/v1/webhooks").status_code == 404
        assert get(f"{public}/metrics").status_code == 404
        assert get(f"{public}/readyz").status_code == 200


@pytest.mark.postgres
def test_work_has_metrics_too(postgres: Postgres, migrated: str, tmp_path: Path) -> None:
    """Delivery workers answer on the address, and only there."""
    own = f"127.0.0.1:{free_port()}"
    with running(tmp_path, postgres.create_database(migrated), "work", metrics=own) as line:
        assert line[:2] == ["Delivering", "as"]
        assert "greenroom_attempts_total" in get(f"http://{own}/metrics").text
        assert get(f"http://{own}/readyz").status_code == 200


@pytest.mark.postgres
def test_each_of_several_processes_has_a_port(postgres: Postgres, migrated: str, tmp_path: Path) -> None:
    """With `--workers 2` the second process answers on the next port, so that each counter has one source."""
    port = next(port for port in iter(free_port, None) if is_free(port + 1))
    with running(
        tmp_path, postgres.create_database(migrated), "serve", "--workers", "2", "--port", "0",
        metrics=f"127.0.0.1:{port}",
    ):  # fmt: skip
        for number in (port, port + 1):
            assert "process_start_time_seconds" in get(f"http://127.0.0.1:{number}/metrics").text


def is_free(port: int) -> bool:
    """Returns whether a port of 127.0.0.1 can be listened on."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) != 0


def test_an_address_in_use_is_named(tmp_path: Path) -> None:
    """The refusal names the setting, not the option of the public port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        own = f"127.0.0.1:{taken.getsockname()[1]}"
        variables = environment("", tmp_path) | {"GREENROOM_METRICS_ADDRESS": own}
        command = [sys.executable, "-m", "greenroom", "serve", "--port", "0"]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert f"Cannot listen on {own}" in done.stderr
    assert "GREENROOM_METRICS_ADDRESS" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("value", ["9464", ":9464", "127.0.0.1", "127.0.0.1:0", "h:70000", "u@h:1", "h:1/metrics"])
def test_an_address_without_host_or_port_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match=r"GREENROOM_METRICS_ADDRESS: expected host:port"):
        Settings.from_environment({"GREENROOM_METRICS_ADDRESS": value})


def test_an_ipv6_address_is_taken() -> None:
    assert Settings(metrics_address="[::1]:9464").get_metrics_listener() == ("::1", 9464)
    assert Settings().get_metrics_listener() is None
