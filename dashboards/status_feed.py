"""The status page as an Atom feed (RFC 4287): an entry for each incident, renewed by updates."""

from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from alerting.status_incident import StatusIncident
from dashboards.status_page import StatusFacts
from dashboards.status_words import FEED, HOME, STAGES, incident_path, local

_ATOM = "http://www.w3.org/2005/Atom"
_MOST = 25
ET.register_namespace("", _ATOM)


def status_feed(facts: StatusFacts, external_url: str) -> bytes:
    """The whole document, in UTF-8."""
    feed = ET.Element(f"{{{_ATOM}}}feed")
    home = f"{external_url}{HOME}"
    _text(feed, "id", home)
    _text(feed, "title", facts.page.title)
    updated = max((one.updated_at for one in facts.incidents), default=facts.made_at)
    _text(feed, "updated", _time(updated))
    _link(feed, home, "alternate", "text/html")
    _link(feed, f"{external_url}{FEED}", "self", "application/atom+xml")
    _text(ET.SubElement(feed, f"{{{_ATOM}}}author"), "name", facts.page.title)
    for one in facts.incidents[:_MOST]:
        _entry(feed, one, facts, external_url)
    whole: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
    return whole


def _entry(feed: ET.Element, one: StatusIncident, facts: StatusFacts, external_url: str) -> None:
    entry = ET.SubElement(feed, f"{{{_ATOM}}}entry")
    address = f"{external_url}{incident_path(one.id)}"
    _text(entry, "id", address)
    _text(entry, "title", f"{STAGES[one.stage]}: {one.title}")
    _text(entry, "published", _time(one.created_at))
    _text(entry, "updated", _time(one.updated_at))
    _link(entry, address, "alternate", "text/html")
    told = [
        f"{STAGES[update.stage]}, {local(update.at, facts.page.zone)}\n{update.text}"
        for update in reversed(one.updates)
    ]
    content = _text(entry, "content", "\n\n".join(told))
    content.set("type", "text")


def _text(parent: ET.Element, name: str, text: str) -> ET.Element:
    element = ET.SubElement(parent, f"{{{_ATOM}}}{name}")
    element.text = text
    return element


def _link(parent: ET.Element, address: str, rel: str, kind: str) -> None:
    ET.SubElement(parent, f"{{{_ATOM}}}link", {"href": address, "rel": rel, "type": kind})


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
