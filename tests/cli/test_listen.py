"""`greenroom listen` as a process: verifying, printing, forwarding and refusing webhooks."""

from __future__ import annotations

import json
import re
import secrets
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from greenroom.api import event_examples
from greenroom.demo.processes import Processes
from greenroom.security.signatures import new_private_key, public_key, webhook_headers
from tests.cli.test_commands import greenroom
from tests.house import neighbour

SECRET = "whsec_" + b64encode(secrets.token_bytes(32)).decode()
EVENT = "ats_assessments.created"
BODY = json.dumps({"event": EVENT, **event_examples.build(EVENT), "record_id": "ord_1"}).encode()


def signed(*, event_id: str = "evt_1", ago: timedelta = timedelta(0), secret: str = SECRET) -> dict[str, str]:
    """Returns the headers of a webhook."""
    sent_at = int((datetime.now(UTC) - ago).timestamp())
    return webhook_headers(event_id=event_id, sent_at=sent_at, body=BODY, secrets=[secret])


async def test_genuine_webhooks_are_printed_and_forwarded(tmp_path: Path) -> None:
    """The local application's status is returned; while it is unreachable, 502 makes the gateway retry."""
    async with neighbour() as application:
        application.will_answer(202, 500)
        with Processes() as running:
            arguments = ("--port", "0", "--secret", SECRET, "--forward-to", f"{application.url}/hooks")
            running.start("listen", "greenroom", "listen", *arguments, ready="Listening on")
            found = re.search(r"http://\S+", running.log("listen"))
            assert found is not None
            async with httpx2.AsyncClient(base_url=found[0]) as client:
                answers = [(await client.post("/", content=BODY, headers=signed())).status_code for _ in range(2)]
                for refused in (
                    {},
                    signed(ago=timedelta(minutes=6)),
                    signed(secret="whsec_" + b64encode(b"x" * 32).decode()),
                    {**signed(), "webhook-timestamp": "x"},
                    {**signed(), "webhook-id": "evt_2"},
                ):
                    assert (await client.post("/", content=BODY, headers=refused)).status_code == 401
            log = running.log("listen")

    assert answers == [202, 500]
    assert [one.body for one in application.received] == [BODY, BODY]
    assert application.received[0].headers["webhook-id"] == "evt_1"
    assert "→ 202 from" in log
    assert "(sent before)" in log
    assert log.count("refused: the signature") == 5


async def test_a_public_key_verifies_ed25519_signatures() -> None:
    """Without any secret; another key's signature is refused."""
    private = new_private_key()
    with Processes() as running:
        arguments = ("--port", "0", "--secret", public_key(private))
        running.start("listen", "greenroom", "listen", *arguments, ready="Listening on")
        found = re.search(r"http://\S+", running.log("listen"))
        assert found is not None
        async with httpx2.AsyncClient(base_url=found[0]) as client:
            for headers, status in [
                (signed(secret=private), 204),
                (signed(secret=new_private_key()), 401),
                (signed(), 401),
                ({**signed(), "webhook-signature": "v1a,x v1a garbage"}, 401),
            ]:
                assert (await client.post("/", content=BODY, headers=headers)).status_code == status


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        ((), {}, "GREENROOM_ALLOW_PRIVATE_NETWORKS=127.0.0.0/8"),
        (("--secret", "hunter2"), {}, "--secret: expected whsec_"),
        (("--secret", "whpk_x"), {}, "--secret: expected whpk_"),
        (("--forward-to", "ftp://x"), {}, "--forward-to: "),
    ],
)
def test_wrong_options_are_refused(
    arguments: tuple[str, ...], environment: dict[str, str], said: str, tmp_path: Path
) -> None:
    """Wrong options are refused with one line, and no webhook is left behind."""
    done = greenroom("listen", "--port", "0", *arguments, data=tmp_path, **environment)

    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
