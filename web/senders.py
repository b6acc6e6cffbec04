"""What those who send are told when nothing of it is taken: metrics, events, pings, alerts."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from web.problem import ProblemError

RETRY: Mapping[str, str] = {"Retry-After": "5"}


class RefusedSenderError(Exception):
    """Whoever sends may not: an HTTP status and a sentence."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class NotKeptError(Exception):
    """Nothing was kept: storage refuses, or too many send at once. It is to be sent again."""


@contextmanager
def refusing_senders(schemes: str) -> Iterator[None]:
    """Refusals as problems; `schemes` are the ways to sign in that a 401 names."""
    try:
        yield
    except RefusedSenderError as error:
        headers = {"WWW-Authenticate": schemes} if error.status == 401 else {}
        raise ProblemError(error.status, error.text, headers=headers) from error
    except NotKeptError as error:
        raise ProblemError(503, str(error), headers=RETRY) from error
