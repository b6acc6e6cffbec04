"""SLIs that are made of others: what they refer to, in which order they can be built."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from collectors.kinds import KINDS, kinds_in
from collectors.settings import CollectorSettings
from nines.config.document import Path
from nines.config.model import File
from nines.config.references import below, unknown
from nines.config.validation import Finding
from slo.config import SLOConfig
from slo.definition import SLO
from slo.sli_config import full_name
from slo.surroundings import Surroundings

# What a run may take beyond its timeout until it is counted.
_GRACE = timedelta(seconds=1)
_KINDS = ("all", "weighted")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an SLO stands."""

    service: str
    name: str

    @property
    def id(self) -> str:
        return f"{self.service}/{self.name}"

    @property
    def path(self) -> Path:
        return ("services", self.service, "slos", self.name)


def in_order(file: File) -> tuple[list[tuple[Place, SLOConfig]], list[Finding]]:
    """The SLOs, each after those it is made of; those that go round in circles are said instead."""
    written = {
        place.id: (place, config)
        for service, one in file.services.items()
        for name, config in one.slos.items()
        for place in (Place(service, name),)
    }
    ordered: dict[str, tuple[Place, SLOConfig]] = {}
    found: list[Finding] = []
    circular: set[str] = set()

    def add(slo_id: str, above: tuple[str, ...]) -> None:
        if slo_id in ordered or slo_id in circular or slo_id not in written:
            return
        place, config = written[slo_id]
        for reference in config.sli.components:
            part = full_name(reference, place.service)
            if part in (*above, slo_id):
                way = (*above, slo_id)[(*above, slo_id).index(part) :]
                found.append(_circle(place, config, reference, way))
                circular.update(way)
            else:
                add(part, (*above, slo_id))
                if part in circular:
                    circular.add(slo_id)
        if slo_id not in circular:
            ordered[slo_id] = written[slo_id]

    for slo_id in written:
        add(slo_id, ())
    return list(ordered.values()), found


def _circle(place: Place, config: SLOConfig, reference: str, way: tuple[str, ...]) -> Finding:
    if len(way) == 1:
        words = f"{place.id} cannot be made of itself"
    else:
        words = f"these SLOs are made of each other in a circle: {' of '.join((*way, way[0]))}"
    return Finding((*place.path, "sli", *_at(config, reference)), words)


def _at(config: SLOConfig, reference: str) -> Path:
    if config.sli.all_ is not None:
        return ("all", config.sli.all_.index(reference))
    return ("weighted", reference)


def surroundings(
    place: Place,
    config: SLOConfig,
    file: File,
    collectors: Mapping[str, CollectorSettings],
    slos: Mapping[str, SLO],
) -> Surroundings:
    """What this SLO takes from the rest: `collectors` and the first SLO of each SLI, by id.

    What is not there was said already; in its place stands what no rule of the SLO minds.
    """
    components = {
        slo_id: slos[slo_id]
        for reference in config.sli.components
        if (slo_id := full_name(reference, place.service)) in slos
    }
    names = config.sli.quorum or (config.sli.collector_name,)
    feeding = [
        collectors[name]
        for name in (full_name(reference, place.service) for reference in names)
        if name in collectors
    ]
    intervals = [one.interval for one in feeding if one.interval]
    intervals += [one.interval for one in components.values() if one.interval]
    lags = [one.timeout for one in feeding if one.timeout]
    lags += [_lag(slo, collectors) for slo in components.values()]
    return Surroundings(
        service=place.service,
        interval=max(intervals, default=timedelta(seconds=1)),
        window=file.defaults.window,
        bucket=file.server.bucket,
        notices=file.defaults.notices,
        components=components,
        lag=max(lags, default=timedelta(0)) + _GRACE if config.sli.is_derived else timedelta(0),
    )


def _lag(slo: SLO, collectors: Mapping[str, CollectorSettings]) -> timedelta:
    """How long after its time it may be known what this SLO counted."""
    collector = collectors.get(slo.collector_id) if slo.collector_id is not None else None
    return slo.lag if collector is None else collector.timeout or timedelta(0)


def derived_references(data: Mapping[str, Any]) -> Iterator[Finding]:
    """SLIs that are made of what does not exist, is named twice, or cannot be counted so."""
    for name, service in below(data, "services").items():
        for key in below(service, "slos"):
            sli = below(service, "slos", key, "sli")
            at: Path = ("services", name, "slos", key, "sli")
            yield from _vantages(data, name, sli.get("quorum"), (*at, "quorum"))
            for kind in _KINDS:
                yield from _components(data, name, sli.get(kind), (*at, kind))


def _vantages(
    data: Mapping[str, Any], service: str, written: object, at: Path
) -> Iterator[Finding]:
    seen: set[str] = set()
    for position, reference in enumerate(written if isinstance(written, list) else ()):
        if not isinstance(reference, str):
            continue
        said = _not_there(data, service, reference, "collectors", "collector")
        owner, _, collector = full_name(reference, service).partition("/")
        for kind in kinds_in(below(data, "services", owner, "collectors", collector)):
            if not KINDS[kind].is_probe:
                said = (
                    f"`{reference}` is a {kind} collector, which counts no runs; a quorum is one "
                    "of probes"
                )
        if said is None and f"{owner}/{collector}" in seen:
            said = f"`{reference}` is a vantage already"
        seen.add(f"{owner}/{collector}")
        if said is not None:
            yield Finding((*at, position), said)


def _components(
    data: Mapping[str, Any], service: str, written: object, at: Path
) -> Iterator[Finding]:
    references = list(written) if isinstance(written, list | Mapping) else []
    seen: set[str] = set()
    for position, reference in enumerate(references):
        if not isinstance(reference, str):
            continue
        said = _not_there(data, service, reference, "slos", "SLO")
        if said is None and full_name(reference, service) in seen:
            said = f"`{reference}` is a component already"
        seen.add(full_name(reference, service))
        if said is not None:
            is_list = isinstance(written, list)
            yield Finding((*at, position if is_list else reference), said, on_key=not is_list)


def _not_there(
    data: Mapping[str, Any], service: str, reference: str, section: str, what: str
) -> str | None:
    """That there is no such collector or SLO; None when there is."""
    owner, _, name = full_name(reference, service).partition("/")
    services = below(data, "services")
    if owner not in services:
        return unknown("service", owner, list(services))
    known = below(services, owner, section)
    return None if name in known else unknown(what, name, list(known))
