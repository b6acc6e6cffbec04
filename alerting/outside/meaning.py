"""What the labels and annotations of an alert from outside mean to us. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from alerting.alert import Facts
from alerting.origin import Origin
from alerting.receivers.text import one_line, printable
from alerting.routes import Route
from alerting.wording import clip
from slo.severity import Severity

_MOST_NAME, _MOST_HEADLINE, _MOST_REASON = 200, 500, 4_000
_NAMELESS = "alert"
# What people write; whoever writes something else says what it means.
SEVERITIES: Mapping[str, Severity] = {
    "page": Severity.PAGE,
    "critical": Severity.PAGE,
    "ticket": Severity.TICKET,
    "warning": Severity.TICKET,
    "info": Severity.INFO,
    "none": Severity.INFO,
}
SERVICES = ("service", "job")


@dataclass(frozen=True, slots=True)
class Meaning:
    """Which label says what. Labels with other words for a severity are tickets."""

    severities: Mapping[str, Severity] = field(default_factory=lambda: SEVERITIES)
    services: tuple[str, ...] = SERVICES

    def severity(self, labels: Mapping[str, str]) -> Severity:
        """How loud it is."""
        word = labels.get("severity", "").lower()
        return self.severities.get(word, Severity.TICKET)

    def service(self, labels: Mapping[str, str]) -> str:
        """Which service it is about: the first of its labels that says so, else its own name."""
        found = (labels[name] for name in self.services if labels.get(name))
        return _line(next(found, "")) or name_of(labels)

    def place(self, labels: Mapping[str, str], tree: Route) -> str:
        """What an incident is about that takes it: its service, or what its group shares.

        The first route that takes it decides. A group by the service alone is the service.
        """
        group = next(iter(tree.hits(labels))).group(labels)
        if not group or (len(group) == 1 and next(iter(group)) in self.services):
            return self.service(labels)
        return _line(", ".join(f"{name}={group[name]}" for name in sorted(group)))


def name_of(labels: Mapping[str, str]) -> str:
    """What it is called."""
    return _line(labels.get("alertname", "")) or _NAMELESS


def facts_of(origin: Origin) -> Facts:
    """What it says of itself."""
    notes = origin.annotations
    said = notes.get("summary") or notes.get("message") or notes.get("description") or ""
    described = notes.get("description", "")
    headline = _line(said, _MOST_HEADLINE) or _told_apart(origin.labels)
    described = clip(printable(described).strip(), _MOST_REASON)
    return Facts(headline, described or _told_apart(origin.labels))


def _told_apart(labels: Mapping[str, str]) -> str:
    """The labels that tell it from others of its name."""
    left = (f"{name}={labels[name]}" for name in sorted(labels) if name not in _SAID_ELSEWHERE)
    return _line(", ".join(left), _MOST_HEADLINE) or "it fires"


_SAID_ELSEWHERE = frozenset({"alertname", "severity"})


def _line(text: str, most: int = _MOST_NAME) -> str:
    """On one line, as long as people read."""
    return one_line(text[: 4 * most], most)
