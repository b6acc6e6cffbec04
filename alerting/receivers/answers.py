"""What an HTTP answer, or the lack of one, means for a delivery."""

from collections.abc import Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime

from alerting.notification import AttemptOutcome, DeliveryError
from alerting.receivers.text import one_line

EXCERPT = 200  # characters of the other side's words that an error repeats

# The request was not taken, and says so; each invites another try.
_NOT_TAKEN = {408, 425, 429, 503}
# Whoever answers so takes nothing of ours: the key is wrong, or nobody lives there any more.
_CLOSED = {401, 403, 404, 410}


def refused(who: str, status: int, headers: Mapping[str, str], said: str = "") -> DeliveryError:
    """The error for any answer but a yes. `said`: the other side's own words."""
    return DeliveryError(
        f"{who} answered {status}{_reason(status)}{quoted(said)}",
        outcome=outcome_of(status),
        status=status,
        retry_after=retry_after(headers),
        parks=closed(status),
    )


def closed(status: int) -> bool:
    """Whether no message would be taken there, until somebody mends something."""
    return status in _CLOSED


def outcome_of(status: int) -> AttemptOutcome:
    """Whether to try again. A 500, 502 or 504 does not tell whether the request was acted on.

    Taking it for "not arrived" could leave an incident open for ever: nobody would resolve it.
    A yes that is not the other side's own (a proxy's page, say) tells as little.
    """
    if status in _NOT_TAKEN:
        return AttemptOutcome.RETRY
    unclear = status >= 500 or status < 300
    return AttemptOutcome.AMBIGUOUS if unclear else AttemptOutcome.PERMANENT


def retry_after(headers: Mapping[str, str]) -> timedelta | None:
    """How long the answer asks us to wait (RFC 9110, 10.2.3).

    A date counts from the answer's own `Date`, so that no clock but the other side's matters.
    """
    found = {name.lower(): value.strip() for name, value in headers.items()}
    value = found.get("retry-after", "")
    try:
        if value.isascii() and value.isdecimal():
            return timedelta(seconds=int(value))
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(found.get("date", ""))
    except (ValueError, TypeError, OverflowError):
        return None
    return max(wait, timedelta(0))


def unreached(who: str, error: BaseException) -> DeliveryError:
    """No connection was made, so nothing was sent."""
    return DeliveryError(f"{who} cannot be reached: {cause(error)}")


def lost(who: str, error: BaseException) -> DeliveryError:
    """The connection broke, or time ran out, when the request may have been sent already."""
    return DeliveryError(f"{who} gave no answer: {cause(error)}", outcome=AttemptOutcome.AMBIGUOUS)


def cause(error: BaseException) -> str:
    """What lies at the bottom of an error, in its own words."""
    seen: set[int] = set()
    while id(error) not in seen and not isinstance(error, TimeoutError):
        seen.add(id(error))
        inner = [a for a in (error.__cause__, getattr(error, "reason", None), *error.args) if a]
        deeper = next((a for a in inner if isinstance(a, BaseException)), error.__context__)
        if deeper is None:
            break
        error = deeper
    if isinstance(error, TimeoutError):
        return "time ran out"
    return one_line(str(error), EXCERPT) or type(error).__name__


def quoted(said: str) -> str:
    """`: "their words"`, or nothing."""
    line = one_line(said, EXCERPT)
    return f': "{line}"' if line else ""


def _reason(status: int) -> str:
    if 300 <= status < 400:
        return ", a redirect; it is not followed, configure the address that it leads to"
    return ""
