"""What the collectors ask of hosts that may be asked so often only."""

from collections import Counter
from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import ceil

from collectors.kinds import hosts
from collectors.rate_limit import requests_in
from nines.config.asking import RateLimitConfig
from nines.config.assembly import Config
from nines.config.validation import Finding
from slo.units import format_duration


def requests(config: Config) -> dict[str, Mapping[str, int]]:
    """The requests of one run, by collector and by the limits that they count for."""
    found: dict[str, Mapping[str, int]] = {}
    for service, one in config.services.items() if config.rate_limits else ():
        for name, settings in one.collectors.items():
            asked = hosts(settings)
            counted = {
                key: sum(map(limit.takes, asked)) for key, limit in config.rate_limits.items()
            }
            if any(counted.values()):
                found[f"{service}/{name}"] = {key: n for key, n in counted.items() if n}
    return found


def beyond_limits(config: Config) -> Iterator[Finding]:
    """Limits that the configured intervals do not keep to, and those that nothing counts for."""
    wanted: Counter[str] = Counter()
    largest: dict[str, int] = dict.fromkeys(config.rate_limits, 1)
    demand: dict[str, Fraction] = dict.fromkeys(config.rate_limits, Fraction(0))
    for id_, asks in requests(config).items():
        service, _, name = id_.partition("/")
        interval = config.services[service].collectors[name].interval
        for key, number in asks.items():
            wanted[key] += 1
            largest[key] = max(largest[key], number)
            if interval:
                demand[key] += requests_in(config.rate_limits[key].at_most.per, interval, number)
    for key, limit in config.rate_limits.items():
        if not wanted[key] and not config.discovery:
            yield Finding(("rate_limits", key), "no collector asks any of these hosts")
        elif largest[key] >= limit.at_most.requests > 1:
            said = f"one run makes {largest[key]:,} requests, which leaves no room for another"
            yield Finding(("rate_limits", key), said)
        elif demand[key] > (steady := limit.at_most.steady(largest[key])):
            yield Finding(("rate_limits", key), _said(limit, steady, wanted[key], demand[key]))


def _said(limit: RateLimitConfig, steady: int, collectors: int, demand: Fraction) -> str:
    most = limit.at_most
    who = "one collector makes" if collectors == 1 else f"{collectors} collectors make"
    longer = ceil(demand / steady * 100) / 100
    return (
        f"{who} {ceil(demand):,} requests in {format_duration(most.per)}, and {steady:,} of "
        f"the {most.requests:,} can be made (the rest is for what comes at once): runs beyond that "
        f"are unknown; make the intervals {longer:g} times as long"
    )
