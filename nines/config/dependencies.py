"""What services depend on: names that do not exist, circles, and all that each rests on."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from alerting.alert import sli_of
from alerting.dependency import Dependencies, Dependency
from nines.config.document import Path
from nines.config.model import File
from nines.config.references import below, unknown
from nines.config.validation import Finding
from slo.definition import SLO
from slo.rule import Rule


def dependency_faults(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Dependencies on nothing, on oneself, twice, or round in a circle.

    `data` is what the file was made from: what is faulty elsewhere is there all the same.
    """
    services = below(data, "services")
    for name in services:
        seen: set[str] = set()
        for at, written in _written(services, name):
            said = _wrong(name, written, services, discovered=bool(data.get("discovery")))
            if said is None and written in seen:
                said = f"`{written}` is there twice"
            if said is not None:
                yield Finding(at, said)
            seen.add(written)
    yield from _circles(services)


def _written(services: Mapping[str, Any], name: str) -> Iterator[tuple[Path, str]]:
    listed = below(services, name).get("depends_on")
    for position, one in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(one, str):
            yield ("services", name, "depends_on", position), one


def _wrong(name: str, written: str, services: Mapping[str, Any], *, discovered: bool) -> str | None:
    service, _, collector = written.partition("/")
    if service == name:
        return f"{name} cannot depend on itself: what it depends on speaks for it"
    if service not in services:
        # One that is discovered may come and go, and takes no other's configuration with it.
        return None if discovered else unknown("service", service, list(services))
    collectors = list(below(services, service, "collectors"))
    if collector and collector not in collectors:
        return unknown(f"collector of {service} called", collector, collectors)
    return None


def _circles(services: Mapping[str, Any]) -> Iterator[Finding]:
    """Each circle once, where it closes."""
    done: set[str] = set()

    def follow(name: str, above: tuple[str, ...]) -> Iterator[Finding]:
        if name in done:
            return
        for at, written in _written(services, name):
            parent = written.partition("/")[0]
            if parent == name:
                continue  # which was said
            if parent in (*above, name):
                way = (*above, name)[(*above, name).index(parent) :]
                said = " on ".join((*way, parent))
                words = f"these depend on each other in a circle: {said}; none could be told first"
                yield Finding(at, words)
            elif parent in services:
                yield from follow(parent, (*above, name))
        done.add(name)

    for name in services:
        yield from follow(name, ())


def dependencies_of(file: File, slos: Iterable[SLO], rules: Iterable[Rule]) -> Dependencies:
    """By service, all that it depends on, nearest first; names that do not exist are left out."""
    spoken: dict[str, set[str]] = {}  # by service or collector: what could tell that it fails
    for slo in slos:
        if not slo.shadow:
            for name in (slo.service, slo.collector_id):
                spoken.setdefault(name or "", set()).add(sli_of(slo.id))
    for rule in rules:
        if not rule.shadow:
            for name in (rule.service, rule.collector_id):
                spoken.setdefault(name, set()).add(rule.id)
    found: dict[str, tuple[Dependency, ...]] = {}
    for service in file.services:
        names = _all(service, file)
        if names:
            found[service] = tuple(_dependency(name, spoken) for name in names)
    return Dependencies(found, file.alerting.dependency_wait)


def _dependency(name: str, spoken: Mapping[str, set[str]]) -> Dependency:
    service, _, collector = name.partition("/")
    watches = frozenset(spoken.get(name, ())) if collector else None
    return Dependency(name, service, watches, speaks=bool(spoken.get(name)))


def _all(service: str, file: File) -> list[str]:
    """What it depends on, and what that does, breadth first; circles end."""
    names: dict[str, None] = {}
    waiting = [service]
    seen = {service}
    while waiting:
        config = file.services.get(waiting.pop(0))
        for name in () if config is None else config.depends_on:
            parent = name.partition("/")[0]
            if parent not in file.services or parent == service:
                continue
            names[name] = None
            if parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return list(names)
