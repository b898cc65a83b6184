"""
The tables, for both databases.

Only types that mean the same in both are used: TEXT, BIGINT, INTEGER, FLOAT. Columns named `…_at` are times in ms since
1970 UTC; JSON is TEXT that only Python parses; booleans are INTEGER 0 or 1; `…_sealed` is ciphertext of
`security.vault`. Migrations create these tables; a test compares migrations and schema.
"""

from __future__ import annotations

from greenroom.store.schema.access import account_access, account_api_windows, oauth_states
from greenroom.store.schema.account import (
    account_tokens,
    accounts,
    connect_sessions,
    connection_attempts,
    hub_tokens,
    refused_calls,
    trigger_calls,
)
from greenroom.store.schema.alert import alert_recipients, alerts
from greenroom.store.schema.base import metadata
from greenroom.store.schema.check import check_observations
from greenroom.store.schema.delivery import attempts, breakers, claim_turn, deliveries, events, replays
from greenroom.store.schema.enrichment import enrichment_cache, enrichment_turns, enrichments
from greenroom.store.schema.finding import findings
from greenroom.store.schema.gateway import installation, sign_in_codes, worker_heartbeats
from greenroom.store.schema.integration import integrations
from greenroom.store.schema.order import (
    order_log,
    orders,
    response_errors,
    result_refusals,
    resumes,
    seen_ats_events,
)
from greenroom.store.schema.package import package_failures, package_lists, packages
from greenroom.store.schema.people import (
    audit_log,
    members,
    one_time_tokens,
    recovery_codes,
    sessions,
    sign_in_failures,
    users,
)
from greenroom.store.schema.project import api_keys, hub_settings, idempotency_keys, projects, refused_origins
from greenroom.store.schema.request_log import request_logs, request_orders, request_steps
from greenroom.store.schema.webhook import webhook_secrets, webhooks

__all__ = [
    "account_access",
    "account_api_windows",
    "account_tokens",
    "accounts",
    "alert_recipients",
    "alerts",
    "api_keys",
    "attempts",
    "audit_log",
    "breakers",
    "check_observations",
    "claim_turn",
    "connect_sessions",
    "connection_attempts",
    "deliveries",
    "enrichment_cache",
    "enrichment_turns",
    "enrichments",
    "events",
    "findings",
    "hub_settings",
    "hub_tokens",
    "idempotency_keys",
    "installation",
    "integrations",
    "members",
    "metadata",
    "oauth_states",
    "one_time_tokens",
    "order_log",
    "orders",
    "package_failures",
    "package_lists",
    "packages",
    "projects",
    "recovery_codes",
    "refused_calls",
    "refused_origins",
    "replays",
    "request_logs",
    "request_orders",
    "request_steps",
    "response_errors",
    "result_refusals",
    "resumes",
    "seen_ats_events",
    "sessions",
    "sign_in_codes",
    "sign_in_failures",
    "trigger_calls",
    "users",
    "webhook_secrets",
    "webhooks",
    "worker_heartbeats",
]
