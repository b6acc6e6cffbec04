"""Where each page lives. Names may hold anything, so each part is quoted whole."""

from collections.abc import Iterable
from urllib.parse import parse_qsl, quote, urlencode

from alerting.outside.book import RULE as OUTSIDE
from slo.rule import is_of_rule


def slo_url(slo_id: str) -> str:
    """The page of an SLO, from its `service/slo`."""
    service, _, name = slo_id.partition("/")
    return f"/slos/{quote(service, safe='')}/{quote(name, safe='')}"


def charts_url(slo_id: str, start: str, end: str) -> str:
    """The charts of an SLO from `start` to `end`, as an address says a time."""
    return with_query(slo_url(slo_id), **{"from": start, "to": end}) + "#charts"


def points_url(slo_id: str) -> str:
    """Where the charts fetch an SLO's counts."""
    return f"/api/v1{slo_url(slo_id)}/points"


def numbers_url(slo_id: str) -> str:
    """The page that opens an SLO's numbers until they are lists."""
    return f"{slo_url(slo_id)}/numbers"


def service_url(service: str) -> str:
    return f"/services/{quote(service, safe='')}"


def rule_anchor(name: str) -> str:
    """Where a threshold rule stands on its service's page."""
    return f"rule-{quote(name, safe='')}"


def rule_url(service: str, name: str) -> str:
    """A threshold rule, on the page of its service."""
    return f"{service_url(service)}#{rule_anchor(name)}"


def incident_url(incident_id: str) -> str:
    return f"/incidents/{quote(incident_id, safe='')}"


def alert_page_url(service: str, slo: str, rule: str, said: str = "") -> str:
    """Where what an alert is about stands: the page of its SLO, or its rule on its service's.

    Of one from outside, where its sender `said`; else the incidents of its service.
    """
    if rule.startswith(OUTSIDE):
        return safe_external(said) or with_query("/incidents", service=service)
    return rule_url(service, slo) if is_of_rule(rule) else slo_url(f"{service}/{slo}")


def why_url(of: str, at: str | None = None) -> str:
    """Why somebody was told of an alert, an incident or an SLO, or was not."""
    return with_query("/why", of=of, at=at)


def quoted(name: str) -> str:
    """A name as one part of an address."""
    return quote(name, safe="")


def with_query(path: str, **parts: str | int | None) -> str:
    """The path with those parts of the query that say something."""
    told = {key: value for key, value in parts.items() if value not in (None, "")}
    return f"{path}?{urlencode(told)}" if told else path


def with_pairs(path: str, pairs: Iterable[tuple[str, str]]) -> str:
    """The path with this query, in which a name may stand several times."""
    query = urlencode(list(pairs))
    return f"{path}?{query}" if query else path


def at_moment(url: str, at: str | None) -> str:
    """The same address at a moment in the past; of one that names its moment, and of others'
    sites, itself.
    """
    if at is None or not url.startswith("/"):
        return url
    place, mark, fragment = url.partition("#")
    path, _, query = place.partition("?")
    told = parse_qsl(query, keep_blank_values=True)
    if any(key == "at" for key, _ in told):
        return url
    return f"{path}?{urlencode([*told, ('at', at)])}{mark}{fragment}"


def safe_return(path: str | None) -> str:
    """A path of this site to go back to; anything that could lead elsewhere becomes `/`."""
    if not path or not path.startswith("/") or path.startswith("//") or "\\" in path:
        return "/"
    return path if path.isprintable() else "/"


def safe_external(url: str | None) -> str | None:
    """A runbook's address if a browser may follow it; None for `javascript:` and the like."""
    return url if url and url.startswith(("https://", "http://")) else None


def planned_url(kind: str, planned_id: str) -> str:
    """The page of an `exclusion` or a `silence`."""
    return f"/{kind}s/{quote(planned_id, safe='')}"


def exclusions_url(slo_id: str) -> str:
    """The exclusions for an SLO, and the form for another of it."""
    return with_query("/exclusions", slo=slo_id)


def excluding_url(slo_id: str, start: str, end: str) -> str:
    """The form for an exclusion, filled in for this stretch of an SLO."""
    return with_query("/exclusions", slo=slo_id, start=start, end=end) + "#exclude"


def silencing_url(matchers: str) -> str:
    """The form for another silence, filled in for these alerts."""
    return with_query("/silences", matchers=matchers, duration="1h") + "#silence"
