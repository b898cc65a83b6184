"""The check that a result is shown to the recruiter: it is played through a throw-away gateway and the simulator."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from typing import Any

from greenroom.check.calls import basic
from greenroom.check.model import Failed, Skipped, Suite
from greenroom.check.results.subject import ResultsSubject
from greenroom.demo import greenhouse
from greenroom.demo import story as steps
from greenroom.demo.client import Unexpected
from greenroom.demo.processes import Ports, Processes, ProcessFailed, first_free, has_simulator
from greenroom.demo.story import Story
from greenroom.outbound import Outbound, Request

SUITE: Suite[ResultsSubject] = Suite("results")
#: up to the recruiter's click on *Send test*
STEPS = (
    greenhouse.start_servers,
    greenhouse.apply_for_partnership,
    greenhouse.configure_integration,
    steps.add_webhook,
    greenhouse.link_account,
    greenhouse.hand_token_to_support,
    greenhouse.add_stage,
    greenhouse.open_dialog,
    greenhouse.send_test,
)
#: the row of the interview kit for each field of a result
ROWS = {
    ("result_url",): "Report",
    ("score", "value"): "Score",
    ("start_date",): "Started At",
    ("submission_date",): "Completed At",
    ("summary",): "Notes",
}
DEADLINE_S = 15.0


@SUITE.check(
    "shown",
    "The recruiter's page shows each field of the result",
    why="What is not shown was sent in vain, and a result cannot be corrected.",
    fix="Compare your fields with the rows that are named; `greenroom demo` shows a complete result.",
)
async def shown(subject: ResultsSubject) -> str:
    """Sends the vendor's own result to a gateway for an order of the simulated Greenhouse, and reads its kit."""
    if not subject.simulate:
        raise Skipped("With --simulator, the result is played through a gateway and the simulated Greenhouse.")
    if subject.standin.category != "assessments":
        raise Skipped("The simulated story is one of assessments.")
    if not has_simulator():
        raise Skipped("The simulator is not here: pip install greenroom-sandbox.")
    content = await _accepted(subject)
    try:
        with _stories() as story:
            await asyncio.to_thread(_order, story)
            answer = await _send(story, content)
            if answer is not None:
                raise Failed(f"The gateway answered {answer}")
            rows = await asyncio.to_thread(_kit, story)
    except (Unexpected, ProcessFailed) as error:
        raise Failed(f"The story failed: {error}"[:400]) from None
    missing = [row for path, row in ROWS.items() if _value(content, path) is not None and row not in rows]
    if missing:
        raise Failed(f"The interview kit has no row {', '.join(missing)}; it has {', '.join(rows)}.")
    return "; ".join(f"{label}: {text}" for label, text in rows.items())[:400]


@contextmanager
def _stories() -> Iterator[Story]:
    ports = Ports(first_free([0]), first_free([0]), first_free([0]))
    with Processes(ports, prefix="greenroom-check-") as processes:
        yield Story(processes, greenhouse.GREENHOUSE, quiet=True)


def _order(story: Story) -> None:
    for step in STEPS:
        step(story)


async def _accepted(subject: ResultsSubject) -> dict[str, Any]:
    for one in await subject.requests():
        if one.status == 200 and one.result is not None and one.result.is_final:
            return dict(one.content)
    raise Skipped("No final result was accepted: see results.accepted.")


async def _send(story: Story, content: dict[str, Any]) -> str | None:
    """Sends the result as the vendor's client would; returns the answer when it is not 200."""
    headers = {
        "authorization": basic(story.keys["api_key"]),
        "x-account-id": str(story.ids["account"]),
        "content-type": "application/json",
    }
    url = f"{story.gateway}/unified/ats/assessments/orders/{story.ids['order']}/result"
    request = Request("PATCH", url, headers, json.dumps(content).encode())
    out = Outbound(allowed_networks=[ip_network("127.0.0.0/8")], allow_http=True)
    try:
        answer = await out.send(request, deadline=DEADLINE_S)
    finally:
        await out.aclose()
    return None if answer.status == 200 else f"{answer.status}: {answer.body[:300].decode(errors='replace')}"


def _kit(story: Story) -> dict[str, str]:
    take_home = f"/take-homes/{story.ids['take_home']}"
    waited = story.simulator.call("GET", f"{take_home}?status=received&wait=20")
    steps.expect(waited["status"] == "received", "the take-home test received", waited)
    return {row["label"]: str(row["text"]) for row in story.simulator.call("GET", f"{take_home}/kit")["rows"]}


def _value(content: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        content = content.get(name) if isinstance(content, dict) else None
    return content
