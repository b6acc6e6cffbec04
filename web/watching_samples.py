"""How Nines watches itself, as `/metrics` prints it."""

from collections.abc import Iterator

from alerting.audit import What
from dashboards.health_facts import HealthFacts
from web.exposition import Family, counter, gauge

_OVERDUE = gauge(
    "nines_overdue", "How much of Nines' own work should have happened by now, by what it is."
)
_WITHHELD = gauge(
    "nines_heartbeat_withheld",
    "1 while the outgoing heartbeat is withheld, as something is overdue.",
)
_LAST = gauge("nines_heartbeat_last_success_timestamp_seconds", "When a heartbeat was last taken.")
_BEATS = counter("nines_heartbeats", "Heartbeats that were sent, by how they ended.")


def watching_lines(health: HealthFacts) -> Iterator[tuple[Family, bytes]]:
    """What is overdue and, where there is one, how the heartbeat stands."""
    late = [one.what for one in health.overdue]
    yield (
        _OVERDUE,
        _OVERDUE.lines(((("what", str(what)),), late.count(what)) for what in What),
    )
    beat = health.heartbeat
    if beat is None:
        return
    yield _WITHHELD, _WITHHELD.line((), int(beat.withheld_since is not None))
    last = beat.last_success
    yield _LAST, _LAST.line((), None if last is None else last.timestamp())
    ended = (("ok", beat.sent), ("failed", beat.failed))
    yield _BEATS, _BEATS.lines(((("outcome", how),), number) for how, number in ended)
