"""The audit log: changes and reveals of secrets, with actor, time and address."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

ActorKind = Literal["user", "api_key", "cli", "sign_in_link", "connect_session", "system"]

#: every audited action with its sentence for people; the part before the dot is the kind of the changed object
ACTIONS: dict[str, str] = {
    "account.access_connected": "Connected the API of a customer's ATS",
    "account.changed": "Changed a linked account",
    "account.linked": "Linked an account",
    "account.paused": "Paused an account",
    "account.resumed": "Resumed an account",
    "account.token_revealed": "Showed an external trigger token",
    "account.token_rotated": "Replaced an external trigger token",
    "account.unlinked": "Unlinked an account",
    "alerts.changed": "Changed the recipients of alerts by e-mail",
    "alerts.tested": "Sent test mails",
    "api_key.created": "Created an API key",
    "api_key.revoked": "Revoked an API key",
    "candidate.erased": "Erased the content of all orders of a candidate",
    "check.confirmed": "Confirmed a set-up check",
    "check.withdrawn": "Withdrew the confirmation of a set-up check",
    "connect_session.closed": "Closed a connect session",
    "connect_session.created": "Opened a connect session",
    "connect_session.finished": "Finished a connect session",
    "connect_session.link_opened": "Opened the link of a connect session",
    "connect_session.provider_chosen": "Chose a provider in a connect session",
    "connect_session.token_revealed": "Showed the external trigger token of a connect session",
    "delivery.retried": "Retried a delivery",
    "hub.changed": "Changed the hub's allowed origins or look",
    "integration.changed": "Changed an integration",
    "integration.secret_rotated": "Replaced the signing secret of an integration",
    "integration.secret_revealed": "Showed the signing secret of an integration",
    "invitation.accepted": "Accepted an invitation",
    "invitation.created": "Invited a person",
    "invitation.revoked": "Withdrew an invitation",
    "member.added": "Added a member",
    "member.removed": "Removed a member",
    "member.role_changed": "Changed the role of a member",
    "order.content_erased": "Erased the content of an order",
    "order.placed": "Placed an order through the API",
    "order.result_recorded": "Recorded the result of an order",
    "order.status_recorded": "Recorded the progress of an order",
    "packages.published": "Published packages",
    "packages.stored": "Stored, changed or deleted a package",
    "project.created": "Created a project",
    "project.deleted": "Deleted a project",
    "project.renamed": "Renamed a project",
    "project.retention_changed": "Changed the retention of a project",
    "replay.cancelled": "Cancelled a replay",
    "replay.started": "Started a replay",
    "session.ended": "Ended sessions",
    "session.started": "Signed in",
    "sign_in_link.created": "Created a sign-in link",
    "user.created": "Created a user",
    "user.password_changed": "Changed a password",
    "user.password_reset_created": "Created a link that resets a password",
    "user.recovery_codes_replaced": "Replaced the recovery codes",
    "user.totp_disabled": "Turned two-factor sign-in off",
    "user.totp_enabled": "Turned two-factor sign-in on",
    "webhook.changed": "Changed a webhook",
    "webhook.created": "Created a webhook",
    "webhook.deleted": "Deleted a webhook",
    "webhook.secret_rotated": "Replaced the secret of a webhook",
}


@dataclass(frozen=True)
class Actor:
    """
    Who acts: a user, an API key, a person at the command line, the holder of a link, or Greenroom itself.

    `id` is the user's, key's or session's; `name` is for people: an e-mail address, the key's name, the login name.
    `address` is the IP address that the request came from.
    """

    kind: ActorKind
    id: str | None = None
    name: str | None = None
    address: str | None = None


#: Greenroom itself, and an ATS's call: what nobody did on purpose is not audited
SYSTEM = Actor("system")


@dataclass(frozen=True)
class AuditEntry:
    """
    One change or reveal. `project_id` is None when it concerns the whole installation.

    `detail` names changed fields and new values that are no secrets.
    """

    id: str
    project_id: str | None
    actor: Actor
    action: str
    object_id: str | None
    at: datetime
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def object_type(self) -> str:
        """The kind of the changed object, such as `webhook`."""
        return self.action.partition(".")[0]


@dataclass(frozen=True)
class AuditFilter:
    """Which entries to list; None leaves a filter out. Both times are aware; `since` is included, `until` is not."""

    action: str | None = None
    actor_kind: ActorKind | None = None
    actor_id: str | None = None
    object_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
