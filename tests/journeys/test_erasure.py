"""
A person's data enters at every place that takes it, and is nowhere after the order's content was erased.

Every text column of every table is searched, encrypted ones decrypted; on SQLite the file's bytes, too.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Text

from greenroom.context import Context
from greenroom.store.schema import metadata
from tests.house import House, Linked, open_house, webhook

#: each in a field of its own
CANARIES = {
    "first_name": "Canary-First",
    "last_name": "Canary-Last",
    "preferred_name": "Canary-Preferred",
    "phone_number": "+44 20 7946 0417",
    "email": "canary.mail@example.test",
    "resume_url": "https://files.example.test/canary-resume.pdf",
    "greenhouse_profile_url": "https://app.greenhouse.io/people/87654321?application_id=98765432",
}
RAW = "canary-in-an-unknown-field"
SENDER = "canary.recruiter@example.test"
SAID = "canary-in-an-answer"
TYPED = "Canary: she asked for more time"
RESULT = {
    "score": {"value": "31.4159", "label": "canary-label"},
    "summary": "canary-notes",
    "result": {"value": "failed"},
    "result_url": "https://results.example.test/canary-report",
    "candidate": {"id": "canary-at-the-vendor", "profile_url": None},
    "passthrough": {"more": "canary-passthrough"},
}
#: texts that must be gone; the ids in the profile URL are personal, too
PLANTED = [
    *CANARIES.values(), RAW, SENDER, SAID, TYPED, "87654321", "98765432", "31.4159", "canary-label", "canary-notes",
    "canary-report", "canary-at-the-vendor", "canary-passthrough", "canary-refused",
]  # fmt: skip


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest) -> Any:
    """Returns the URL of a database of each kind; None is SQLite in the data directory."""
    if request.param == "sqlite":
        return None
    return request.getfixturevalue("postgres").create_database(request.getfixturevalue("migrated"))


async def played(house: House) -> tuple[Linked, str]:
    """Plays a whole order and records all of it; returns account and order id."""
    linked = await house.link("proctor", package_id="pkg_core_sql")
    house.vendor.will_answer((200, {"x-said": SAID}, f"{SAID}: {CANARIES['email']}".encode()))
    house.greenhouse.will_answer((500, {}, SAID.encode()))
    await webhook(linked)
    order = await linked.send_test(candidate=CANARIES, sent_by=SENDER, questionnaire={"answer": RAW})
    await house.vendor.receive(1)
    await linked.send_test(candidate=CANARIES, sent_by=SENDER, questionnaire={"answer": RAW})
    progress = {"status": "in_progress", "message": TYPED}
    keyed = {"idempotency-key": "k"}
    assert (await linked.api("POST", f"/v1/orders/{order}/status", json=progress, headers=keyed)).status_code == 200
    assert (await linked.give_result(order, RESULT)).status_code == 200
    assert (await linked.give_result(order, {**RESULT, "summary": "canary-refused"})).status_code == 409
    await house.greenhouse.receive(1)
    await linked.status(order)
    complaint = {"api_call": "test_status", "errors": [f"bad: {SAID}"], "candidate_email": CANARIES["email"]}
    await linked.call("response_error", json={**complaint, "partner_interview_id": order})
    await linked.call("response_error", json={**complaint, "api_call": "send_test"})
    (delivery,) = (await linked.api("GET", f"/v1/deliveries?order_id={order}&lane=vendor")).json()["data"]
    await settled(linked, order)
    retried = await linked.api("POST", f"/v1/deliveries/{delivery['id']}/retry", headers={"idempotency-key": "r"})
    assert retried.status_code == 200, retried.text
    for path in (
        "/v1/orders", f"/v1/orders?candidate_email={CANARIES['email']}", f"/v1/orders/{order}", "/v1/deliveries",
        f"/v1/orders/{order}/timeline", f"/v1/deliveries/{delivery['id']}",
    ):  # fmt: skip
        assert (await linked.api("GET", path)).status_code == 200, path
    for path in ("", "?fields=candidate", f"/{order}", f"/{order}/results"):
        assert (await linked.unified("GET", f"/assessments/orders{path}")).status_code == 200, path
    assert (await linked.api("POST", f"/v1/orders/{order}/result:preview", json=RESULT)).status_code == 200
    await house.vendor.receive(2)  # the retry has begun
    await settled(linked, order)
    return linked, order


async def settled(linked: Linked, order: str) -> None:
    """Waits until no attempt is in flight."""
    async with asyncio.timeout(20):
        while any(
            one["in_flight"] or not one["attempts"]
            for one in (await linked.api("GET", f"/v1/deliveries?order_id={order}")).json()["data"]
        ):
            await asyncio.sleep(0.02)


async def kept(ctx: Context) -> dict[str, str]:
    """Returns all texts of the database by table and column, decrypted."""
    found: dict[str, list[str]] = {}
    for table in metadata.sorted_tables:
        rows = await ctx.store.read(lambda tx, name=table.name: tx.all(f"SELECT * FROM {name}"))  # type: ignore[misc]
        for column in table.columns:
            if not isinstance(column.type, Text):
                continue
            for row in rows:
                text = str(row[column.name])
                if column.name.endswith("_sealed") and row[column.name] is not None:
                    row_id = row["key"] if table.name == "idempotency_keys" else row["id"]
                    text = ctx.vault.open(text, table=table.name, row=row_id, column=column.name)
                found.setdefault(f"{table.name}.{column.name}", []).append(text)
    return {place: "\n".join(texts) for place, texts in found.items()}


def on_disk(directory: Path) -> bytes:
    """Returns the bytes of every file in a data directory."""
    return b"".join(path.read_bytes() for path in directory.iterdir() if path.is_file())


async def test_no_data_of_the_candidate_is_left(tmp_path: Path, url: Any) -> None:
    """Each text was there before: in plain text, in encrypted bodies, in answers of the other side."""
    async with open_house(tmp_path, url, log_bodies="all") as house:
        linked, order = await played(house)
        ctx: Context = house.app.state.ctx
        await house.app.state.request_log.flush()
        before = await kept(ctx)
        answer = await linked.api("DELETE", f"/v1/orders/{order}/content")
        assert answer.status_code == 200, answer.text
        refused = await linked.give_result(order, RESULT)
        await house.app.state.request_log.flush()
        after = await kept(ctx)

    def places(kept: dict[str, str], canary: str) -> list[str]:
        spelled = (canary, json.dumps(canary)[1:-1])
        return [place for place, text in kept.items() if any(one in text for one in spelled)]

    assert [canary for canary in PLANTED if not places(before, canary)] == []
    everywhere = {place for canary in PLANTED for place in places(before, canary)}
    assert everywhere >= {
        "orders.candidate_email", "orders.request", "orders.raw", "orders.result", "orders.status_message",
        "order_log.message", "order_log.detail", "response_errors.errors", "response_errors.raw", "events.payload",
        "attempts.response", "request_logs.detail_sealed", "idempotency_keys.response_sealed",
    }  # fmt: skip
    assert {canary: places(after, canary) for canary in PLANTED if places(after, canary)} == {}
    assert refused.status_code == 409
    if url is None:
        assert [canary for canary in PLANTED if canary.encode() in on_disk(tmp_path)] == []


async def test_other_orders_are_kept(tmp_path: Path, url: Any) -> None:
    """Another candidate's order is kept, and so are the bodies of requests about that order alone."""
    async with open_house(tmp_path, url, log_bodies="all") as house:
        linked, order = await played(house)
        ada = await linked.send_test(2)
        await settled(linked, ada)
        read = await linked.order(ada)
        seen = await linked.api("GET", f"/v1/orders/{ada}")
        attempts = (await linked.api("GET", f"/v1/deliveries?order_id={ada}")).json()
        await linked.api("DELETE", f"/v1/orders/{order}/content")

        assert await linked.order(ada) == read
        assert (await linked.api("GET", f"/v1/deliveries?order_id={ada}")).json() == attempts
        logged = f"/requests/logs/{seen.headers['x-request-id']}?include=advanced_logs"
        line = (await linked.api("GET", logged)).json()["data"]
        assert "ada@example.test" in json.dumps(line)
