"""`/v1/webhooks`: endpoints that receive a vendor's events."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, Field, field_validator

from greenroom.api.callers import Caller, Ctx, OutboundClient
from greenroom.api.faults import documented
from greenroom.api.idempotent import IdempotentRoute
from greenroom.api.shapes import MOST, At, Instant, Label, Line, Page, Plain, StrictBody, example, instant
from greenroom.context import Context
from greenroom.engine import vendor
from greenroom.errors import Invalid
from greenroom.model import custom_headers
from greenroom.model.breakers import Health
from greenroom.model.events import NAMES, stamp
from greenroom.model.replays import Progress, Replay, Status
from greenroom.model.webhooks import Signature, Webhook
from greenroom.outbound import callable_problem
from greenroom.services import breakers, replays, webhooks
from greenroom.services.breakers import Condition
from greenroom.services.webhooks import Held

router = APIRouter(prefix="/v1/webhooks", tags=["Webhooks"], route_class=IdempotentRoute)
ReplayId = Annotated[Plain, Path(alias="replay_id", description="The replay's id.")]
#: limit of accounts in one webhook's `account_ids`
MOST_ACCOUNTS = 1000
WebhookId = Annotated[Plain, Path(alias="webhook_id", description="The webhook's id.")]


def _check_names(value: list[str] | None) -> list[str] | None:
    for name in value or []:
        if name not in NAMES:
            raise ValueError(f"{name[:60]!r} is not an event. Known: {', '.join(NAMES)}")
    return list(dict.fromkeys(value)) if value is not None else None


RateLimit = Annotated[
    float | None,
    Field(ge=0.01, le=10_000, allow_inf_nan=False, description="Limit of deliveries per second; null: no limit."),
]


def _check_headers(value: dict[str, str]) -> dict[str, str]:
    if problem := custom_headers.find_problem(value):
        raise ValueError(problem)
    return value


Headers = Annotated[
    dict[str, Annotated[str, Field(max_length=custom_headers.LONGEST_VALUE)]],
    AfterValidator(_check_headers),
    Field(
        description=f"Headers that are sent along with every delivery, at most {custom_headers.MOST}. Their values are "
        f"stored encrypted and shown as `{custom_headers.KEPT}`, which keeps the stored value when it is given back.",
        examples=[{"X-Api-Key": "hk_4f9a"}],
    ),
]


SignatureField = Annotated[
    Signature,
    Field(
        description="What signs the deliveries: the secret (`hmac`: `v1` and x-stackone-signature), a key pair "
        "(`ed25519`: `v1a`, which the public key verifies), or both."
    ),
]


HeldSince = Annotated[
    AwareDatetime | Literal["none"] | None,
    BeforeValidator(
        lambda value: value if value in ("none", "") else instant(value),  # a blank text is neither and refused
        json_schema_input_type=AwareDatetime | Literal["none"] | None,
    ),
    Field(
        description="Held events that match the webhook are sent if they were accepted at this time or later, else "
        "cancelled. `none` cancels all of them; left out, all are sent."
    ),
]


def held_from(value: datetime | Literal["none"] | None) -> datetime | None:
    """Returns `held_since` as `services.webhooks` expects it."""
    return webhooks.NOTHING_HELD if value == "none" else value


class WebhookIn(StrictBody):
    """A new webhook."""

    model_config = example(
        name="Orders", url="https://vendor.example.com/hooks", events=["ats_assessments.created"], account_ids=[]
    )

    name: Label = Field(description="A name for people.")
    url: Line = Field(description="Absolute https URL.", examples=["https://vendor.example.com/hooks"])
    events: list[Label] = Field(
        min_length=1,
        max_length=MOST,
        examples=[["ats_assessments.created"]],
        description="The names of the events that it gets.",
    )
    enabled: bool = Field(True, description="Whether it gets events; if not, they are held.")
    account_ids: list[Label] = Field(
        [], max_length=MOST_ACCOUNTS, description="Accounts whose events are sent; empty: all accounts."
    )
    rate_limit: RateLimit = None
    headers: Headers = Field(default_factory=dict, description="Custom headers of each delivery.")
    signature: SignatureField = Field("hmac", description="What signs the deliveries.")
    held_since: HeldSince = None

    _events = field_validator("events")(_check_names)


class WebhookChange(StrictBody):
    """Changes to the given fields. Null means the same as left out, except that it removes `rate_limit`."""

    model_config = example(enabled=False)

    name: Label | None = Field(None, description="A name for people.")
    url: Line | None = Field(
        None, description="The endpoint: an absolute https URL. Another host needs the values of `headers` again."
    )
    events: list[Label] | None = Field(
        None, min_length=1, max_length=MOST, description="The names of the events that it gets."
    )
    enabled: bool | None = Field(None, description="False holds the pending deliveries, true resumes them.")
    held_since: HeldSince = None
    account_ids: list[Label] | None = Field(
        None, max_length=MOST_ACCOUNTS, description="The accounts whose events it gets; empty: all."
    )
    rate_limit: RateLimit = None
    headers: Headers | None = Field(None, description="Custom headers; they replace all others.")
    signature: SignatureField | None = Field(None, description="What signs the deliveries.")

    _events = field_validator("events")(_check_names)


class HealthOut(BaseModel):
    """
    The state of the endpoint's circuit breaker.

    It is `open` after five failures in a row: nothing is sent until `open_until`, then one delivery probes the
    endpoint. While it is `half_open`, a few deliveries at a time are sent. Waiting deliveries lose none of their
    attempts.
    """

    state: Health = Field(description="The circuit breaker.")
    consecutive_failures: int = Field(description="Failures since the last success.")
    open_until: str | None = Field(description="When the next delivery probes the endpoint.")
    last_error: str | None = Field(description="How the last attempt failed.")


class HeldOut(BaseModel):
    """The deliveries held until the webhook is enabled: their count, and the creation time of the oldest."""

    count: int = Field(description="Their number.")
    oldest_at: str | None = Field(description="When the oldest was created.")


class WebhookOut(BaseModel):
    """A webhook."""

    id: str = Field(description="The webhook's id.")
    name: str = Field(description="A name for people.")
    url: str = Field(description="The endpoint: an absolute https URL.")
    events: list[str] = Field(description="The names of the events that it gets.")
    enabled: bool = Field(description="Whether it gets events; if not, they are held.")
    disabled_reason: str | None = Field(description="Why it is disabled.")
    account_ids: list[str] = Field(description="The accounts whose events it gets; empty: all.")
    rate_limit: float | None = Field(description="Limit of deliveries per second; null: no limit.")
    headers: dict[str, str] = Field(description="Custom headers, without their values.")
    signature: SignatureField
    public_keys: list[str] = Field(description="Live public keys, newest first; none with signature `hmac`.")
    health: HealthOut = Field(description="Whether its endpoint accepts deliveries.")
    held: HeldOut = Field(description="The deliveries that are held for it.")
    created_at: str = Field(description="When it was created.")
    updated_at: str = Field(description="When it last changed.")


class ChangedWebhookOut(WebhookOut):
    """A webhook, and the number of held deliveries that were released to it."""

    released: int = Field(description="The held deliveries that were released.")


class NewWebhookOut(ChangedWebhookOut):
    """A webhook with its secret, which no later response contains."""

    secret: str = Field(description="The key of both signatures: Standard Webhooks and x-stackone-signature.")


class SecretOut(BaseModel):
    """A new secret, which no later response contains; the old one signs as well until the overlap ends."""

    secret: str = Field(description="The new secret; it is not shown again.")
    public_keys: list[str] = Field(description="Live public keys, newest first; none with signature `hmac`.")


class SecretRotationIn(StrictBody):
    """The time for which the replaced secret still signs."""

    model_config = example(overlap_seconds=86400)

    overlap_seconds: int = Field(
        int(webhooks.OVERLAP.total_seconds()), ge=0, le=30 * 86400, description="How long the old secret signs as well."
    )


class ReplayIn(StrictBody):
    """The selection of events to send."""

    model_config = example(since="2026-11-03T09:00:00Z", status="dead")

    since: At = Field(description="Events accepted at this time or later.", examples=["2026-11-01T00:00:00Z"])
    until: Instant = Field(None, description="Events accepted before this time; now if left out.")
    status: Status = Field(
        "undelivered",
        description="State of the event's delivery to this webhook: `missing` means that there is none, such as for "
        "events from before the webhook existed; `undelivered` is `dead` or `missing`; `any` is every state but "
        "`pending`.",
    )


class ReplayOut(BaseModel):
    """A replay job; `total` is the number of events at its start, `done` the number queued so far."""

    id: str = Field(description="The replay's id.")
    state: Progress = Field(description="How it stands.")
    total: int = Field(description="The events that it covers, counted at the start.")
    done: int = Field(description="Those that were sent.")
    created_at: str = Field(description="When it was started.")


class TestedOut(BaseModel):
    """The request and response of a test event; `ok` means that the endpoint answered 2xx."""

    ok: bool = Field(description="Whether the endpoint accepted the test event.")
    request: dict[str, Any] = Field(description="What was sent.")
    response: dict[str, Any] | None = Field(description="What came back; null without an answer.")
    error: str | None = Field(description="The failure in words.")
    error_kind: str | None = Field(description="The kind of failure.")


@router.get("", operation_id="list_webhooks", responses=documented(401))
async def list_webhooks(ctx: Ctx, project: Caller) -> Page[WebhookOut]:
    """Every webhook of the project."""
    found = await webhooks.list_webhooks(ctx, project.id)
    ids = [one.id for one in found]
    conditions, held = await breakers.conditions(ctx, ids), await webhooks.held(ctx, ids)
    keys = await webhooks.list_public_keys(ctx, ids)
    return Page(data=[_shown(one, conditions[one.id], held[one.id], keys[one.id]) for one in found], next=None)


@router.post("", status_code=201, operation_id="create_webhook", responses=documented(400, 401, 404, 409, 422))
async def create(ctx: Ctx, project: Caller, body: WebhookIn) -> NewWebhookOut:
    """Add a webhook, and send it the held events. Its secret is in this answer and in no other."""
    check_url(ctx, body.url)
    values = body.model_dump() | {"events": tuple(body.events), "account_ids": tuple(body.account_ids)}
    webhook, secret = await webhooks.create(ctx, project.id, **values | {"held_since": held_from(body.held_since)})
    released = await webhooks.release(ctx, webhook)
    keys = (await webhooks.list_public_keys(ctx, [webhook.id]))[webhook.id]
    return NewWebhookOut(**_shown(webhook, Condition(), Held(), keys).model_dump(), released=released, secret=secret)


@router.get("/{webhook_id}", operation_id="get_webhook", responses=documented(400, 401, 404))
async def get(ctx: Ctx, project: Caller, webhook_id: WebhookId) -> WebhookOut:
    """Show a webhook."""
    return await _with_health(ctx, await webhooks.get(ctx, project.id, webhook_id))


@router.patch("/{webhook_id}", operation_id="change_webhook", responses=documented(400, 401, 404, 422))
async def change(ctx: Ctx, project: Caller, webhook_id: WebhookId, body: WebhookChange) -> ChangedWebhookOut:
    """Change some fields of a webhook, and release its held events if it takes more than before."""
    given = body.model_dump(exclude_unset=True)
    changes = {name: value for name, value in given.items() if value is not None or name == "rate_limit"}
    held_since = held_from(changes.pop("held_since", None))
    if held_since is not None and not webhooks.RELEASING & changes.keys():
        problem = "held_since: goes with enabled: true, or with other events or account_ids"
        raise Invalid(problem, errors=[problem])
    if "url" in changes:
        check_url(ctx, changes["url"])
    tuples = {name: tuple(changes[name]) for name in ("events", "account_ids") if name in changes}
    changed, released = await webhooks.change(ctx, project.id, webhook_id, changes | tuples, held_since=held_since)
    return ChangedWebhookOut(**(await _with_health(ctx, changed)).model_dump(), released=released)


@router.delete("/{webhook_id}", status_code=204, operation_id="delete_webhook", responses=documented(400, 401, 404))
async def delete(ctx: Ctx, project: Caller, webhook_id: WebhookId) -> None:
    """Delete a webhook; its pending deliveries are cancelled and stay visible."""
    await webhooks.delete(ctx, project.id, webhook_id)


@router.post(
    "/{webhook_id}/rotate-secret", operation_id="rotate_webhook_secret", responses=documented(400, 401, 404, 409, 422)
)
async def rotate_secret(
    ctx: Ctx, project: Caller, webhook_id: WebhookId, body: Annotated[SecretRotationIn | None, Body()] = None
) -> SecretOut:
    """Replace the secret; both sign until the overlap ends."""
    overlap = timedelta(seconds=(body or SecretRotationIn()).overlap_seconds)
    secret = await webhooks.rotate_secret(ctx, project.id, webhook_id, overlap=overlap)
    return SecretOut(secret=secret, public_keys=(await webhooks.list_public_keys(ctx, [webhook_id]))[webhook_id])


@router.post("/{webhook_id}/test", operation_id="test_webhook", responses=documented(400, 401, 404, 409))
async def test(ctx: Ctx, project: Caller, out: OutboundClient, webhook_id: WebhookId) -> TestedOut:
    """Send a real signed test event now, and show the whole exchange."""
    tested = await vendor.try_out(ctx, out, project.id, webhook_id)
    return TestedOut(
        ok=tested.fault is None,
        request={"url": tested.request.url, "headers": tested.headers, "body": tested.request_body},
        response=tested.response,
        error=tested.fault.reason if tested.fault else None,
        error_kind=tested.fault.kind if tested.fault else None,
    )


@router.post(
    "/{webhook_id}/replay",
    status_code=202,
    operation_id="replay_webhook",
    responses=documented(400, 401, 404, 409, 422),
)
async def replay(ctx: Ctx, project: Caller, webhook_id: WebhookId, body: ReplayIn) -> ReplayOut:
    """Send past events, again or for the first time, with lower priority than new events; event ids stay."""
    if body.until is not None and body.until <= body.since:
        raise Invalid("until: must be later than since", errors=["until: must be later than since"])
    started = await replays.start(ctx, project.id, webhook_id, since=body.since, until=body.until, status=body.status)
    return _show_replay(started)


@router.get("/{webhook_id}/replays/{replay_id}", operation_id="get_replay", responses=documented(400, 401, 404))
async def get_replay(ctx: Ctx, project: Caller, webhook_id: WebhookId, replay_id: ReplayId) -> ReplayOut:
    """Show how far a replay is."""
    return _show_replay(await replays.get(ctx, project.id, webhook_id, replay_id))


@router.delete("/{webhook_id}/replays/{replay_id}", operation_id="cancel_replay", responses=documented(400, 401, 404))
async def cancel_replay(ctx: Ctx, project: Caller, webhook_id: WebhookId, replay_id: ReplayId) -> ReplayOut:
    """Cancel a replay; the up to 100 deliveries that it has on their way are still sent."""
    return _show_replay(await replays.cancel(ctx, project.id, webhook_id, replay_id))


def _show_replay(one: Replay) -> ReplayOut:
    return ReplayOut(id=one.id, state=one.state, total=one.total, done=one.done, created_at=stamp(one.created_at))


def check_url(ctx: Context, url: str) -> None:
    """
    Checks that a webhook's URL can be called.

    Raises:
        Invalid: the URL cannot be called; the message says why.
    """
    problem = callable_problem(url, allow_http=ctx.settings.allow_http)
    if problem:
        raise Invalid(f"url: {problem}", errors=[f"url: {problem}"])


async def _with_health(ctx: Context, webhook: Webhook) -> WebhookOut:
    condition, held = await breakers.conditions(ctx, [webhook.id]), await webhooks.held(ctx, [webhook.id])
    keys = await webhooks.list_public_keys(ctx, [webhook.id])
    return _shown(webhook, condition[webhook.id], held[webhook.id], keys[webhook.id])


def _shown(webhook: Webhook, condition: Condition, held: Held, public_keys: list[str]) -> WebhookOut:
    return WebhookOut(
        id=webhook.id,
        name=webhook.name,
        url=webhook.url,
        events=list(webhook.events),
        enabled=webhook.enabled,
        disabled_reason=webhook.disabled_reason,
        account_ids=list(webhook.account_ids),
        rate_limit=webhook.rate_limit,
        headers=webhook.headers,
        signature=webhook.signature,
        public_keys=public_keys,
        health=HealthOut(
            state=condition.state,
            consecutive_failures=condition.consecutive_failures,
            open_until=stamp(condition.open_until) if condition.open_until else None,
            last_error=condition.last_error,
        ),
        held=HeldOut(count=held.count, oldest_at=stamp(held.oldest_at) if held.oldest_at else None),
        created_at=stamp(webhook.created_at),
        updated_at=stamp(webhook.updated_at),
    )
