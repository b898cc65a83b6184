"""`check packages` and `check webhook`: each broken vendor is named by its check, good vendors pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from greenroom.check.calls import Caller
from greenroom.check.model import Report
from greenroom.check.packages import PACKAGES
from greenroom.check.packages.subject import PackagesSubject
from greenroom.check.run import run
from greenroom.check.webhook import WEBHOOK
from greenroom.check.webhook.subject import WebhookSubject
from greenroom.outbound import Outbound
from tests.check.vendors import lists, serving, webhooks

#: seconds that a good vendor may take on a busy machine
IN_TIME_S = 60.0


async def check_list(out: Outbound, vendor: Callable[[], Any]) -> Report:
    """Runs the checks of packages; the open vendor sells background checks and has no credentials."""
    is_open = vendor is lists.OnePage
    async with serving(vendor().handle) as url:
        subject = PackagesSubject(
            Caller(out, url, IN_TIME_S, 2**21),
            category="background_checks" if is_open else "assessments",
            api_key=None if is_open else lists.KEY,
            secret=None if is_open else lists.SECRET,
            development=True,
            slow_s=2.5 if vendor is lists.ColdStart else IN_TIME_S,
            examples=20,
        )
        return await run(PACKAGES, subject, target=url, seed=1)


async def check_webhook(out: Outbound, vendor: Callable[[], Any]) -> Report:
    """Runs the checks of a webhook."""
    async with serving(vendor().handle) as url:
        caller = Caller(out, url, IN_TIME_S, 2**16)
        subject = WebhookSubject(caller, webhooks.SECRET, development=True, slow_s=IN_TIME_S, examples=60)
        return await run(WEBHOOK, subject, target=url, seed=1)


def found(report: Report) -> tuple[set[str], set[str]]:
    """Returns the ids of the checks that failed, and of those with a warning."""
    failed, warned = ({one.id for one in report.outcomes if one.status == status} for status in ("failed", "warning"))
    print(  # noqa: T201 - the matrix, shown with -s
        f"{report.area:<9} {'✗' if failed else '✓'} {', '.join(sorted(failed | warned)) or 'nothing to report'}"
    )
    return failed, warned


@pytest.mark.parametrize("vendor", [*lists.GOOD, *lists.BROKEN], ids=lambda one: one.__name__)
async def test_a_list_endpoint_is_judged_exactly(vendor: type[lists.Listing], out: Outbound) -> None:
    """The checks of the defect fail, and no others."""
    assert found(await check_list(out, vendor)) == (vendor.failing, vendor.warning)


@pytest.mark.parametrize("vendor", [*webhooks.GOOD, *webhooks.BROKEN], ids=lambda one: one.__name__)
async def test_a_webhook_is_judged_exactly(vendor: type[webhooks.Receiving], out: Outbound) -> None:
    """The checks of the defect fail, and no others."""
    assert found(await check_webhook(out, vendor)) == (vendor.failing, vendor.warning)


async def test_a_counter_example_is_as_small_as_possible(out: Outbound) -> None:
    """One change is left, its text has only the characters that matter, and a curl command sends it."""
    report = await check_webhook(out, webhooks.Templates)

    outcome = next(one for one in report.outcomes if one.id == "webhook.generated")
    assert "With event_data.job.title = '{{':" in outcome.proof
    assert '"title":"{{"' in (outcome.curl or "")
    assert (outcome.curl or "").startswith("curl -i -X POST http://127.0.0.1:")
