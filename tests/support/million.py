"""
Fills a store with rows, as after years of use.

Each order has an event, a delivery, an attempt and a log entry.
"""

from __future__ import annotations

from datetime import UTC, datetime

from greenroom.model.accounts import Account
from greenroom.store import accounts as account_rows
from greenroom.store import projects as project_rows
from greenroom.store.db import Store, Tx

PROJECTS, ACCOUNTS, WEBHOOKS = 5, 50, 200
#: rows of one statement, few enough for the store's timeout
CHUNK = 50_000
DAY_MS = 86_400_000

#: of twenty deliveries one is dead, one held, eight delivered; ten are pending, due in an hour
STATE = (
    "CASE WHEN n % 20 = 0 THEN 'dead' WHEN n % 20 = 1 THEN 'held' WHEN n % 20 < 10 THEN 'delivered' ELSE 'pending' END"
)
SERIES = "WITH RECURSIVE series(n) AS (SELECT CAST($1 AS INTEGER) UNION ALL SELECT n + 1 FROM series WHERE n < $2)"
#: columns of each table, and the values of row number n, whose time is `at`
TABLES = {
    "orders": (
        "id, project_id, account_id, provider, category, source, dedupe_key, package_id, candidate_email, request, raw, "
        "status, outcome, delivery, created_at, updated_at",
        "{ord}, {project}, {account}, 'greenhouse', 'assessments', 'ats', 'key-' || {n}, 'pkg', {email}, "
        """'{{"candidate":{{"email":"ada@example.test"}}}}', '{{}}', 'received', 'none', 'pending', {at}, {at}""",
    ),
    "order_log": ("id, order_id, kind, message, at", "{log}, {ord}, 'received', 'Order received.', {at}"),
    "events": (
        "id, project_id, account_id, order_id, type, payload, created_at",
        "{evt}, {project}, {account}, {ord}, 'ats_assessments.created', '{{}}', {at}",
    ),
    "deliveries": (
        "id, project_id, event_id, order_id, account_id, lane, destination_id, event_name, trigger, state, queue, attempts, "
        "due_at, created_at, updated_at",
        "{dlv}, {project}, {evt}, {ord}, {account}, 'vendor', {webhook}, 'ats_assessments.created', 'auto', "
        + STATE
        + ", 'again', 1, now_ms() + 3600000, {at}, {at}",
    ),
    "attempts": (
        "id, project_id, delivery_id, number, trigger, started_at, duration_ms, status, request, response, worker",
        "{att}, {project}, {dlv}, 1, 'auto', {at}, 9, 200, '{{}}', '{{}}', 'w'",
    ),
}


def name(prefix: str, number: int) -> str:
    """Returns the id of a row."""
    return f"{prefix}_{number:08}"


async def fill(store: Store, rows: int, *, days: int = 80) -> None:
    """
    Adds so many rows to each table, evenly over the last `days` days, oldest first.

    The database's statistics are updated.
    """
    now = datetime.now(UTC)

    async def owners(tx: Tx) -> None:
        for number in range(PROJECTS):
            await project_rows.ensure(tx, name("prj", number), f"project {number}")
        for number in range(ACCOUNTS):
            project = name("prj", number % PROJECTS)
            owner = f"owner-{number}"
            await account_rows.add(
                tx, Account(name("acc", number), project, "greenhouse", owner, owner, now, now, status="active")
            )

    await store.write(owners)
    for table, (columns, values) in TABLES.items():
        sql = f"INSERT INTO {table} ({columns}) {SERIES} SELECT {values.format(**_words(rows, days))} FROM series"
        for first in range(1, rows + 1, CHUNK):
            last = min(first + CHUNK - 1, rows)
            await store.write(lambda tx, sql=sql, first=first, last=last: tx.run(sql, first, last))  # type: ignore[misc]
        await store.write(lambda tx, table=table: tx.all(f"ANALYZE {table}"))  # type: ignore[misc]


def _words(rows: int, days: int) -> dict[str, str]:
    def padded(prefix: str, number: str) -> str:
        return f"'{prefix}_' || substr(CAST(100000000 + {number} AS TEXT), 2)"

    own = {prefix: padded(prefix, "n") for prefix in ("ord", "evt", "dlv", "att", "log")}
    return own | {
        "n": "CAST(n AS TEXT)",
        "project": padded("prj", f"(n % {ACCOUNTS} % {PROJECTS})"),
        "account": padded("acc", f"(n % {ACCOUNTS})"),
        "webhook": padded("whk", f"(n % {WEBHOOKS})"),
        "email": f"'candidate-' || CAST(n % {rows} AS TEXT) || '@example.test'",
        "at": f"(now_ms() - CAST({days * DAY_MS} AS BIGINT) * ({rows} - n) / {rows})",
    }
