"""`nines serve`: run the whole service until it is told to stop."""

import asyncio
import logging
import os
import sys
from pathlib import Path

import structlog
import typer
from structlog.typing import Processor

from nines.cli.problems import FINE, NO, WRONG_USE, fail
from nines.clock import SystemClock
from nines.config import ConfigError, load
from nines.config.saving import nothing_at
from nines.service import Service
from nines.settling import settling
from nines.signals import handle_signals
from nines.standby import stand_by
from nines.storage.errors import HeldError, StorageError
from web.serve import ListenError, run

_KEYS = ("timestamp", "level", "logger", "event")


def serve(path: Path, log_format: str, *, standby: bool = False, begins_empty: bool = False) -> int:
    """Run until SIGTERM or SIGINT; 2 for a faulty configuration, 1 when something else fails.

    `standby`: wait for another Nines that has the database, in place of failing. `begins_empty`:
    without a file there is nothing to watch yet, in place of a mistake.
    """
    set_up_logs(log_format)
    try:
        run(_serve(path, standby=standby, begins_empty=begins_empty))
    except ConfigError as error:
        for problem in error.problems:
            typer.echo(str(problem), err=True)
        return WRONG_USE
    except (StorageError, ListenError) as error:
        return fail(str(error), NO)
    return FINE


async def _serve(path: Path, *, standby: bool, begins_empty: bool) -> None:
    """Run until told to stop, over every restore of the database, or takeover, in between."""
    while True:
        service = await _open(path, standby=standby, begins_empty=begins_empty)
        if service is None:
            return
        try:
            for advice in service.config.advice:
                structlog.get_logger("nines.config").info("advice", at=str(advice))
            handle_signals(service.stop_for_good, service.reloading.reload)
            async with settling():
                await service.run()
        finally:
            await service.close()
        if service.told_to_stop or not service.was_restored:
            return


async def _open(path: Path, *, standby: bool, begins_empty: bool) -> Service | None:
    """The service, as soon as the database is free; None when told to stop before."""
    stop = asyncio.Event()

    async def later() -> None:
        """Nothing to reload: the configuration is read when it is our turn."""

    while not stop.is_set():
        try:
            return await Service.open(path, os.environ, begins_empty=begins_empty)
        except HeldError:
            if not standby:
                raise
        handle_signals(stop.set, later)
        instead = nothing_at(path) if begins_empty else {}
        await stand_by(load(path, os.environ, {}, instead), stop, SystemClock())
    return None


def set_up_logs(log_format: str, *, quiet: bool = False) -> None:
    """Every line of ours, and of the libraries, in one format on standard error.

    `quiet` leaves out what is no warning.
    """
    if log_format == "auto":
        log_format = "console" if sys.stderr.isatty() else "json"
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    tail: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if log_format == "console":
        # Plain tracebacks: the pretty ones print local variables, and secrets are among them.
        plain = structlog.dev.plain_traceback
        tail.append(
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
        )
    else:
        tail.append(structlog.processors.format_exc_info)
        tail.append(
            structlog.processors.JSONRenderer()
            if log_format == "json"
            else structlog.processors.LogfmtRenderer(key_order=_KEYS)
        )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=tail)
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING if quiet else logging.INFO)
    for talkative in ("alembic", "apscheduler", "httpcore", "httpx", "mail", "uvicorn"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
