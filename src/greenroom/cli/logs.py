"""The format of the gateway's log: lines on stderr, for a terminal or for a log collector."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog

from greenroom.settings import Settings

#: limit of one value of a log entry in characters; a traceback is a value, too
LONGEST = 8000


def configure(settings: Settings) -> None:
    """
    Configures structlog and logging: one line per event, libraries' warnings in the same format.

    A line that cannot be written is dropped without an error.
    """
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        stamp,
    ]
    renderer: structlog.typing.Processor = _render_line
    if settings.log_format == "json":
        renderer = structlog.processors.JSONRenderer()
    elif sys.stderr.isatty():
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    final: list[structlog.typing.Processor] = [structlog.processors.format_exc_info, _cut_long_values, renderer]
    structlog.configure(
        processors=[*shared, *final],
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _LossyStream(sys.stderr))),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)


def _cut_long_values(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Cuts long values: a caller may have chosen one, and the traceback of an endless recursion has megabytes."""
    for name, value in event.items():
        if isinstance(value, str) and len(value) > LONGEST:
            event[name] = (
                f"{value[: LONGEST // 2]} … ({len(value) - LONGEST} characters cut) … {value[-LONGEST // 2 :]}"
            )
    return event


class _LossyStream:
    """
    A stream that drops lines which cannot be written, such as on a full disk or to a closed pipe.

    An exception from logging would otherwise abort the delivery that is being logged.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def _render_line(_: Any, __: str, event: structlog.typing.EventDict) -> str:
    """
    Returns the line that structlog's console renderer would write without colours.

    That renderer takes more time than signing a webhook.
    """
    stamp, level, what = event.pop("timestamp"), event.pop("level"), event.pop("event")
    exception = event.pop("exception", None)
    values = " ".join([f"{name}={value}" for name, value in event.items()])
    line = f"{stamp} [{level:<9}] {what:<30} {values}".rstrip()
    return f"{line}\n{exception}" if exception else line
