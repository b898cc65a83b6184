"""`check results`: each broken client is named by its check, good clients pass."""

from __future__ import annotations

import asyncio

from greenroom.check.calls import Caller, new_secret
from greenroom.check.results import RESULTS
from greenroom.check.results.serving import serving as standing_in
from greenroom.check.results.standin import StandIn
from greenroom.check.results.subject import ORDERS, ResultsSubject
from greenroom.check.run import run
from greenroom.outbound import Outbound
from tests.check.vendors import clients, serving

#: seconds that a good client may take on a busy machine
IN_TIME_S = 60.0


async def check_client(out: Outbound, vendor: type[clients.Sending]) -> tuple[str, set[str], set[str]]:
    """Returns the name of the vendor, and the ids of the checks that failed and of those with a warning."""
    client = vendor()
    standin = StandIn(clients.KEY, "acc_1", "assessments", allow_http=True)
    async with serving(client.handle) as url, standing_in(standin) as base:
        subject = ResultsSubject(
            Caller(out, url, 15.0, 2**16),
            standin,
            base,
            "ats_assessments.created",
            new_secret(),
            wait_s=IN_TIME_S,
            settle_s=1.0,
        )
        ending = asyncio.create_task(end_early(client, standin))
        report = await run(RESULTS, subject, target=url, seed=0)
        ending.cancel()
    failed, warned = ({one.id for one in report.outcomes if one.status == status} for status in ("failed", "warning"))
    return vendor.__name__, failed, warned


async def end_early(client: clients.Sending, standin: StandIn) -> None:
    """Ends the wait for results once the client has done all that it will do."""
    while len(client.tasks) < len(ORDERS) or not all(one.done() for one in client.tasks):
        await asyncio.sleep(0.05)
    for order in standin.orders.values():
        order.is_pending = False
    standin.arrived.set()


async def test_clients_are_judged_exactly(out: Outbound) -> None:
    """All clients are checked at the same time, since most of the time is waiting; the matrix is shown with -s."""
    vendors = [*clients.GOOD, *clients.BROKEN]
    found = await asyncio.gather(*(check_client(out, one) for one in vendors))

    for name, failed, warned in found:
        print(f"{name:<14} {', '.join(sorted(failed | warned)) or 'nothing to report'}")  # noqa: T201
    expected = [(one.__name__, one.failing, one.warning) for one in vendors]
    assert found == expected
