"""What a configuration says is there: its collectors, and the services and collectors shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collectors.kinds import build
from collectors.runnable import Runnable
from dashboards.source import ServiceCard
from nines.config import Config
from nines.live import CollectorCard
from slo.definition import sources


@dataclass(frozen=True, slots=True)
class Roster:
    """`collectors` by id, ready to run; cards in the order of the configuration."""

    collectors: Mapping[str, Runnable]
    services: Sequence[ServiceCard]
    cards: Sequence[CollectorCard]

    @classmethod
    def of(cls, config: Config, own: Runnable | None = None) -> "Roster":
        """`own` is the collector that looks at ourselves, where anything is promised of us.

        Raises ValueError where a TLS file is not there any more.
        """
        wanted = _wanted(config)
        collectors: dict[str, Runnable] = {}
        cards, services = [], []
        for name, service in config.services.items():
            for collector_name, collector_config in service.collectors.items():
                collector = build(
                    f"{name}/{collector_name}",
                    collector_config,
                    wanted.get(f"{name}/{collector_name}", ()),
                )
                collectors[collector.id] = collector
                cards.append(_card(collector))
            looks = [f"{name}/{key}" for key in service.collectors]
            if own is not None and own.id.startswith(f"{name}/"):
                collectors[own.id] = own
                cards.append(_card(own))
                looks.append(own.id)
            services.append(
                ServiceCard(
                    name=name,
                    title=service.title or name,
                    owner=service.owner,
                    runbook=service.runbook,
                    labels=dict(service.labels),
                    slo_ids=tuple(slo.id for slo in config.slos if slo.service == name),
                    collectors=tuple(looks),
                )
            )
        return cls(collectors, services, cards)


def _card(collector: Runnable) -> CollectorCard:
    return CollectorCard(collector.id, collector.kind, collector.target, collector.interval)


def _wanted(config: Config) -> dict[str, set[str]]:
    """The names of the metrics that each collector's page is read for."""
    wanted: dict[str, set[str]] = {}
    for slo in config.slos:
        if slo.collector_id is None:
            continue
        names = wanted.setdefault(slo.collector_id, set())
        names.update(selector.metric for selector in sources(slo.sli))
    for rule in config.rules:
        names = wanted.setdefault(rule.collector_id, set())
        names.update(selector.metric for selector in rule.sources())
    return wanted
