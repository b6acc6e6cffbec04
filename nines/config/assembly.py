"""Put the sound pieces together: defaults filled in, references followed, SLOs built."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Any

from alerting.config import AlertingConfig
from alerting.delivery_sli import SERVICE
from alerting.dependency import NOTHING, Dependencies
from collectors.blackbox.allowed import Allowed, read_allowed
from collectors.blackbox.probe import Endpoint
from collectors.kinds import KINDS, kinds_in
from collectors.log import LogConfig
from collectors.settings import CollectorSettings, TlsOptions
from dashboards.status_page import StatusPage
from nines.config.access import AccessConfig
from nines.config.asking import RateLimitConfig
from nines.config.dependencies import dependencies_of, dependency_faults
from nines.config.deployments import DeploymentsConfig
from nines.config.derivation import derived_references, in_order, surroundings
from nines.config.discovery import Sources
from nines.config.document import Path
from nines.config.gate import GateConfig
from nines.config.generation import Generated, Left
from nines.config.model import Defaults, File, ServerConfig, ServiceConfig
from nines.config.own_service import own_service
from nines.config.page_metrics import unread_metrics
from nines.config.problem import Problem
from nines.config.references import below, unknown
from nines.config.reports import ReportsConfig
from nines.config.status_page import names_no_slo
from nines.config.templates import with_template
from nines.config.tls_files import with_tls_files
from nines.config.validation import Finding
from slo.config import SLOConfig, build_slos
from slo.definition import SLO
from slo.exclusion import CONFIGURATION, Plan, Scope
from slo.faults import faults, place_of_window, timing_fault
from slo.rule import Rule
from slo.rule_config import RuleConfig, RuleSurroundings, build_rule, rule_faults
from slo.units import format_duration


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration that makes sense. `advice` is no error, but worth a thought."""

    server: ServerConfig
    defaults: Defaults
    services: Mapping[str, ServiceConfig]  # collectors have their interval and timeout
    slos: tuple[SLO, ...]
    alerting: AlertingConfig
    rules: tuple[Rule, ...] = ()
    advice: tuple[Problem, ...] = ()
    exclusions: tuple[Plan, ...] = ()
    discovery: Mapping[str, Sources] = field(default_factory=dict)
    discovered: Mapping[str, str] = field(default_factory=dict)  # service to the group it is of
    dependencies: Dependencies = NOTHING
    rate_limits: Mapping[str, RateLimitConfig] = field(default_factory=dict)
    reports: ReportsConfig = field(default_factory=ReportsConfig)
    left: tuple[Left, ...] = ()  # targets that are not watched
    access: AccessConfig = field(default_factory=AccessConfig)
    tries: Allowed = field(default_factory=Allowed)  # what people may try from a page
    deployments: DeploymentsConfig = field(default_factory=DeploymentsConfig)
    gate: GateConfig = field(default_factory=GateConfig)
    status_page: StatusPage | None = None
    probe_endpoint: Endpoint | None = None  # what may be asked of /probe

    @property
    def slo_names(self) -> Mapping[str, Sequence[str]]:
        """By service, the names of its SLOs."""
        found: dict[str, list[str]] = {name: [] for name in self.services}
        for slo in self.slos:
            found.setdefault(slo.service, []).append(slo.key)
        return found

    def slo(self, slo_id: str) -> SLO | None:
        """The SLO with the id `service/slo`."""
        return next((slo for slo in self.slos if slo.id == slo_id), None)


def assemble(
    file: File, data: Mapping[str, Any], directory: FilePath, generated: Generated
) -> tuple[Config, list[Finding]]:
    """The configuration, and everything that does not fit together in it.

    `data` is what the file was made from: a reference to a piece that is there, but faulty, is no
    mistake of its own. Files named in collectors are looked for from `directory`.
    """
    services: dict[str, ServiceConfig] = {}
    by_id: dict[str, CollectorSettings] = {}
    rules: list[Rule] = []
    found = [*_references(data), *derived_references(data), *_names(data), *_routes(data)]
    found += dependency_faults(data)
    for name, service in file.services.items():
        at: Path = ("services", name)
        collectors: dict[str, CollectorSettings] = {}
        for key, collector in service.collectors.items():
            collectors[key], said = _resolved(collector, file.defaults, directory)
            found += [Finding((*at, "collectors", key, *path), words) for path, words in said]
            by_id[f"{name}/{key}"] = collectors[key]
        services[name] = service.model_copy(
            update={"title": service.title or name, "collectors": MappingProxyType(collectors)}
        )
        for key, written in service.alerts.items():
            rule, said = _rule(key, name, written, collectors.get(written.collector_name))
            rules.append(rule)
            found += [Finding((*at, "alerts", key, *path), words) for path, words in said]
    slos, said_of_slos = _slos(file, by_id)
    found += said_of_slos
    found += unread_metrics(slos, rules, by_id)
    alerting, said_of_receivers = _alerting(file.alerting, directory)
    found += said_of_receivers
    own, said_of_us = own_service(file, data)
    found += said_of_us
    if own is not None:
        services[SERVICE] = own.service
        slos, rules = (*slos, *own.slos), [*rules, *own.rules]
    whole = Config(
        server=file.server,
        defaults=file.defaults,
        services=MappingProxyType(services),
        slos=slos,
        rules=tuple(rules),
        alerting=alerting,
        exclusions=tuple(_exclusions(file)),
        discovery=MappingProxyType(dict(file.discovery)),
        discovered={name: origin.group for name, origin in generated.origins.items()},
        rate_limits=MappingProxyType(dict(file.rate_limits)),
        gate=file.gate,
        deployments=file.deployments,
        dependencies=dependencies_of(file, slos, rules),
        left=generated.left,
        access=file.web.access,
        tries=replace(read_allowed(file.web.tries.allow), key="web.tries.allow"),
        reports=file.reports,
        status_page=None
        if file.status_page is None
        else file.status_page.page([slo.id for slo in slos]),
    )
    found += _shown_of_nothing(file, data, slos)
    found += _labels_of_nobody(file)
    found += _deployed_by_nobody(file)
    found += _mailed_to_nobody(file, data)
    return whole, found


def with_advice(config: Config, advice: list[Problem]) -> Config:
    """The same configuration with what is worth a thought."""
    return replace(config, advice=tuple(sorted(set(advice))))


def _exclusions(file: File) -> Iterator[Plan]:
    for everywhere in file.maintenance:
        yield everywhere.plan(everywhere.scope, CONFIGURATION)
    for name, service in file.services.items():
        for of_service in service.maintenance:
            yield of_service.plan(Scope(name), CONFIGURATION)
        for slo, config in service.slos.items():
            for of_slo in config.exclude:
                yield of_slo.plan(Scope(name, slo), CONFIGURATION)


def _labels_of_nobody(file: File) -> Iterator[Finding]:
    """Maintenance for labels that no service bears, nor may bear one day."""
    if file.discovery:
        return
    for position, one in enumerate(file.maintenance):
        wanted = one.labels.items()
        if not any(wanted <= service.labels.items() for service in file.services.values()):
            said = ", ".join(f"{key}={value}" for key, value in sorted(wanted))
            yield Finding(("maintenance", position, "labels"), f"no service has the labels {said}")


def _shown_of_nothing(
    file: File, data: Mapping[str, Any], slos: Sequence[SLO]
) -> Iterator[Finding]:
    """Components of the status page that name SLOs which are not there, nor may be one day."""
    if file.status_page is None:
        return
    written = below(data, "services")
    for at, reference in file.status_page.references():
        service, _, name = reference.partition("/")
        if file.discovery and service not in written:
            continue
        if name in below(written, service, "slos"):  # there, but faulty, which was said
            continue
        words = names_no_slo(reference, [slo.id for slo in slos])
        if words is not None:
            yield Finding(at, words)


def _deployed_by_nobody(file: File) -> Iterator[Finding]:
    """Repositories of services that are not there, nor may be there one day."""
    if file.discovery:
        return
    known = list(file.services)
    for repository, services in file.deployments.repositories.items():
        for position, name in enumerate(services):
            if name not in known:
                at = ("deployments", "repositories", repository, position)
                yield Finding(at, unknown("service", name, known))


def _mailed_to_nobody(file: File, data: Mapping[str, Any]) -> Iterator[Finding]:
    """Reports by receivers that are not there or are no mail, or of owners that own nothing."""
    receivers = below(data, "alerting", "receivers")
    mails = [name for name, one in receivers.items() if isinstance(one, Mapping) and "email" in one]
    owners = {one.owner for one in file.services.values() if one.owner}
    for name, mail in file.reports.mail.items():
        at: Path = ("reports", "mail", name)
        if mail.receiver not in receivers:
            yield Finding((*at, "receiver"), unknown("receiver", mail.receiver, mails))
        elif mail.receiver not in mails:
            words = f"`{mail.receiver}` is no email receiver: reports go by mail"
            yield Finding((*at, "receiver"), words)
        if mail.owner is not None and mail.owner not in owners and not file.discovery:
            yield Finding((*at, "owner"), unknown("owner", mail.owner, sorted(owners)))


_Said = list[tuple[Path, str]]  # paths inside the piece that is spoken of


def _slos(
    file: File, collectors: Mapping[str, CollectorSettings]
) -> tuple[tuple[SLO, ...], list[Finding]]:
    """Every SLO in the file's order, and what does not fit; `collectors` by id."""
    ordered, found = in_order(file)
    first: dict[str, SLO] = {}
    built: dict[str, tuple[SLO, ...]] = {}
    for place, config in ordered:
        around = surroundings(place, config, file, collectors, first)
        built[place.id] = build_slos(place.name, config, around)
        first[place.id] = built[place.id][0]
        said = dict.fromkeys(
            one
            for slo in built[place.id]
            for one in (
                *((fault.where, fault.sentence) for fault in faults(slo, config, around)),
                *_beyond_retention(slo, config, file),
            )
        )
        found += [Finding((*place.path, *path), words) for path, words in said]
    in_file = (f"{name}/{key}" for name, service in file.services.items() for key in service.slos)
    return tuple(slo for slo_id in in_file for slo in built.get(slo_id, ())), found


def _rule(
    name: str, service: str, config: RuleConfig, feeding: CollectorSettings | None
) -> tuple[Rule, _Said]:
    if feeding is None or feeding.interval is None:  # no sound collector, which was said
        return build_rule(name, config, RuleSurroundings(service, timedelta(seconds=1))), []
    rule = build_rule(name, config, RuleSurroundings(service, feeding.interval))
    return rule, [(fault.where, fault.sentence) for fault in rule_faults(rule, config)]


def _beyond_retention(slo: SLO, config: SLOConfig, file: File) -> _Said:
    """Windows and slices that reach further back than counts are kept."""
    said: _Said = []
    kept = file.server.retention.sums
    if slo.window.reach > kept:
        words = (
            f"the window of {slo.window.label} is longer than counts are kept: "
            f"server.retention.sums is {format_duration(kept)}"
        )
        said.append((place_of_window(slo, config), words))
    detail = file.server.retention.detail
    slicing = slo.slicing
    if slicing is not None and slicing.is_fine and slo.window.reach > detail:
        words = (
            f"slices of {slicing.label} cannot be told over {slo.window.label}: counts finer than "
            f"5m are kept for {format_duration(detail)} (server.retention.detail)"
        )
        said.append((("slice",), words))
    return said


def _resolved(
    written: CollectorSettings, defaults: Defaults, directory: FilePath
) -> tuple[CollectorSettings, _Said]:
    """The collector with its defaults filled in and its files found."""
    interval = written.interval or defaults.interval
    timeout = written.timeout or defaults.timeout
    filled = written.model_copy(update={"interval": interval, "timeout": timeout})
    said: _Said = []
    fault = timing_fault(interval, timeout)
    if fault is not None:
        blamed = [key for key in ("timeout", "interval") if getattr(written, key) is not None]
        if fault.startswith("an interval"):
            blamed.reverse()
        said.append((tuple(blamed[:1]), fault))
    said += filled.within(timeout)
    if isinstance(filled, LogConfig):
        filled = filled.model_copy(update={"log": directory / filled.log})
    options = getattr(filled, "tls", None)
    if isinstance(options, TlsOptions):
        tls, at_fault = with_tls_files(options, directory)
        said += [(("tls", key), words) for key, words in at_fault]
        return filled.model_copy(update={"tls": tls}), said
    filled, at_fault = with_tls_files(filled, directory)
    return filled, said + [((key,), words) for key, words in at_fault]


def _alerting(written: AlertingConfig, directory: FilePath) -> tuple[AlertingConfig, list[Finding]]:
    """The receivers with their files found."""
    found: list[Finding] = []
    receivers = {}
    for name, receiver in written.receivers.items():
        settings, at_fault = with_tls_files(receiver.config, directory)
        settings, of_words = with_template(settings, directory)
        at_fault += of_words
        receivers[name] = receiver.model_copy(update={receiver.kind: settings})
        at = ("alerting", "receivers", name, receiver.kind)
        found += [Finding((*at, key), words) for key, words in at_fault]
    heartbeat = written.heartbeat
    if heartbeat is not None:
        heartbeat, at_fault = with_tls_files(heartbeat, directory)
        found += [Finding(("alerting", "heartbeat", key), words) for key, words in at_fault]
    changed = {"receivers": MappingProxyType(receivers), "heartbeat": heartbeat}
    return written.model_copy(update=changed), found


def _references(data: Mapping[str, Any]) -> Iterator[Finding]:
    """What is named as a collector and is none, or is of a kind that cannot feed it."""
    for name, service in below(data, "services").items():
        collectors = below(service, "collectors")
        places = [
            *(("slos", key, "sli") for key in below(service, "slos")),
            *(("alerts", key) for key in below(service, "alerts")),
        ]
        for place in places:
            for kind in ("probe", "collector"):
                reference = below(service, *place).get(kind)
                if not isinstance(reference, str):
                    continue
                said = (
                    _wrong_kind(kind, reference, collectors[reference], place[0])
                    if reference in collectors
                    else unknown("collector", reference, list(collectors))
                )
                if said is not None:
                    yield Finding(("services", name, *place, kind), said)


def _wrong_kind(kind: str, name: str, collector: object, section: str) -> str | None:
    kinds = list(kinds_in(collector)) if isinstance(collector, Mapping) else []
    if len(kinds) != 1:
        return None
    looked_at = KINDS[kinds[0]]
    if kind == "probe" and not looked_at.is_probe:
        said = f"`{name}` is a {kinds[0]} collector, which counts no runs; "
        if section == "alerts":
            return said + "for what is on its page write `collector`"
        return said + "for its counters write `collector`, `total` and one of `bad` and `good`"
    if kind == "collector" and not looked_at.has_page:
        instead = f"probe: {name}, down_for: 1m" if section == "alerts" else None
        return (
            f"`{name}` is a probe and has no counters; write `"
            + (instead or f"sli: {{probe: {name}}}")
            + "`"
        )
    return None


def _names(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Alerts that are called like an SLO of their service, and would be taken for it."""
    for name, service in below(data, "services").items():
        for key in below(service, "alerts"):
            if key in below(service, "slos"):
                yield Finding(
                    ("services", name, "alerts", key),
                    f"an SLO of this service is called `{key}` too; call this alert otherwise",
                    on_key=True,
                )


_NAMED_BY_ROUTES = {
    "receivers": ("receivers", "receiver"),
    "failover": ("receivers", "receiver"),
    "active_time_intervals": ("time_intervals", "time interval"),
    "mute_time_intervals": ("time_intervals", "time interval"),
}


def _routes(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Routes that name receivers or time intervals that do not exist, or one of them twice."""
    alerting = below(data, "alerting")

    def look(route: object, at: Path) -> Iterator[Finding]:
        if not isinstance(route, Mapping):
            return
        yield from _named(alerting, route, at)
        for position, step in _listed(route.get("escalate")):
            if isinstance(step, Mapping):
                yield from _named(alerting, step, (*at, "escalate", position))
        for position, child in _listed(route.get("routes")):
            yield from look(child, (*at, "routes", position))

    yield from look(alerting.get("route"), ("alerting", "route"))
    for key in ("canary", "delivery_slo"):
        yield from _named(alerting, below(alerting, key), ("alerting", key))


def _named(alerting: Mapping[str, Any], holder: Mapping[str, Any], at: Path) -> Iterator[Finding]:
    """What one place names that does not exist, or twice."""
    for key, (section, what) in _NAMED_BY_ROUTES.items():
        known = list(below(alerting, section))
        named: set[str] = set()
        for position, name in _listed(holder.get(key)):
            if not isinstance(name, str):
                continue
            if name not in known:
                yield Finding((*at, key, position), unknown(what, name, known))
            elif name in named:
                yield Finding((*at, key, position), f"`{name}` is there twice")
            named.add(name)


def _listed(value: object) -> Iterator[tuple[int, object]]:
    yield from enumerate(value if isinstance(value, list) else ())
