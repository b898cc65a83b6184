"""The background job: events and the metric, from real traffic."""

from __future__ import annotations

from greenroom.doctor.watch import IDLE_S, diagnose_next
from greenroom.model.events import ORDER_CREATED
from tests.doctor.scenarios import Patient
from tests.house import webhook


async def diagnose_now(patient: Patient) -> None:
    """Lets the project's turn come, and runs the job until no project is due."""
    ctx = patient.linked.house.app.state.ctx
    await ctx.store.write(lambda tx: tx.run("UPDATE projects SET diagnosed_at = 0"))
    assert await diagnose_next(ctx) < IDLE_S
    assert await diagnose_next(ctx) == IDLE_S


async def test_a_problem_and_its_end_are_published_once(patient: Patient) -> None:
    """To a webhook that subscribes to it, with the body of a finding; the metric counts it meanwhile."""
    house = patient.linked.house
    house.vendor.received.clear()
    await webhook(patient.linked, ["finding.opened", "finding.closed"], name="ops", url=f"{house.vendor.url}/ops")
    await diagnose_now(patient)
    (notice,) = await house.vendor.receive(1)
    assert notice.json["code"] == "hiring_team.partner_only"
    house.vendor.received.clear()

    hook = f"/v1/webhooks/{patient.hook['id']}"
    assert (await patient.linked.api("PATCH", hook, json={"enabled": False})).status_code == 200
    await diagnose_now(patient)
    await diagnose_now(patient)
    (opened,) = await house.vendor.receive(1)
    assert opened.json["event"] == "finding.opened"
    assert opened.json["code"] == "webhook.disabled"
    assert opened.json["subject"]["id"] == patient.hook["id"]
    assert opened.json["proof"]["event"] == ORDER_CREATED["assessments"]
    assert 'greenroom_findings{code="webhook.disabled"} 1.0' in (await house.client.get("/metrics")).text

    assert (await patient.linked.api("PATCH", hook, json={"enabled": True})).status_code == 200
    await diagnose_now(patient)
    closed = (await house.vendor.receive(2))[1].json
    assert closed["event"] == "finding.closed"
    assert closed["record_id"] == opened.json["record_id"]
    assert len(house.vendor.received) == 2
    house.app.state.overview_at = None
    assert 'greenroom_findings{code="webhook.disabled"} 0.0' in (await house.client.get("/metrics")).text
