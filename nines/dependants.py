"""How what others depend on was seen last: asked before a page of theirs goes out by itself."""

from collections.abc import Callable, Set

from alerting.dependency import Looks
from collectors.kinds import is_probe
from collectors.observation import Outcome
from nines.config import Config
from nines.engine import Engine


def looks_of(config: Config, engine: Engine) -> Callable[[str], Looks | None]:
    """What probes saw last, by `service` or `service/collector`; None: there is no probe.

    Whose budget burns is known at once; the rest is read when asked, from any thread.
    """
    parents = {one.service for all_ in config.dependencies.of.values() for one in all_}
    burning = _burning(parents, engine)

    def looks(name: str) -> Looks | None:
        service, _, collector = name.partition("/")
        if (written := config.services.get(service)) is None:
            return None
        wanted = [
            f"{service}/{key}"
            for key, settings in written.collectors.items()
            if is_probe(settings) and collector in ("", key)
        ]
        targets = [engine.targets[id_] for id_ in wanted if id_ in engine.targets]
        if not targets:
            return None
        last = [target.last for target in targets]
        passed = [one.started for one in last if one and one.outcome is Outcome.PASSED]
        whole = len(passed) == len(targets)
        failing = [target.failing_since for target in targets if target.failing_since]
        return Looks(
            min(passed) if whole else None,
            burns=not collector and service in burning,
            failing_since=min(failing, default=None),
        )

    return looks


def _burning(services: Set[str], engine: Engine) -> set[str]:
    """Those of which a short window burns faster than its tier allows, if only just now."""
    found: set[str] = set()
    for entry in engine.entries.values() if services else ():
        if entry.slo.service not in services or (status := entry.status) is None:
            continue
        for reading in status.tiers:
            if reading.short.rate is not None and reading.short.rate > reading.tier.factor:
                found.add(entry.slo.service)
    return found
