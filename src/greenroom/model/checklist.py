"""
The set-up checklist: pure check functions over gathered facts. No I/O.

`CHECKS` is the one list. Each check takes `Facts` and returns a `CheckResult`; a further diagnosis adds functions to
the list and facts to `Facts`, and is shown by the same API and page. Source of the checks: the partner guide's Testing
Checklist; their help is its Troubleshooting table.
"""

from __future__ import annotations

from collections.abc import Callable

from greenroom.model.check_labels import (
    CATEGORIES,
    ENABLEMENT,
    EVENTS,
    EXPERIENCE,
    RESULT,
    WEBHOOK,
    count_of,
    first_sentence,
    tells_about_credentials,
    with_state,
)
from greenroom.model.checks import Action, CheckResult, Facts
from greenroom.model.configuration_checks import (
    check_application,
    check_authentication_type,
    check_credentials,
    check_listing,
    check_packages_format,
    check_packages_source,
)
from greenroom.model.events import ORDER_CREATED, subscribed_name
from greenroom.model.orders import Category

Check = Callable[[Facts], CheckResult]


def check_account(facts: Facts) -> CheckResult:
    """Checks that an account is linked, whose token the customer gives to the ATS."""
    base = CheckResult(
        "account_linked",
        ENABLEMENT,
        "An account is linked and its External Trigger Token is handed out",
        "action_needed",
        "No account is linked yet.",
        action=Action("Create Auth Link", "accounts"),
        help=(
            f"Each customer gives the External Trigger Token to {facts.ats} Support, who enable your integration for "
            "the customer with it.",
        ),
    )
    found = facts.accounts
    if not found.count:
        return base if facts.configuration else with_state(base, "cannot_check", base.evidence, action=None)
    text = f"{count_of(found.count, 'account')}; the newest is {found.newest}."
    return with_state(base, "done", text, at=found.newest_at)


def check_token(facts: Facts) -> CheckResult:
    """Checks that the ATS uses a token: a call authenticated with it."""
    base = CheckResult(
        "token_used",
        ENABLEMENT,
        f"{facts.ats} uses the token",
        "cannot_check",
        "Waits for a linked account.",
        help=(
            f"Only {facts.ats} Support can enable the integration for a customer. This takes 1 to 3 working days.",
            f"If the integration is missing under Jobs › Interview Plan, the token at {facts.ats} is wrong or the "
            "integration is not active there.",
        ),
    )
    found = facts.accounts
    if not found.count:
        return base
    if not found.seen:
        text = f"{facts.ats} has not used any token yet."
        page = f"accounts/{found.newest_id}" if found.count == 1 else "accounts"
        return with_state(base, "waiting", text, at=found.newest_at, action=Action("Open account", page))
    latest = max((call.at for call in facts.called.values()), default=None)
    text = f"{facts.ats} has used the tokens of {found.seen} of {count_of(found.count, 'account')}."
    return with_state(base, "done", text, at=latest)


def check_webhook_events(facts: Facts) -> CheckResult:
    """Checks that an enabled webhook subscribes to the order event of the integration's category."""
    category: Category = facts.configuration.category if facts.configuration else "assessments"
    event = ORDER_CREATED[category]
    base = CheckResult(
        "webhook_events",
        WEBHOOK,
        f"A webhook listens to {EVENTS[category]}",
        "action_needed",
        "There is no webhook yet. Orders are kept and are sent once you add one.",
        action=Action("Add webhook", "webhooks/new"),
        help=("If no test notification arrives, the URL is wrong or the event is not enabled in the Events tab.",),
    )
    fitting = [one for one in facts.webhooks if subscribed_name(event, one.events)]
    enabled = [one for one in fitting if one.enabled]
    if enabled:
        names = ", ".join(f"“{one.name}”" for one in enabled[:3])
        are = "is enabled and fits" if len(enabled) == 1 else "are enabled and fit"
        return with_state(base, "done", f"{names} {are} your category, {CATEGORIES[category]}.")
    if fitting:
        one = fitting[0]
        why = f": {one.disabled_reason}" if one.disabled_reason else ""
        text = f"“{one.name}” is disabled{why}. Orders are kept."
        return with_state(base, "action_needed", text, action=Action("Open webhook", f"/webhooks/{one.id}"))
    if facts.webhooks:
        one = facts.webhooks[0]
        text = f"Your category is {CATEGORIES[category]}, but no webhook listens to {EVENTS[category]}."
        return with_state(base, "action_needed", text, action=Action("Choose events", f"/webhooks/{one.id}/events"))
    return base


def check_webhook_url(facts: Facts) -> CheckResult:
    """Checks that the URL of an enabled webhook takes events."""
    base = CheckResult(
        "webhook_receives",
        WEBHOOK,
        "Its URL receives",
        "cannot_check",
        "Waits for a webhook.",
        help=("Send a test event: it is signed as a real one, and the page shows both sides of the exchange.",),
    )
    enabled = [one for one in facts.webhooks if one.enabled]
    if not enabled:
        return base
    failing = [
        one for one in enabled if one.failed_at and (one.delivered_at is None or one.failed_at > one.delivered_at)
    ]
    if failing:
        worst = failing[0]
        text = f"“{worst.name}”: {worst.error or 'the latest delivery failed.'}"
        return with_state(
            base, "action_needed", text, at=worst.failed_at, action=Action("Open webhook", f"/webhooks/{worst.id}")
        )
    best = max((one for one in enabled if one.delivered_at), key=lambda one: str(one.delivered_at), default=None)
    if best is None:
        action = Action("Send test event", f"/webhooks/{enabled[0].id}")
        return with_state(base, "cannot_check", "No event was sent yet.", action=action)
    return with_state(base, "done", f"“{best.name}” took the latest event.", at=best.delivered_at)


def check_packages_listed(facts: Facts) -> CheckResult:
    """Checks that a recruiter's prompt showed packages."""
    name = facts.calls[0] if facts.calls else "the package list"
    base = CheckResult(
        "packages_listed",
        EXPERIENCE,
        "The stage is in the interview plan and the package list is filled",
        "cannot_check",
        "Waits until the integration is enabled for an account.",
        help=("In the ATS: Job › Interview Plan › Add Stage, then open Send test on a candidate in this stage.",),
    )
    call, refused = facts.called.get(name), facts.refused.get(name)
    answer = facts.answer
    if answer is not None and answer.problem and answer.account and (call is None or answer.at >= call.at):
        text = f"A recruiter of {answer.account} could not be shown new packages: {answer.problem}"
        return with_state(
            base, "action_needed", text, at=answer.at, action=Action("Test endpoint", f"{facts.form}#packages_url")
        )
    if refused is not None and (call is None or refused.at > call.at):
        text = f"{name} was answered {refused.status} for {refused.account}."
        return with_state(base, "action_needed", text, at=refused.at, action=Action("Open logs", "logs"))
    if call is None:
        return with_state(base, "waiting", f"{name} was not called yet.") if facts.accounts.seen else base
    return with_state(base, "done", f"{name} was answered {call.status} for a recruiter of {call.account}.", at=call.at)


def check_order(facts: Facts) -> CheckResult:
    """Checks that a recruiter sent a test and the vendor was notified."""
    base = CheckResult(
        "order_received",
        EXPERIENCE,
        "A test is sent and “Submitted tests” appears",
        "cannot_check",
        f"No order from {facts.ats} yet.",
        help=("Select a package and click Send Test on a candidate. The order shows up here within a second.",),
    )
    notified = next((one for one in facts.orders if one.notified_at), None)
    if notified is not None:
        action = Action("Open order", f"/orders/{notified.id}")
        return with_state(
            base,
            "done",
            "An order was placed and your endpoint took its event.",
            at=notified.notified_at,
            action=action,
        )
    if facts.orders:
        newest = facts.orders[0]
        text = "An order was placed; its event was not delivered to your endpoint yet."
        return with_state(base, "waiting", text, at=newest.at, action=Action("Open order", f"/orders/{newest.id}"))
    return base


def check_result(facts: Facts) -> CheckResult:
    """Checks that the ATS took a result."""
    base = CheckResult(
        "result_delivered",
        RESULT,
        f"A result reaches {facts.ats}",
        "cannot_check",
        "No result was sent yet.",
        help=(
            f"{facts.ats} takes one final result per test. Greenroom refuses a second, different one and says which "
            "field differs.",
        ),
    )
    read = max(
        (one for one in facts.orders if one.acknowledged_at), key=lambda one: str(one.acknowledged_at), default=None
    )
    results = [one for one in facts.orders if one.result_at]
    if read is not None:
        action = Action("Open order", f"/orders/{read.id}")
        return with_state(base, "done", f"{facts.ats} read a result.", at=read.acknowledged_at, action=action)
    if not results:
        waits = facts.orders and "Waits for your result of the latest order."
        return with_state(base, "cannot_check", waits or base.evidence)
    newest = results[0]
    action = Action("Open order", f"/orders/{newest.id}")
    if newest.delivery == "refused" and tells_about_credentials(newest):
        return with_state(
            base, "cannot_check", "A result is ready and waits for accepted credentials.", at=newest.updated_at
        )
    if newest.delivery == "refused":
        text = first_sentence(newest.detail) or f"{facts.ats} refused the result."
        return with_state(base, "action_needed", text, at=newest.updated_at, action=action)
    text = f"{facts.ats} was notified and has not read the result yet."
    if newest.delivery != "sent":
        text = newest.detail or f"A result waits to be announced to {facts.ats}."
    return with_state(base, "waiting", text, at=newest.updated_at, action=action)


CHECKS: tuple[Check, ...] = (
    check_application,
    check_listing,
    check_authentication_type,
    check_packages_source,
    check_packages_format,
    check_credentials,
    check_account,
    check_token,
    check_webhook_events,
    check_webhook_url,
    check_packages_listed,
    check_order,
    check_result,
)
#: checks that a person may confirm
BY_HAND = ("partner_application", "directory_listing")


def run_checks(facts: Facts) -> list[CheckResult]:
    """Returns the result of every check, in the order of the guide."""
    return [check(facts) for check in CHECKS]
