"""Nines as a service of its own: its promise to deliver, beside the promises of others."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from alerting.delivery_sli import (
    BAD,
    CANARY_AGE,
    CANARY_RULE,
    COLLECTOR,
    INTERVAL,
    SERVICE,
    SLO,
    TOTAL,
)
from nines.config.model import File, ServiceConfig
from nines.config.references import below
from nines.config.validation import Finding
from slo import definition
from slo.config import SLOConfig, build_slos
from slo.faults import faults
from slo.rule import Rule
from slo.rule_config import RuleConfig, RuleSurroundings, build_rule
from slo.surroundings import Surroundings
from slo.units import format_duration


@dataclass(frozen=True, slots=True)
class OwnService:
    """What is added to the configuration."""

    service: ServiceConfig
    slos: tuple[definition.SLO, ...]
    rules: tuple[Rule, ...]


def own_service(file: File, data: Mapping[str, Any]) -> tuple[OwnService | None, list[Finding]]:
    """Nines as a service, where it promises anything; and what does not fit."""
    own = file.alerting.own_slo
    if own is None:
        return None, []
    if SERVICE in below(data, "services"):
        said = (
            f"`{SERVICE}` is what Nines calls itself; call this service otherwise, or write "
            "`delivery_slo: off` under `alerting`"
        )
        return None, [Finding(("services", SERVICE), said, on_key=True)]
    sli = {"collector": COLLECTOR, "total": TOTAL, "bad": BAD, "by": ["receiver"]}
    slo = SLOConfig.model_validate(
        {
            "objective": f"{own.objective * 100:f}%",
            "window": format_duration(own.window),
            "sli": sli,
            # That nobody counts is told by the auditor within a minute.
            "no_data_after": "1d",
        }
    )
    around = Surroundings(
        service=SERVICE,
        interval=INTERVAL,
        window=file.defaults.window,
        bucket=file.server.bucket,
        notices=file.defaults.notices,
    )
    slos = build_slos(SLO, slo, around)
    found = [
        Finding(("alerting", "delivery_slo", *_place(fault.where)), fault.sentence)
        for one in slos
        for fault in faults(one, slo, around)
    ]
    service = ServiceConfig(title="Nines", slos={SLO: slo})
    return OwnService(service, slos, tuple(_rules(file))), found


def _place(where: tuple[Any, ...]) -> tuple[Any, ...]:
    return where[:1] if where[:1] in (("objective",), ("window",)) else ()


def _rules(file: File) -> Iterator[Rule]:
    canary = file.alerting.canary
    if canary is None:
        return
    missed = RuleConfig.model_validate(
        {
            "collector": COLLECTOR,
            "metric": CANARY_AGE,
            "above": format_duration(2 * canary.every),
            "by": ["receiver"],
            "for": format_duration(timedelta(minutes=15)),
            "severity": "ticket",
        }
    )
    yield build_rule(CANARY_RULE, missed, RuleSurroundings(SERVICE, INTERVAL))
