"""Log lines: for people on a terminal, as JSON elsewhere; always to standard error."""

from __future__ import annotations

import logging
import sys
from typing import Literal, cast

import structlog
from structlog.typing import FilteringBoundLogger, Processor


def configure_logging(
    level: Literal["debug", "info", "warning", "error"],
    form: Literal["auto", "console", "json"],
) -> None:
    """Sets up logging for this process; called once, by a composition root.

    Args:
        level: Least severe lines that are written.
        form: `console` for people, `json` for machines, `auto` = whether standard error is a
            terminal.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    is_json = form == "json" or (form == "auto" and not sys.stderr.isatty())
    last: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if is_json
        else structlog.dev.ConsoleRenderer(pad_event_to=0)
    )
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, last],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    _join_standard_logging(shared, last, max(threshold, logging.WARNING))


def _join_standard_logging(shared: list[Processor], last: Processor, threshold: int) -> None:
    """Gives the lines of libraries, which use `logging`, the same form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                last,
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=threshold, force=True)


def get_logger(name: str) -> FilteringBoundLogger:
    """Gives the logger of one part; its lines carry the part's name."""
    return cast("FilteringBoundLogger", structlog.get_logger(part=name))
