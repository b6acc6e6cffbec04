"""The page behind the link in a mail: what it is about, and what pressing the button does."""

from dataclasses import dataclass

from alerting.incident import IncidentState
from dashboards import links
from dashboards.source import MailLink


@dataclass(frozen=True, slots=True)
class MailLinkView:
    """`words` say how things stand; there is a button only where it would change anything."""

    title: str
    words: str
    incident_url: str
    address: str
    can_acknowledge: bool
    remembered: str
    name_missing: bool
    done: bool


def mail_link_view(
    found: MailLink, *, address: str, remembered: str, name_missing: bool, by: str | None
) -> MailLinkView:
    """`by` has just pressed the button."""
    incident = found.incident
    done = by is not None and incident.acknowledged_by == f"{by} (a link in a mail)"
    can = incident.state is IncidentState.TRIGGERED and found.used is None
    if done:
        words = "Acknowledged. The others can see that you are on it."
    elif incident.state is IncidentState.RESOLVED:
        words = "This incident is resolved: there is nothing left to acknowledge."
    elif incident.state is IncidentState.ACKNOWLEDGED:
        words = f"{incident.acknowledged_by} is on it already."
    elif found.used is not None:
        words = f"A link is good once: {found.used}."
    else:
        words = "Acknowledge it, and everybody who was told sees that you are on it."
    return MailLinkView(
        title=incident.title,
        words=words,
        incident_url=links.incident_url(incident.id),
        address=address,
        can_acknowledge=can,
        remembered=remembered,
        name_missing=name_missing,
        done=done,
    )
