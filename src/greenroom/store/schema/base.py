"""The schema's metadata, and functions for the usual kinds of columns."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData, Text, text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def id_column() -> Column[str]:
    """Returns the primary key `id`."""
    return Column("id", Text, primary_key=True)


def reference(name: str, table: str, *, nullable: bool = False) -> Column[str]:
    """Returns a foreign key; the row is deleted with the row that it refers to."""
    return Column(name, Text, ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=nullable)


def required_text(name: str, *, default: str | None = None) -> Column[str]:
    """Returns a text column without NULL."""
    return Column(name, Text, nullable=False, server_default=None if default is None else text(f"'{default}'"))


def optional_text(name: str) -> Column[str]:
    """Returns a text column that may be NULL."""
    return Column(name, Text, nullable=True)


def integer(name: str, *, default: int | None = None) -> Column[int]:
    """Returns an integer column without NULL."""
    return Column(name, Integer, nullable=False, server_default=None if default is None else text(str(default)))


def timestamp(name: str, *, nullable: bool = False) -> Column[int]:
    """Returns a column of a time in ms since 1970 UTC."""
    return Column(name, BigInteger, nullable=nullable)
