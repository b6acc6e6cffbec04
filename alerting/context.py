"""What a decision rests on besides the incidents."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from alerting.alert import Facts
from alerting.dependency import NOTHING, Dependencies, Ended, Looks
from alerting.flapping import Recent
from alerting.inhibition import Inhibition, Source
from alerting.routes import Route
from alerting.service import Service
from alerting.suppressor import Suppressor


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision rests on besides the incidents. `new_id` gives ids that sort by age.

    `present` are the facts of the rules that fire, by rule, as they are at this moment.
    `suppressors` says of an alert's labels which silences hold it back now. `inhibitions` are the
    rules by which one alert holds back another, `elsewhere` what fires beside what is decided on.
    `recent`: when rules that may flap began to fire lately. `dependencies` are who depends on whom,
    `ended` what fired until lately, and `looks` what the probes of a dependency saw last.
    """

    now: datetime
    new_id: Callable[[], str]
    tree: Route
    services: Mapping[str, Service]
    external_url: str
    present: Mapping[str, Facts] = field(default_factory=dict)
    suppressors: Callable[[Mapping[str, str]], tuple[Suppressor, ...]] = lambda _: ()
    inhibitions: tuple[Inhibition, ...] = ()
    elsewhere: Sequence[Source] = ()
    recent: Recent = field(default_factory=dict)
    dependencies: Dependencies = NOTHING
    ended: Sequence[Ended] = ()
    looks: Callable[[str], Looks | None] = lambda _: None

    @property
    def looks_beyond(self) -> bool:
        """Whether what fires in one incident may hold back what fires in another."""
        return bool(self.inhibitions or self.dependencies)

    def service(self, name: str) -> Service:
        """The service as configured; its bare name when it no longer is."""
        return self.services.get(name) or Service(name, name)
