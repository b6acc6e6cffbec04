"""What the API asks of whoever keeps the alerts from outside."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from dashboards.alertmanager import ShownAlert


class RefusedError(Exception):
    """Whoever asks may not: an HTTP status and a sentence."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class Status:
    """What is told of this process. `config`: routes and receivers as Alertmanager writes them."""

    version: str
    started_at: datetime
    config: str


class Alertmanager(Protocol):
    """The alerts that others send, and all that fire."""

    def admit(self, authorization: str | None) -> bool:
        """Whether this header bears the token for everything below. False: there is no such token.

        Raises RefusedError for whoever lacks it, and where nobody may without one.
        """

    async def post(self, body: bytes) -> Sequence[str]:
        """Take alerts; what is wrong with some. Raises RefusedBodyError and NotKeptError."""

    async def alerts(self) -> Sequence[ShownAlert]:
        """All that fire."""

    def receivers(self) -> Sequence[str]:
        """The names of all."""

    def status(self) -> Status: ...


class _None:
    """There is none: nobody wired one."""

    def admit(self, authorization: str | None) -> bool:
        del authorization
        raise RefusedError(404, "Nobody takes alerts here.")

    async def post(self, body: bytes) -> Sequence[str]:
        del body
        return ()

    async def alerts(self) -> Sequence[ShownAlert]:
        return ()

    def receivers(self) -> Sequence[str]:
        return ()

    def status(self) -> Any:  # noqa: ANN401 - never asked for
        raise NotImplementedError


NO_ALERTMANAGER: Alertmanager = _None()
