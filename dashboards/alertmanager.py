"""What Alertmanager's API shows of alerts, groups and silences, in its shapes."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from alerting.routes import Hit
from alerting.silence import Silence, SilenceState
from slo.selector import Matcher

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_OURS = re.compile(f"[0-7][{_CROCKFORD}]{{25}}")
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_STATES = (SilenceState.ACTIVE, SilenceState.PENDING, SilenceState.EXPIRED)


@dataclass(frozen=True, slots=True)
class ShownAlert:
    """An alert that fires, from outside or our own, with the routes that take it and who holds it
    back. `place`: what its incident is about.
    """

    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    url: str
    starts_at: datetime
    ends_at: datetime
    updated_at: datetime
    place: str
    hits: tuple[Hit, ...]
    silenced_by: tuple[str, ...] = ()
    inhibited_by: tuple[str, ...] = ()
    muted_by: tuple[str, ...] = ()

    @property
    def receivers(self) -> tuple[str, ...]:
        """Who is told of it."""
        return tuple(dict.fromkeys(name for hit in self.hits for name in hit.receivers))

    @property
    def suppressed(self) -> bool:
        """Whether somebody or another alert keeps it quiet."""
        return bool(self.silenced_by or self.inhibited_by)


@dataclass(frozen=True, slots=True)
class AlertQuestion:
    """Which alerts are asked for."""

    filters: tuple[Matcher, ...] = ()
    receiver: Matcher | None = None  # on its name, as a label `receiver`
    active: bool = True
    silenced: bool = True
    inhibited: bool = True
    muted: bool = True

    def takes(self, alert: ShownAlert) -> bool:
        """Whether it is one of them."""
        if self.receiver is not None and not any(map(self.hears, alert.receivers)):
            return False
        if not self.active and not alert.suppressed:
            return False
        if (not self.silenced and alert.silenced_by) or (not self.inhibited and alert.inhibited_by):
            return False
        return meets(self.filters, alert.labels)

    def hears(self, receiver: str) -> bool:
        """Whether it is about this receiver."""
        return self.receiver is None or self.receiver.matches({"receiver": receiver})


def meets(filters: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """As Alertmanager filters: but for negations, a label must be there to match."""
    return all(
        one.matches(labels)
        and (one.label in labels or one.operator in ("!=", "!~") or not one.value)
        for one in filters
    )


def gettable_alerts(
    alerts: Iterable[ShownAlert], question: AlertQuestion
) -> Iterator[dict[str, Any]]:
    """The body of GET /alerts."""
    for one in sorted(alerts, key=lambda alert: alert.fingerprint):
        if question.takes(one):
            yield _alert(one)


def alert_groups(alerts: Iterable[ShownAlert], question: AlertQuestion) -> Iterator[dict[str, Any]]:
    """The body of GET /alerts/groups: one group for each receiver, route and incident."""
    groups: dict[tuple[str, str, str], tuple[dict[str, str], list[ShownAlert]]] = {}
    for one in sorted(alerts, key=lambda alert: alert.fingerprint):
        if not question.takes(one):
            continue
        for hit in one.hits:
            route = hit.steps[-1].number if hit.steps else ""
            shared = hit.group(one.labels) if hit.terms.group_by else {"service": one.place}
            for receiver in filter(question.hears, hit.receivers):
                key = (str(sorted(shared.items())), receiver, route)
                groups.setdefault(key, (shared, []))[1].append(one)
    for (_, receiver, _), (shared, members) in sorted(groups.items(), key=lambda item: item[0]):
        if not question.muted and all(one.suppressed or one.muted_by for one in members):
            continue
        yield {
            "alerts": [_alert(one) for one in members],
            "labels": shared,
            "routeLabels": {},
            "receiver": {"name": receiver},
        }


def gettable_silences(
    silences: Iterable[Silence],
    filters: Sequence[Matcher],
    states: Iterable[SilenceState],
    now: datetime,
) -> list[dict[str, Any]]:
    """The body of GET /silences: active ones by their end, pending ones, then the expired."""
    wanted = set(states)
    by_state: dict[SilenceState, list[dict[str, Any]]] = {state: [] for state in _STATES}
    for one in silences:
        state = one.state(now)
        if state in wanted and _is_about(one, filters):
            by_state[state].append(gettable_silence(one, now))
    by_state[SilenceState.ACTIVE].sort(key=lambda shown: str(shown["endsAt"]))
    by_state[SilenceState.PENDING].sort(key=lambda shown: str(shown["startsAt"]))
    by_state[SilenceState.EXPIRED].sort(key=lambda shown: str(shown["endsAt"]), reverse=True)
    return [shown for state in _STATES for shown in by_state[state]]


def gettable_silence(silence: Silence, now: datetime) -> dict[str, Any]:
    """One silence; of one that recurs, the time that runs or comes next."""
    coming = silence.next(now, 1)
    if coming:
        start, end = coming[0].start, coming[0].end
    else:
        end = silence.over_by or now
        start = min(getattr(silence.schedule, "start", silence.created_at), end)
    return {
        "id": to_uuid(silence.id),
        "status": {"state": str(silence.state(now))},
        "updatedAt": _time(silence.ended_at or silence.created_at),
        "comment": silence.reason,
        "createdBy": silence.author,
        "startsAt": _time(start),
        "endsAt": _time(end),
        "annotations": {},
        "matchers": [
            {
                "name": one.label,
                "value": one.value,
                "isRegex": one.operator in ("=~", "!~"),
                "isEqual": one.operator in ("=", "=~"),
            }
            for one in silence.matchers
        ],
    }


def to_uuid(id_: str) -> str:
    """One of our ids, which are 128 bits, as Alertmanager's clients expect them."""
    if not _OURS.fullmatch(id_):
        return id_
    value = 0
    for letter in id_:
        value = value << 5 | _CROCKFORD.index(letter)
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def from_uuid(text: str) -> str | None:
    """The id that `to_uuid` was given; ours are taken as they are. None: it is neither."""
    if _OURS.fullmatch(text.upper()):
        return text.upper()
    if not _UUID.fullmatch(text.lower()):
        return None
    value = int(text.replace("-", ""), 16)
    return "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -5, -5))


def _is_about(silence: Silence, filters: Sequence[Matcher]) -> bool:
    """Filters look at the names and values of its matchers, as Alertmanager's do."""
    return meets(filters, {one.label: one.value for one in silence.matchers})


def _alert(one: ShownAlert) -> dict[str, Any]:
    shown = {
        "annotations": dict(one.annotations),
        "endsAt": _time(one.ends_at),
        "fingerprint": one.fingerprint,
        "receivers": [{"name": name} for name in one.receivers],
        "startsAt": _time(one.starts_at),
        "status": {
            "inhibitedBy": list(one.inhibited_by),
            "mutedBy": list(one.muted_by),
            "silencedBy": sorted(map(to_uuid, one.silenced_by)),
            "state": "suppressed" if one.suppressed else "active",
        },
        "updatedAt": _time(one.updated_at),
        "labels": dict(one.labels),
    }
    return shown | ({"generatorURL": one.url} if one.url else {})


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
