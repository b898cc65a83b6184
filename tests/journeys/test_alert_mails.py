"""An alert survives kill -9 of the process that was sending it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx2

from greenroom.doctor.catalogue import find
from greenroom.doctor.shown import show
from greenroom.model.findings import Subject
from tests.house import basic
from tests.support.gateways import gateway
from tests.support.mail_server import mail_server

SHOWN = {
    **show(find("webhook.disabled", Subject("webhook", "whk_1", "orders")), "https://greenroom.example"),
    "url": "https://greenroom.example/projects/prj_1/findings",
}
QUEUE = "INSERT INTO alerts SELECT 'alr_1', id, 'fnd_1', 'opened', ?, 1 FROM alert_recipients"
IS_DUE = "UPDATE alert_recipients SET due_at = 1"


def change(data: Path, sql: str, *values: str) -> None:
    """Changes one row of the database of a running or a dead gateway."""
    with closing(sqlite3.connect(data / "greenroom.db", timeout=20)) as database, database:
        assert database.execute(sql, values).rowcount == 1


async def test_a_kill_while_a_mail_is_sent(tmp_path: Path) -> None:
    """The next process sends the mail once the lease of the dead one has ended."""
    async with mail_server() as server, gateway(tmp_path, None) as one:
        one.environment["GREENROOM_SMTP_URL"] = f"smtp://127.0.0.1:{server.port}"
        one.environment["GREENROOM_MAIL_FROM"] = "greenroom@gateway.example"
        key = one.run("keys", "create", "--name", "kill")
        await one.start()
        async with httpx2.AsyncClient(base_url=one.url, headers={"authorization": basic(key)}, timeout=20) as api:
            assert (await api.put("/v1/alerts", json={"emails": ["ada@proctor.example"]})).status_code == 200
        server.hangs = True
        change(tmp_path, QUEUE, json.dumps(SHOWN))
        change(tmp_path, IS_DUE)
        async with asyncio.timeout(30):
            while not server.conversations:
                await asyncio.sleep(0.02)
        await one.kill()
        assert server.received == []
        server.hangs = False
        change(tmp_path, IS_DUE)
        await one.start()
        [message] = await server.receive(1)
        assert "Orders reach nobody" in message["Subject"]
