"""Whether the routes lead where their author meant: what matches nothing, and who is never told."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from alerting.alert import NO_DATA_SEVERITY, NOTICE_SEVERITY, AlertKind
from alerting.config import (
    AlertingConfig,
    EscalationConfig,
    RootRouteConfig,
    RouteConfig,
    RouteTerms,
)
from alerting.delivery_sli import CANARY_RULE
from alerting.delivery_sli import SERVICE as SELF
from alerting.delivery_sli import SLO as OWN_SLO
from alerting.routes import Route, Routed
from alerting.service import ALERT_NAMES, Service, rule_labels
from nines.config.assembly import Config
from nines.config.document import Path
from nines.config.references import below, unknown
from nines.config.validation import Finding
from nines.notices import BUDGET
from slo.evaluate import NO_DATA
from slo.rule import NO_DATA as RULE_NO_DATA
from slo.selector import Matcher
from slo.severity import Severity

_ROOT: Path = ("alerting", "route")
_OWN = {
    "alertname": "alertname",
    "severity": "severity",
    "kind": "kind",
    "service": "service",
    "slo": "SLO",
    "alert": "alert",
    "owner": "owner",
    "rule": "rule",
}  # what Nines sets: in sentences it is called so

_OUTSIDE = "; for the labels of alerts from outside, write `alertmanager_api: {}` under `alerting`"


def unmatchable(alerting: AlertingConfig, data: Mapping[str, Any]) -> Iterator[Finding]:
    """Matchers that no alert can meet: on a label that none has, or a value that does not occur.

    `data` is what the file was made from: a service that is faulty elsewhere is there all the same.
    """
    services = below(data, "services")
    # What a discovered service is called, and which labels it bears, is not known beforehand.
    if not services or data.get("discovery") or _from_outside(alerting):
        return
    known = {
        "alertname": sorted(ALERT_NAMES.values()),
        "severity": [str(severity) for severity in Severity],
        "kind": [str(kind) for kind in AlertKind if kind is not AlertKind.OUTSIDE],
        "service": list(services),
        "slo": sorted({name for service in services for name in below(services, service, "slos")}),
        "alert": sorted(
            {name for service in services for name in below(services, service, "alerts")}
        ),
        "owner": sorted({str(below(services, name).get("owner") or "") for name in services}),
    }
    ours = {"service": SELF, "slo": OWN_SLO, "alert": CANARY_RULE} if alerting.own_slo else {}
    labels = {label for name in services for label in below(services, name, "labels")} | {"rule"}
    for at, match in _matchers(alerting):
        # What Nines says about itself goes by routes, too.
        others = (one for one in match if ours.get(one.label) != one.value)
        said = (_fault(matcher, known, labels) for matcher in others)
        words = "; ".join(filter(None, said))
        if words:
            yield Finding((*at, "match"), words)


def _from_outside(alerting: AlertingConfig) -> bool:
    """Whether alerts are meant to come from outside, which may bear any labels."""
    written = "alertmanager_api" in alerting.model_fields_set
    return written and alerting.alertmanager_api.enabled


def _matchers(alerting: AlertingConfig) -> Iterator[tuple[Path, tuple[Matcher, ...]]]:
    """Where matchers stand, of routes and of silences."""
    for at, route in _walk(alerting.root.routes, _ROOT):
        yield at, route.match
    for position, silence in enumerate(alerting.silences):
        yield ("alerting", "silences", position), silence.match


def _walk(routes: tuple[RouteConfig, ...], at: Path) -> Iterator[tuple[Path, RouteConfig]]:
    for position, route in enumerate(routes):
        here = (*at, "routes", position)
        yield here, route
        yield from _walk(route.routes, here)


def _fault(matcher: Matcher, known: Mapping[str, list[str]], labels: set[str]) -> str | None:
    if matcher.label not in known:
        if matcher.label in labels:
            return None
        words = unknown("label", matcher.label, [*_OWN, *sorted(labels - _OWN.keys())])
        if not words.endswith("?"):
            words += _OUTSIDE
        return f"this matches no alert: {words}" if matcher.operator in ("=", "=~") else words
    values = known[matcher.label]
    if matcher.operator != "=" or matcher.value in values:
        return None
    named = [value for value in values if value]
    words = unknown(_OWN[matcher.label], matcher.value, named)
    return f"`{matcher}` matches no alert: {words}"


def own_stand_ins(alerting: AlertingConfig) -> Iterator[Finding]:
    """Receivers that a route names in `failover` and that could stand in for themselves alone."""
    yield from _own_stand_ins(alerting.root, _ROOT, (), ())


def _own_stand_ins(
    route: RootRouteConfig | RouteConfig,
    at: Path,
    above: tuple[str, ...],
    steps: tuple[EscalationConfig, ...],
) -> Iterator[Finding]:
    """`above`, `steps`: the receivers and the escalation of the route above."""
    receivers = above if route.receivers is None else route.receivers
    told = _told_by(route, above, steps)
    steps = steps if route.escalate is None else route.escalate
    for position, name in enumerate(route.failover or ()):
        if told == {name}:
            said = (
                f"`{name}` is the only receiver here and cannot stand in for itself; "
                "name another, or leave it out"
            )
            yield Finding((*at, "failover", position), said)
    for position, child in enumerate(route.routes):
        yield from _own_stand_ins(child, (*at, "routes", position), receivers, steps)


def _told_by(
    route: RootRouteConfig | RouteConfig,
    above: tuple[str, ...],
    steps: tuple[EscalationConfig, ...],
) -> set[str]:
    """Whom a route tells, and those below it that have their `failover` from it."""
    receivers = above if route.receivers is None else route.receivers
    steps = steps if route.escalate is None else route.escalate
    told = {*receivers, *(name for step in steps for name in step.receivers)}
    for child in route.routes:
        if child.failover is None:
            told |= _told_by(child, receivers, steps)
    return told


@dataclass(frozen=True, slots=True)
class _Rule:
    """One rule that may fire, and who would be told; `id` and `place` are its SLO's, or its own."""

    id: str
    place: Path
    severity: Severity
    routed: Routed
    reached: frozenset[str]  # those it is routed to, fails over to and escalates to


def unheard(config: Config) -> Iterator[Finding]:
    """Receivers that nothing reaches, and pages that reach nobody."""
    rules = list(_rules(config))
    root = config.alerting.root
    if rules and not root.receivers and not root.routes:
        yield Finding(_ROOT, "no receivers and no routes: alerts are shown, and nobody is told")
        return
    yield from _never_told(config, rules)
    lost = {
        rule.id: rule
        for rule in rules
        if rule.severity is Severity.PAGE and not rule.routed.receivers
    }
    pages = {rule.id for rule in rules if rule.severity is Severity.PAGE}
    if len(lost) > 1 and lost.keys() == pages:
        yield Finding(_ROOT, f"no page of any SLO reaches anybody: {_why(*lost.values())}")
        return
    for rule in lost.values():
        yield Finding(rule.place, f"no page of {rule.id} reaches anybody: {_why(rule)}")


def _never_told(config: Config, rules: list[_Rule]) -> Iterator[Finding]:
    own = config.alerting.own_slo
    about_us = set(own.receivers or ()) if own else set()
    told = about_us.union(*(rule.reached for rule in rules))
    root = config.alerting.root
    named = {*root.receivers, *_beside(root), *about_us}
    for _, route in _walk(root.routes, _ROOT):
        named |= {*(route.receivers or ()), *_beside(route)}
    for name in config.alerting.receivers:
        if name not in named:
            yield Finding(("alerting", "receivers", name), f"no route leads to `{name}`")
        elif rules and name not in told and not _from_outside(config.alerting):
            yield Finding(
                ("alerting", "receivers", name),
                f"no alert of this configuration reaches `{name}`: its routes take none",
            )


def _beside(route: RouteTerms) -> Iterator[str]:
    """Whom a route names beside its receivers."""
    yield from route.failover or ()
    for step in route.escalate or ():
        yield from step.receivers


def _why(*rules: _Rule) -> str:
    """The way of the first; of several, that is example enough."""
    first = rules[0]
    way = "; ".join(first.routed.path)
    example = f" (as of {first.id})" if len(rules) > 1 else ""
    return f"{way}, and no receivers stand there{example}"


def _rules(config: Config) -> Iterator[_Rule]:
    tree = config.alerting.route
    for slo in config.slos:
        if slo.service == SELF and config.alerting.own_slo:
            continue  # it stands in no file, and its failover names everybody
        place = ("services", slo.service, "slos", slo.name)
        kinds = {(tier.severity, AlertKind.BURN, tier.key) for tier in slo.tiers}
        kinds.add((NO_DATA_SEVERITY, AlertKind.NO_DATA, NO_DATA))
        if slo.notices:
            kinds.add((NOTICE_SEVERITY, AlertKind.BUDGET, BUDGET))
        for severity, kind, key in sorted(kinds):
            service = _service(config, slo.service)
            labels = rule_labels(service, slo.name, severity, kind, f"{slo.id}#{key}")
            yield _Rule(slo.id, place, severity, tree.explain(labels), _reached(tree, labels))
    for rule in config.rules:
        if rule.service == SELF and config.alerting.own_slo:
            continue
        place = ("services", rule.service, "alerts", rule.name)
        alerts = {
            (rule.severity, AlertKind.THRESHOLD, rule.id),
            (NO_DATA_SEVERITY, AlertKind.NO_DATA, f"{rule.id}{RULE_NO_DATA}"),
        }
        for severity, kind, key in sorted(alerts):
            service = _service(config, rule.service)
            labels = rule_labels(service, rule.name, severity, kind, key)
            id_, reached = f"{rule.service}/{rule.name}", _reached(tree, labels)
            yield _Rule(id_, place, severity, tree.explain(labels), reached)


def _reached(tree: Route, labels: Mapping[str, str]) -> frozenset[str]:
    hits = tree.hits(labels)
    escalated = (name for hit in hits for step in hit.escalate for name in step.receivers)
    named = (name for hit in hits for name in (*hit.receivers, *hit.failover))
    return frozenset((*named, *escalated))


def _service(config: Config, name: str) -> Service:
    written = config.services[name]
    return Service(name, name, owner=written.owner, labels=dict(written.labels))
