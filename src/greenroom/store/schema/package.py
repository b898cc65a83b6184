"""Tables of published packages and of the answers of vendors' list endpoints."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Table, Text

from greenroom.store.schema.base import integer, metadata, optional_text, required_text, timestamp

#: packages that the vendor published; account_id '' means every account of the project
packages = Table(
    "packages",
    metadata,
    Column("project_id", Text, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("category", Text, primary_key=True),
    Column("account_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    integer("position"),
    required_text("name"),
    optional_text("description"),
    required_text("tests", default="[]"),
    timestamp("updated_at"),
)

#: the last valid answer of the vendor's list endpoint, one for each account
package_lists = Table(
    "package_lists",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    required_text("packages_url"),
    required_text("packages"),
    #: model.list_calls.ListCall as JSON, and the `durations` of the latest answers; empty before version 0029
    required_text("observed", default=""),
    timestamp("fetched_at"),
    optional_text("problem"),
    timestamp("problem_at", nullable=True),
)

#: the current failure of the vendor's list endpoint for each account: `detail` is a model.list_calls.ListCall as JSON;
#: account_id '' is a test before any account is linked
package_failures = Table(
    "package_failures",
    metadata,
    Column("project_id", Text, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("provider", Text, primary_key=True),
    Column("account_id", Text, primary_key=True),
    required_text("packages_url"),
    required_text("cause"),
    required_text("detail"),
    timestamp("since"),
    timestamp("at"),
    integer("count"),
)
