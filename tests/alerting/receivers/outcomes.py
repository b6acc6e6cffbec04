"""What a delivery came to, as one value that a test can compare."""

from datetime import timedelta
from typing import NamedTuple

from alerting.notification import AttemptOutcome, DeliveryError, Handle, Message, Receiver

OK, RETRY = AttemptOutcome.OK, AttemptOutcome.RETRY
PERMANENT, AMBIGUOUS = AttemptOutcome.PERMANENT, AttemptOutcome.AMBIGUOUS


class Result(NamedTuple):
    outcome: AttemptOutcome
    status: int | None
    said: str
    handle: Handle | None = None
    retry_after: timedelta | None = None


async def deliver(
    receiver: Receiver, message: Message, handle: Handle | None = None, attempt: int = 1
) -> Result:
    """One try, and the end of the receiver's threads with it."""
    try:
        receipt = await receiver.deliver(message, handle=handle or {}, attempt=attempt)
    except DeliveryError as error:
        return Result(error.outcome, error.status, str(error), None, error.retry_after)
    else:
        return Result(OK, receipt.status, receipt.detail, receipt.handle)
    finally:
        await receiver.close()
