"""From where the request came that is being answered: changes are written down with it."""

from contextvars import ContextVar

ADDRESS: ContextVar[str] = ContextVar("address", default="")
