"""
The tables, once, for both databases.

Types are the few that both speak alike: TEXT, BIGINT, INTEGER. Times are `…_at`, whole milliseconds since 1970 UTC;
JSON is TEXT that only Python reads; yes/no is INTEGER 0/1; `…_sealed` is ciphertext of `security.vault`.
Migrations make these tables; a test compares the two.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, MetaData, Table, Text, text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[str]:
    return Column("id", Text, primary_key=True)


def _ref(name: str, table: str, *, nullable: bool = False) -> Column[str]:
    return Column(name, Text, ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=nullable)


def _text(name: str, *, default: str | None = None, nullable: bool = False) -> Column[str]:
    return Column(name, Text, nullable=nullable, server_default=None if default is None else text(f"'{default}'"))


def _maybe(name: str) -> Column[str]:
    return _text(name, nullable=True)


def _int(name: str, *, default: int | None = None) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=None if default is None else text(str(default)))


def _at(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


#: what belongs to the installation itself: today the pepper of token hashes, sealed
installation = Table("installation", metadata, Column("id", Text, primary_key=True), _text("value_sealed"))

projects = Table(
    "projects",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    #: None: as long as GREENROOM_RETENTION_DAYS says
    Column("retention_days", Integer, nullable=True),
    _at("created_at"),
)

api_keys = Table(
    "api_keys",
    metadata,
    _id(),
    _ref("project_id", "projects"),
    _text("name"),
    _text("hint"),
    Column("key_hash", Text, nullable=False, unique=True),
    _at("created_at"),
    _at("last_used_at", nullable=True),
    _at("revoked_at", nullable=True),
    #: the minute in which its requests are counted, and how many were
    _at("window_started_at", nullable=True),
    _int("window_used", default=0),
    Index("ix_api_keys_project_id", "project_id"),
)

integrations = Table(
    "integrations",
    metadata,
    _id(),
    _ref("project_id", "projects"),
    _text("provider"),
    _int("enabled"),
    _text("authentication_type"),
    _text("partner_category"),
    _maybe("tenant_id"),
    _maybe("packages_url"),
    _maybe("packages_api_key_sealed"),
    _maybe("partner_username"),
    _maybe("partner_password_sealed"),
    _maybe("package_id"),
    _maybe("package_name"),
    _text("callback_auth"),
    _text("callback_hosts"),
    _maybe("harvest_client_id"),
    _maybe("harvest_client_secret_sealed"),
    _text("signing_secret_sealed"),
    _at("created_at"),
    _at("updated_at"),
    Index("uq_integrations_project_id_provider", "project_id", "provider", unique=True),
)

accounts = Table(
    "accounts",
    metadata,
    _id(),
    _ref("project_id", "projects"),
    _text("provider"),
    _text("origin_owner_id"),
    _text("origin_owner_name"),
    _maybe("origin_username"),
    _maybe("label"),
    _text("type"),
    _text("status"),
    _text("status_reasons", default="[]"),
    _text("setup_information", default="{}"),
    _text("metadata", default="{}"),
    _maybe("credentials_sealed"),
    _at("created_at"),
    _at("updated_at"),
    _at("deleted_at", nullable=True),
    Index("ix_accounts_project_id_provider_origin_owner_id", "project_id", "provider", "origin_owner_id"),
)

#: a customer's way to link an account: through the hub with the token, or the hosted page with the link's code
connect_sessions = Table(
    "connect_sessions",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    _ref("project_id", "projects"),
    _ref("account_id", "accounts", nullable=True),
    _maybe("provider"),
    _text("origin_owner_id"),
    _text("origin_owner_name"),
    _maybe("origin_username"),
    _maybe("categories"),
    _maybe("label"),
    _text("metadata", default="{}"),
    _text("type"),
    _maybe("integration_id"),
    Column("token_hash", Text, nullable=False, unique=True),
    Column("link_hash", Text, nullable=False, unique=True),
    _at("created_at"),
    _at("expires_at"),
    _at("linked_at", nullable=True),
    Index("ix_connect_sessions_project_id", "project_id"),
)

#: external trigger tokens; two may live during rotation
account_tokens = Table(
    "account_tokens",
    metadata,
    _id(),
    _ref("account_id", "accounts"),
    Column("token_hash", Text, nullable=False, unique=True),
    _text("token_sealed"),
    _at("created_at"),
    _at("expires_at", nullable=True),
    Index("ix_account_tokens_account_id", "account_id"),
)

#: when the ATS last made each call for an account, and how we answered
trigger_calls = Table(
    "trigger_calls",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("call", Text, primary_key=True),
    _at("called_at"),
    _int("status"),
)

#: packages that the vendor published or stored; account_id '' means every account of the project
packages = Table(
    "packages",
    metadata,
    Column("project_id", Text, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("category", Text, primary_key=True),
    Column("account_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    _int("position"),
    _text("name"),
    _maybe("description"),
    _text("tests", default="[]"),
    _at("updated_at"),
)

#: the last good answer of a vendor's list endpoint, per account
package_lists = Table(
    "package_lists",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    _text("packages_url"),
    _text("packages"),
    _at("fetched_at"),
    _maybe("problem"),
    _at("problem_at", nullable=True),
)

webhooks = Table(
    "webhooks",
    metadata,
    _id(),
    _ref("project_id", "projects"),
    _text("name"),
    _text("url"),
    _text("events"),
    _text("account_ids", default="[]"),
    _int("enabled"),
    _maybe("disabled_reason"),
    #: deliveries a second, and the time in µs up to which they are spent: see model.rates
    Column("rate_limit", Float, nullable=True),
    Column("rate_spent_to", BigInteger, nullable=False, server_default=text("0")),
    #: of the events held for its project, those accepted before are not sent to it; None: all are
    _at("held_since", nullable=True),
    #: when its project was last told that it fails, and that a delivery to it is not tried any more
    Column("failing_told_at", BigInteger, nullable=False, server_default=text("0")),
    Column("exhausted_told_at", BigInteger, nullable=False, server_default=text("0")),
    _at("created_at"),
    _at("updated_at"),
    Index("ix_webhooks_project_id", "project_id"),
    Index(
        "ix_webhooks_limited",
        "id",
        postgresql_where=text("rate_limit IS NOT NULL"),
        sqlite_where=text("rate_limit IS NOT NULL"),
    ),
)

webhook_secrets = Table(
    "webhook_secrets",
    metadata,
    _id(),
    _ref("webhook_id", "webhooks"),
    _text("secret_sealed"),
    _at("created_at"),
    _at("expires_at", nullable=True),
    Index("ix_webhook_secrets_webhook_id", "webhook_id"),
)

orders = Table(
    "orders",
    metadata,
    _id(),
    _ref("project_id", "projects"),
    _ref("account_id", "accounts"),
    _text("provider"),
    _text("category"),
    _text("source"),
    #: what makes a repeat of a request the same request: one of `OrderRequest.dedupe_keys`
    _text("dedupe_key"),
    _text("package_id"),
    _maybe("package_name"),
    _text("candidate_email"),
    _text("request"),
    _text("raw"),
    _maybe("callback_url"),
    #: a digest of the callback URL, once the content was erased
    _maybe("callback_hash"),
    _maybe("callback_problem"),
    _maybe("previous_id"),
    _text("status"),
    _maybe("status_message"),
    _text("outcome"),
    _text("delivery"),
    _maybe("delivery_detail"),
    _maybe("result"),
    _at("result_at", nullable=True),
    _at("acknowledged_at", nullable=True),
    #: since then nothing is known of the person any more
    _at("expunged_at", nullable=True),
    _at("created_at"),
    _at("updated_at"),
    # not the account first: of two indexes that begin with it, a planner without statistics may take the wrong one
    Index("uq_orders_dedupe_key_account_id", "dedupe_key", "account_id", unique=True),
    Index("ix_orders_project_id_id", "project_id", "id"),
    Index("ix_orders_latest", "account_id", "candidate_email", "package_id", "id"),
)

#: the flight recorder: what happened to an order, in the order it happened
order_log = Table(
    "order_log",
    metadata,
    _id(),
    _ref("order_id", "orders"),
    _text("kind"),
    _text("message"),
    _text("detail", default="{}"),
    _at("at"),
    Index("ix_order_log_order_id_id", "order_id", "id"),
)

#: what the ATS complained of at response_error; a row whose `not_kept` is not 0 counts what was over the limits
response_errors = Table(
    "response_errors",
    metadata,
    _id(),
    _ref("project_id", "projects"),
    _ref("account_id", "accounts"),
    _maybe("order_id"),
    _text("api_call"),
    _text("errors"),
    _text("raw"),
    _int("not_kept", default=0),
    _at("at"),
    Index("ix_response_errors_at", "at"),
    Index("ix_response_errors_project_id_id", "project_id", "id"),
    Index("ix_response_errors_account_id_order_id", "account_id", "order_id"),
)

events = Table(
    "events",
    metadata,
    _id(),
    _ref("project_id", "projects"),
    _ref("account_id", "accounts", nullable=True),
    _maybe("order_id"),
    _text("type"),
    _text("payload"),
    #: the traceparent of what it comes of, where tracing is on
    _maybe("trace"),
    _at("created_at"),
    Index("ix_events_order_id", "order_id"),
)

deliveries = Table(
    "deliveries",
    metadata,
    _id(),
    _ref("project_id", "projects"),
    _ref("event_id", "events"),
    _maybe("order_id"),
    _maybe("account_id"),
    _text("lane"),
    #: the webhook's id; the project's, while the event is held because no webhook takes it; the account's in lane ats
    _text("destination_id"),
    _text("event_name"),
    _text("trigger"),
    _text("state"),
    #: hand, first, again or replay: see model.deliveries.Queue
    _text("queue", default="first"),
    _int("attempts"),
    #: attempts made before its schedule last began (a manual retry begins it anew)
    _int("attempts_before", default=0),
    #: how often an ATS was told and did not ask for the result
    _int("told", default=0),
    #: pending: when the next attempt is due; while an attempt is under way: when its lease ends
    _at("due_at"),
    _maybe("lease"),
    #: the replay that sent it last
    _maybe("replay_id"),
    _maybe("last_error"),
    #: its order's: there is nothing to send any more
    _at("expunged_at", nullable=True),
    _at("created_at"),
    _at("updated_at"),
    #: the oldest of each queue. "due_at > 0" always holds: no claim says it, so none is planned with this index while a
    #: queue is longer than the planner knows
    Index(
        "ix_deliveries_queue_due_at",
        "queue",
        "due_at",
        postgresql_where=text("state = 'pending' AND due_at > 0"),
        sqlite_where=text("state = 'pending' AND due_at > 0"),
    ),
    #: claims hop over it from destination to destination
    Index(
        "ix_deliveries_queue",
        "queue",
        "destination_id",
        "due_at",
        postgresql_where=text("state = 'pending'"),
        sqlite_where=text("state = 'pending'"),
    ),
    #: what is under way, a few hundred rows at the most
    Index(
        "ix_deliveries_lease",
        "lease",
        "destination_id",
        postgresql_where=text("lease IS NOT NULL"),
        sqlite_where=text("lease IS NOT NULL"),
    ),
    #: what a person should look at, counted for the metrics
    Index(
        "ix_deliveries_stuck",
        "state",
        postgresql_where=text("state IN ('held', 'dead')"),
        sqlite_where=text("state IN ('held', 'dead')"),
    ),
    Index("ix_deliveries_project_id_id", "project_id", "id"),
    Index("ix_deliveries_order_id", "order_id"),
    Index("ix_deliveries_event_id", "event_id"),
    Index("ix_deliveries_destination_id_state_id", "destination_id", "state", "id"),
)

#: one row: a worker that claims holds it until it has committed
claim_turn = Table("claim_turn", metadata, _id())

#: jobs that send a webhook's deliveries again: `states` they have still to go through, `after` is how far they came
replays = Table(
    "replays",
    metadata,
    _id(),
    _ref("project_id", "projects"),
    _ref("webhook_id", "webhooks"),
    _text("states"),
    _at("since_at"),
    _at("until_at"),
    _text("state"),
    _int("total"),
    _int("done"),
    _text("after"),
    _at("created_at"),
    _at("updated_at"),
    Index("ix_replays_state", "state"),
)

#: destinations in trouble: see model.breakers
breakers = Table(
    "breakers",
    metadata,
    Column("destination_id", Text, primary_key=True),
    _int("failures"),
    _int("trips"),
    _at("open_until"),
    _int("room"),
    _text("last_error"),
    _int("told", default=0),
)

attempts = Table(
    "attempts",
    metadata,
    _id(),
    _ref("project_id", "projects"),
    _ref("delivery_id", "deliveries"),
    _int("number"),
    _text("trigger"),
    _at("started_at"),
    _int("duration_ms"),
    Column("status", Integer, nullable=True),
    _maybe("error_kind"),
    _maybe("error"),
    _maybe("address"),
    _text("request"),
    _text("response"),
    _at("next_due_at", nullable=True),
    _text("worker"),
    Index("ix_attempts_delivery_id_number", "delivery_id", "number"),
)

#: links that sign in the owner once
sign_in_codes = Table(
    "sign_in_codes",
    metadata,
    _id(),
    Column("code_hash", Text, nullable=False, unique=True),
    _at("created_at"),
    _at("expires_at"),
    _at("used_at", nullable=True),
)

sessions = Table(
    "sessions",
    metadata,
    _id(),
    Column("token_hash", Text, nullable=False, unique=True),
    _at("created_at"),
    _at("expires_at"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("project_id", Text, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("key", Text, primary_key=True),
    _text("fingerprint"),
    Column("status", Integer, nullable=True),
    _maybe("response_sealed"),
    #: the order that the answer shows
    _maybe("order_id"),
    _at("created_at"),
    Index(
        "ix_idempotency_keys_order_id",
        "order_id",
        postgresql_where=text("order_id IS NOT NULL"),
        sqlite_where=text("order_id IS NOT NULL"),
    ),
)


def _called() -> list[Column[Any]]:
    """What a request and its steps have in common; `detail_sealed` has the headers and bodies that are kept."""
    return [
        _id(),
        _ref("project_id", "projects"),
        _maybe("account_id"),
        _maybe("provider"),
        _maybe("service"),
        _maybe("resource"),
        _maybe("child_resource"),
        _maybe("sub_resource"),
        _maybe("action"),
        _text("method"),
        _text("path"),
        _text("url"),
        Column("status", Integer, nullable=True),
        _int("duration_ms"),
        _at("started_at"),
        _maybe("detail_sealed"),
    ]


#: each request of a project, for as long as GREENROOM_LOG_RETENTION_DAYS says
request_logs = Table(
    "request_logs",
    metadata,
    *_called(),
    #: the list it is on: unified or platform
    _text("listed"),
    _maybe("category"),
    _text("source_type"),
    _maybe("source_value"),
    _maybe("source_id"),
    _maybe("source_ip"),
    Index("ix_request_logs_project_id_listed_id", "project_id", "listed", "id"),
    Index("ix_request_logs_project_id_account_id_id", "project_id", "account_id", "id"),
    Index("ix_request_logs_started_at", "started_at"),
)

#: the calls that were made while a request was served; an id is the request's with a number
request_steps = Table(
    "request_steps",
    metadata,
    *_called(),
    _ref("request_id", "request_logs"),
    _maybe("error"),
    Index("ix_request_steps_project_id_id", "project_id", "id"),
    Index("ix_request_steps_request_id", "request_id"),
)

#: the orders that a request with kept bodies was about, as far as they are the project's own
request_orders = Table(
    "request_orders",
    metadata,
    Column("request_id", Text, ForeignKey("request_logs.id", ondelete="CASCADE"), primary_key=True),
    Column("order_id", Text, primary_key=True),
    Index("ix_request_orders_order_id", "order_id"),
)
