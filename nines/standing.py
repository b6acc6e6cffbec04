"""Say again what stands, to receivers that keep it in memory alone, such as an Alertmanager."""

import functools
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

import structlog

from alerting.delivery import Run
from alerting.notification import DeliveryError, Message, Receipt, Receiver

EVERY = timedelta(minutes=1)
# What is over is said again too, as Prometheus does: it may have been overtaken by what stood.
OVER_FOR = timedelta(minutes=15)

log = structlog.get_logger("nines.standing")


@runtime_checkable
class Reminded(Protocol):
    """A receiver that wants to hear again what it was told."""

    async def resend(self, standing: list[Message]) -> Receipt | None: ...


class Told(Protocol):
    """What each receiver was told last of every incident that is open, or was over since then."""

    def __call__(self, receiver: str, since: datetime, /) -> list[Message]: ...


async def remind(receivers: Mapping[str, Receiver], told: Told, run: Run, now: datetime) -> None:
    """One round. What fails is said in the log, and made good by the next round."""
    for name, receiver in receivers.items():
        inner = getattr(receiver, "inner", receiver)
        if not isinstance(inner, Reminded):
            continue
        try:
            standing = await run(functools.partial(told, name, now - OVER_FOR))
            await inner.resend(standing)
        except DeliveryError as error:
            log.warning("receiver not reminded", receiver=name, reason=str(error))
        except Exception:
            log.exception("receiver not reminded", receiver=name)
