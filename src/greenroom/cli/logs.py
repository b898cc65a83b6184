"""How the processes of the gateway write their log: lines on stderr, for a terminal or for a collector."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog

from greenroom.settings import Settings

#: characters of one value of a log entry, a traceback among them
LONGEST = 8000


def configure(settings: Settings) -> None:
    """One line an event; libraries' warnings in the same form. What cannot be written is lost, and nothing else."""
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        stamp,
    ]
    renderer: structlog.typing.Processor = _line
    if settings.log_format == "json":
        renderer = structlog.processors.JSONRenderer()
    elif sys.stderr.isatty():
        renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    final: list[structlog.typing.Processor] = [structlog.processors.format_exc_info, _bounded, renderer]
    structlog.configure(
        processors=[*shared, *final],
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Patient(sys.stderr))),
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


def _bounded(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Cuts long values: a caller chooses some, and an endless recursion has a traceback of megabytes."""
    for name, value in event.items():
        if isinstance(value, str) and len(value) > LONGEST:
            event[name] = (
                f"{value[: LONGEST // 2]} … ({len(value) - LONGEST} characters cut) … {value[-LONGEST // 2 :]}"
            )
    return event


class _Patient:
    """
    A stream that takes every line: on a full disk, or when the collector has gone, nobody who says something fails.

    Otherwise a log that cannot be written would end the deliveries that it tells of.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def _line(_: Any, __: str, event: structlog.typing.EventDict) -> str:
    """What the console's renderer writes without colours; that one costs more than signing a webhook."""
    stamp, level, what = event.pop("timestamp"), event.pop("level"), event.pop("event")
    exception = event.pop("exception", None)
    values = " ".join([f"{name}={value}" for name, value in event.items()])
    line = f"{stamp} [{level:<9}] {what:<30} {values}".rstrip()
    return f"{line}\n{exception}" if exception else line
