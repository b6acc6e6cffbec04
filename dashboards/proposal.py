"""A proposal as facts and as the lines of a configuration, which are the same thing."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from dashboards import format as write
from slo.objective import Objective
from slo.proposal import CHOICES, allowance
from slo.units import format_duration, format_percent

SLO = "availability"
_COLLECTOR = "home"


@dataclass(frozen=True, slots=True)
class ProposalFacts:
    """A service with one SLO. `allows` says in words what it may cost; `yaml` is the whole of it,
    ready for a configuration's file.
    """

    service: str
    slo: str
    objective: str
    window: str
    allows: str
    allows_seconds: float
    yaml: str


@dataclass(frozen=True, slots=True)
class ChoiceRow:
    """What an objective allows, beside others."""

    value: str  # 99.5%
    objective: str  # 99.5 %
    allows: str  # 3 h 21 m
    chosen: bool


def http_lines(service: str, url: str, objective: Objective, window: timedelta) -> str:
    """The lines of a service that is probed by HTTP, not indented."""
    return (
        f"{service}:\n"
        "  collectors:\n"
        f"    {_COLLECTOR}: {{http: {quoted(url)}}}\n"
        "  slos:\n"
        f"    {SLO}: {{objective: {format_percent(objective.share)}, "
        f"window: {format_duration(window)}, sli: {{probe: {_COLLECTOR}}}}}\n"
    )


def quoted(text: str) -> str:
    """A text in quotes, whatever is in it; `$` begins no variable."""
    text = text.replace("$", "$$")
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False)


def proposal_facts(
    service: str, objective: Objective, window: timedelta, lines: str
) -> ProposalFacts:
    """The facts about these lines."""
    allowed = allowance(objective, window)
    return ProposalFacts(
        service=service,
        slo=SLO,
        objective=format_percent(objective.share),
        window=format_duration(window),
        allows=allows(objective, window),
        allows_seconds=allowed.total_seconds(),
        yaml=whole(lines),
    )


def allows(objective: Objective, window: timedelta) -> str:
    """What it allows, as a sentence's end."""
    return (
        f"{write.objective(objective)} over {write.length(window)} allows "
        f"{write.span(allowance(objective, window))} of full outage"
    )


def whole(lines: str) -> str:
    """The lines as they stand in a file."""
    indented = "".join(f"  {line}\n" if line else "\n" for line in lines.splitlines())
    return f"services:\n{indented}"


def choices(chosen: Objective, window: timedelta) -> Sequence[ChoiceRow]:
    """Objectives to choose from, the chosen one among them."""
    offered = sorted({*CHOICES, chosen}, key=lambda one: one.share)
    return tuple(
        ChoiceRow(
            format_percent(one.share),
            write.objective(one),
            write.span(allowance(one, window)),
            one == chosen,
        )
        for one in offered
    )
