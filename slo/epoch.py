"""Time by whole steps since the epoch, on whose grid buckets, slices and charts lie."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def floor(at: datetime, step: timedelta) -> datetime:
    """The last whole step that is not after `at`."""
    return EPOCH + (at - EPOCH) // step * step


def ceiling(at: datetime, step: timedelta) -> datetime:
    """The first whole step that is not before `at`."""
    return EPOCH + -(-(at - EPOCH) // step) * step
