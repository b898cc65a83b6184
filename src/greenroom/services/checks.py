"""The set-up checklist of a project: gathered facts, confirmations by hand, and recorded observations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from greenroom.context import Context, snapshot, transaction
from greenroom.errors import NotFound, RemoteError
from greenroom.model.breakers import add_failure
from greenroom.model.checklist import BY_HAND, run_checks
from greenroom.model.checks import (
    Accounts,
    Call,
    CheckResult,
    Configuration,
    Confirmation,
    Facts,
    ListAnswer,
    OrderFacts,
    WebhookFacts,
)
from greenroom.model.integrations import Integration
from greenroom.security import masks
from greenroom.services import audit, integrations
from greenroom.store import breakers as breaker_rows
from greenroom.store import checks as check_rows
from greenroom.store import packages as package_rows
from greenroom.store.db import Row, Tx, from_ms, maybe_from_ms, to_json

#: kinds of observations
PROBE = "probe"
WEBHOOK_TEST = "webhook_test"
#: packages of a list whose names are recorded
RECORDED_PACKAGES = 10
#: characters of a recorded sentence
LONGEST = 500


@dataclass(frozen=True)
class Ats:
    """The facts of a connector that the checks need, since services do not import connectors."""

    provider: str
    name: str
    calls: tuple[str, ...]


@dataclass(frozen=True)
class Checklist:
    """The checks of one integration, in the order of the guide."""

    ats: Ats
    integration: Integration | None
    #: every integration of the project, and the number of linked accounts, by provider
    configured: Mapping[str, Integration]
    accounts: Mapping[str, int]
    called: Mapping[str, Call]
    results: Sequence[CheckResult]

    @property
    def done(self) -> int:
        """Returns the number of checks that are done."""
        return sum(one.state == "done" for one in self.results)


@snapshot
async def run(ctx: Context, tx: Tx, project_id: str, known: Sequence[Ats], provider: str | None = None) -> Checklist:
    """
    Returns the result of every check of one integration, from what was observed; calls nobody.

    Without a provider, this is the project's first enabled integration, then its first one, then the last of `known`.
    """
    configured = {one.provider: one for one in await integrations.read_all(ctx, tx, project_id)}
    enabled = [one.provider for one in configured.values() if one.enabled]
    wanted = provider or next(iter([*enabled, *configured]), None)
    ats = next((one for one in known if one.provider == wanted), known[-1])
    integration = configured.get(ats.provider)
    rows = await check_rows.list_observations(tx, project_id, ats.provider)
    facts = await _gather(tx, project_id, ats, integration, rows)
    linked = {row["subject"]: row["at"] for row in rows if row["kind"] == "accounts"}
    return Checklist(ats, integration, configured, linked, facts.called, run_checks(facts))


@transaction
async def confirm(ctx: Context, tx: Tx, project_id: str, provider: str, code: str, *, by: str) -> None:
    """
    Records that a person confirms a check which Greenroom cannot observe.

    Raises:
        NotFound: there is no such check, or it is observed.
    """
    _require_by_hand(code)
    await check_rows.observe(tx, project_id, provider, code, to_json({"by": by[:LONGEST]}))
    detail = {"provider": provider}
    await audit.record(ctx, tx, "check.confirmed", code, project_id=project_id, detail=detail)


@transaction
async def withdraw(ctx: Context, tx: Tx, project_id: str, provider: str, code: str) -> None:
    """
    Deletes a person's confirmation.

    Raises:
        NotFound: there is no such check, or it is observed.
    """
    _require_by_hand(code)
    await check_rows.delete(tx, project_id, provider, code)
    detail = {"provider": provider}
    await audit.record(ctx, tx, "check.withdrawn", code, project_id=project_id, detail=detail)


@transaction
async def record_probe(_: Context, tx: Tx, project_id: str, provider: str, url: str, answer: ListAnswer) -> None:
    """Records a test of the list endpoint at `url`; it counts as long as this URL is configured."""
    detail = {
        "url": url,
        "problem": answer.problem and answer.problem[:LONGEST],
        "path": answer.path,
        "status": answer.status,
        "ms": answer.ms,
        "packages": [name[:LONGEST] for name in answer.packages[:RECORDED_PACKAGES]],
        "count": answer.count,
    }
    await check_rows.observe(tx, project_id, provider, PROBE, to_json(detail))


@transaction
async def record_webhook_test(
    _: Context, tx: Tx, project_id: str, webhook_id: str, fault: RemoteError | None, response: Mapping[str, Any] | None
) -> None:
    """
    Records the outcome of a test event; `fault` is None when the endpoint took it, `response` when none arrived.

    To the doctor a refused test event is a failed attempt, and an accepted one ends the failure. It does not count
    for the circuit breaker, since nothing waits for it.
    """
    if fault is None:
        await breaker_rows.clear_failure(tx, webhook_id)
    elif fault.kind != "internal":
        breaker, now = await breaker_rows.lock(tx, webhook_id)
        status = response["status"] if response else None
        failure = add_failure(breaker.failure, fault, status, "", now)
        await breaker_rows.save(tx, webhook_id, replace(breaker, failure=failure))
    detail = {"problem": fault and fault.reason[:LONGEST], "response": response and _kept(response)}
    await check_rows.observe(tx, project_id, webhook_id, WEBHOOK_TEST, to_json(detail))


def _kept(response: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what the doctor shows of the answer to a test event."""
    headers = {name: str(value)[:LONGEST] for name, value in response["headers"].items() if name == "location"}
    return {"headers": headers, "body": masks.text(response["body"][:LONGEST]), "ms": response["ms"]}


def _require_by_hand(code: str) -> None:
    if code not in BY_HAND:
        raise NotFound(f"There is no check {code[:60]!r} that is confirmed by hand. There are: {', '.join(BY_HAND)}.")


async def _gather(tx: Tx, project_id: str, ats: Ats, integration: Integration | None, rows: Sequence[Row]) -> Facts:
    observed = {(row["subject"], row["kind"]): row for row in rows}
    calls = await check_rows.list_calls(tx, project_id, ats.provider)
    category = integration.partner_category if integration else ""
    published = observed.get((category, "published"))
    return Facts(
        provider=ats.provider,
        ats=ats.name,
        calls=ats.calls,
        configuration=_configuration(integration),
        published=published["at"] if published else 0,
        answer=await _latest_answer(tx, integration, observed.get((ats.provider, PROBE))),
        confirmed={
            code: Confirmation(str(json.loads(row["detail"])["by"]), from_ms(row["at"]))
            for code in BY_HAND
            if (row := observed.get((ats.provider, code)))
        },
        accounts=_accounts(rows, ats.provider),
        called={row["call"]: _call(row) for row in calls if row["status"] < 400},
        refused={row["call"]: _call(row) for row in calls if row["status"] >= 400},
        webhooks=[
            _webhook(row, observed.get((row["id"], WEBHOOK_TEST)))
            for row in await check_rows.list_webhooks(tx, project_id)
        ],
        orders=_orders(await check_rows.list_orders(tx, project_id, ats.provider)),
    )


def _configuration(integration: Integration | None) -> Configuration | None:
    if integration is None:
        return None
    settings = integration.settings
    return Configuration(
        enabled=integration.enabled,
        authentication_type=str(settings.get("authentication_type") or "partner"),
        category=integration.partner_category,
        packages_url=integration.packages_url,
        package_id=integration.package_id,
        package_name=integration.package_name,
        has_username=bool(settings.get("partner_username")),
        has_password=bool(settings.get("partner_password")),
        callback_auth=str(settings.get("callback_auth") or "partner"),
        updated_at=integration.updated_at,
    )


async def _latest_answer(tx: Tx, integration: Integration | None, probe: Row | None) -> ListAnswer | None:
    """Returns the later of the latest test and the latest fetch for a recruiter, at the configured URL."""
    url = integration.packages_url if integration else None
    if integration is None or not url:
        return None
    found: list[ListAnswer] = []
    if probe is not None and (detail := json.loads(probe["detail"])).pop("url") == url:
        found.append(ListAnswer(**{**detail, "packages": tuple(detail["packages"])}, at=from_ms(probe["at"])))
    row = await check_rows.find_latest_list(tx, integration.project_id, integration.provider, url)
    if row is not None:
        found.append(_fetched(row))
    return max(found, key=lambda one: one.at, default=None)


def _fetched(row: Row) -> ListAnswer:
    if row["problem"]:
        path, colon, _ = row["problem"].partition(":")
        at = from_ms(row["problem_at"] or row["fetched_at"])
        return ListAnswer(
            at, row["problem"], path if colon and path.startswith("$") else None, account=row["origin_owner_name"]
        )
    names = [package.name for package in package_rows.packages_of(row)]
    return ListAnswer(
        from_ms(row["fetched_at"]),
        packages=tuple(names[:RECORDED_PACKAGES]),
        count=len(names),
        account=row["origin_owner_name"],
    )


def _accounts(rows: Sequence[Row], provider: str) -> Accounts:
    linked = {row["subject"]: row["at"] for row in rows if row["kind"] == "accounts"}
    found = {row["kind"]: row for row in rows}
    newest = found.get("newest")
    if newest is None:
        return Accounts()
    name, at = newest["detail"], from_ms(newest["at"])
    return Accounts(linked[provider], found["seen"]["at"], newest["subject"], name, at)


def _call(row: Row) -> Call:
    return Call(from_ms(row["called_at"]), row["status"], row["account_id"], row["origin_owner_name"])


def _webhook(row: Row, test: Row | None) -> WebhookFacts:
    delivered, failed, error = row["delivered_at"], row["failed_at"], row["breaker_error"] or row["last_error"]
    problem = json.loads(test["detail"])["problem"] if test else None
    if test is not None and problem is None:
        delivered = max(delivered or 0, test["at"])
    elif test is not None and test["at"] > (failed or 0):
        failed, error = test["at"], problem
    return WebhookFacts(
        id=row["id"],
        name=row["name"],
        events=tuple(json.loads(row["events"])),
        enabled=bool(row["enabled"]),
        disabled_reason=row["disabled_reason"],
        delivered_at=maybe_from_ms(delivered),
        failed_at=maybe_from_ms(failed),
        error=error,
    )


def _orders(rows: Sequence[Row]) -> list[OrderFacts]:
    def times(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
        return {name: maybe_from_ms(row[name]) for name in names}

    return [
        OrderFacts(
            id=row["id"],
            delivery=row["delivery"],
            detail=row["delivery_detail"],
            at=from_ms(row["created_at"]),
            updated_at=from_ms(row["updated_at"]),
            **times(row, "notified_at", "result_at", "acknowledged_at"),
        )
        for row in rows
    ]
