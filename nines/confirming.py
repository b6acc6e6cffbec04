"""One look by other means after a first failure: evidence for people, and no event of any SLO."""

from collections.abc import Callable
from datetime import datetime, timedelta

from alerting.alert import Remark
from alerting.wording import moment, sentences
from collectors.detour import Detour, lookup_at
from collectors.kinds import build, is_asked, is_probe
from collectors.observation import Observation, Outcome
from collectors.resolve import Resolver
from collectors.schedule import Schedule
from collectors.settings import CollectorSettings
from collectors.target import HostPort
from nines.config import Config
from nines.findings import Finding, Findings
from slo.units import format_duration

_AT_ONCE = 20  # looks; in a storm the others have none, and the targets no second storm
_LOOKUPS_AT_ONCE = 4


class Confirming:
    """Asks for the looks. `tell` is given what each came to."""

    def __init__(
        self,
        config: Callable[[], Config],
        findings: Findings,
        tell: Callable[[Remark], None],
        now: Callable[[], datetime],
    ) -> None:
        self._config = config
        self._findings = findings
        self._tell = tell
        self._now = now
        self._first = Resolver()
        self._second: tuple[str, Resolver] | None = None
        self._under_way: set[str] = set()

    def look(self, schedule: Schedule, failed: Observation) -> None:
        """A run failed after one that did not: look once more, soon, if that is wanted."""
        config, id_ = self._config(), failed.collector_id
        options, settings = config.defaults.confirming, _settings(config, id_)
        if options is None or settings is None or not (is_probe(settings) and is_asked(settings)):
            return
        if id_ in self._under_way or len(self._under_way) >= _AT_ONCE:
            return
        server = str(options.resolver) if options.resolver else ""
        second = self._second_resolver(server, options.resolver)
        detour = Detour(self._first, second, server, failed)
        try:
            runnable = build(id_, settings, resolver=detour)
        except ValueError:
            return  # a TLS file that vanished: the runs themselves say so
        self._under_way.add(id_)

        def tell(seen: Observation) -> None:
            self._found(seen, detour.way(seen), options.after)

        def over() -> None:
            self._under_way.discard(id_)

        schedule.look_again(id_, options.after, tell, by=runnable, over=over)

    def _second_resolver(self, name: str, server: HostPort | None) -> Resolver | None:
        if server is None:
            return None
        if self._second is None or self._second[0] != name:
            self._second = (name, Resolver(lookup_at(server), _LOOKUPS_AT_ONCE))
        return self._second[1]

    def _found(self, seen: Observation, way: str, after: timedelta) -> None:
        text = (
            f"a look {format_duration(after)} after the first failure, {way}, {_came_to(seen)} "
            f"({moment(seen.started)})"
        )
        self._findings.add(seen.collector_id, Finding(self._now(), text))
        service, _, name = seen.collector_id.partition("/")
        self._tell(Remark(service, self._now(), sentences(f"Of {name}: {text}")))


def _came_to(seen: Observation) -> str:
    match seen.outcome:
        case Outcome.PASSED:
            return "passed"
        case Outcome.FAILED:
            return f"failed too: {seen.detail}"
        case Outcome.UNKNOWN:
            return f"could not be made: {seen.detail}"


def _settings(config: Config, collector_id: str) -> CollectorSettings | None:
    service, _, name = collector_id.partition("/")
    written = config.services.get(service)
    return None if written is None else written.collectors.get(name)
