"""The line of an attempt in the log: what an operator finds out without the database."""

from __future__ import annotations

import os
from typing import Any

from structlog.testing import capture_logs

from tests.house import Linked, webhook


async def test_an_attempt_is_one_line_that_says_all(proctor: Linked) -> None:
    """Who made it, of what, to whom, what came of it and what follows; nothing private."""
    hook = await webhook(proctor)
    proctor.house.vendor.will_answer(503, 200)
    with capture_logs() as lines:
        order = await proctor.send_test()
        (heard,) = await proctor.house.vendor.hear(1)
        while not (told := [line for line in lines if line["event"] == "attempt"]):
            await proctor.api("GET", "/healthz")
    line: dict[str, Any] = dict(told[0])

    (delivery,) = (await proctor.api("GET", f"/v1/deliveries?order_id={order}")).json()["data"]
    assert line["worker"].endswith(f":{os.getpid()}")
    assert line["address"].startswith("127.0.0.1")
    assert isinstance(line["ms"], int)
    assert line["next_attempt_at"] == delivery["attempts"][0]["next_due_at"]
    same = {
        "delivery_id": delivery["id"],
        "event_id": heard.headers["webhook-id"],
        "order_id": order,
        "destination_id": hook["id"],
        "lane": "vendor",
        "trigger": "auto",
        "number": 1,
        "status": 503,
        "error": "http_status",
        "state": "pending",
    }
    assert {name: line[name] for name in same} == same
    assert [word for word in ("@", "http:", "Ada") if word in str(line)] == []
