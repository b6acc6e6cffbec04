"""What a book of pages stands on: facts, a clock, and how pages and errors are printed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from fastapi import Request
from fastapi.responses import HTMLResponse

from dashboards.source import Source
from web.forms import Print

NAMELESS = "Say who you are, so that the others know whom to ask."


@dataclass(frozen=True)
class Book:
    """Asks the source, lets `dashboards` arrange it, prints."""

    source: Source
    now: Callable[[], datetime]
    show: Print
    error: Callable[[Request, int, str | None], HTMLResponse]
