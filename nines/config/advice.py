"""What is no mistake, but worth a thought before it is relied on at night."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from fractions import Fraction
from typing import Any

from collectors.heartbeat import JobConfig
from collectors.kinds import has_page, is_probe
from collectors.step import VARIABLE
from nines.config.assembly import Config
from nines.config.document import Path
from nines.config.expansion import Expanded
from nines.config.rate_limits import beyond_limits
from nines.config.routing import unheard
from nines.config.shape import Shape
from nines.config.validation import Finding
from slo.definition import SLO, ProbeSLI
from slo.units import format_duration, format_percent

_TOO_MUCH_OF_THE_BUDGET = Fraction(1, 10)  # for one failed run
_TELLING = re.compile(r"auth|cookie|key|passw|secret|session|token", re.IGNORECASE)
_SAYS_A_PASSWORD = re.compile(r"\b(?:pass|login|auth(?:enticate)?)[ \t]+\S+", re.IGNORECASE)
_MANY = {"headers", "login", "metadata", "steps"}
_LEAST_RUNS_OF_A_SHORT_WINDOW = 2


def advise(
    config: Config, data: Mapping[str, Any], shape: Shape, expanded: Expanded
) -> Iterator[Finding]:
    """One sentence for each thing that will not do what its author may expect."""
    if not config.services and not config.discovery:
        yield Finding((), "no services: nothing is watched")
    for slo in config.slos:
        job = _job_of(slo, config)
        yield from _coarse_probe(slo, job)
        yield from _sparse_job(slo, job, config) if job else _sparse_short_window(slo)
        yield from _lowered_tiers(slo)
    yield from beyond_limits(config)
    yield from _unwatched_targets(config)
    yield from _unread_scrapes(config)
    yield from _silent(config, data)
    yield from _plain_secrets(data, shape, expanded)


def _unwatched_targets(config: Config) -> Iterator[Finding]:
    """Targets that no service could be made of, and groups of which nobody is known yet."""
    for group, sources in config.discovery.items():
        left = [one for one in config.left if one.group == group]
        if left:
            more = f" (and {len(left) - 1} more)" if len(left) > 1 else ""
            said = f"the target {left[0].target} is not watched: {left[0].sentence}{more}"
            yield Finding(("discovery", group), said)
        elif group not in config.discovered.values() and not sources.is_asked:
            yield Finding(("discovery", group), "no target is there: nothing of it is watched")


def _at(slo: SLO, *more: str | int) -> Path:
    return ("services", slo.service, "slos", slo.name, *more)


def _job_of(slo: SLO, config: Config) -> JobConfig | None:
    """The job whose runs it counts."""
    if not isinstance(slo.sli, ProbeSLI):
        return None
    collector = config.services[slo.service].collectors.get(slo.sli.collector)
    return collector if isinstance(collector, JobConfig) else None


def _coarse_probe(slo: SLO, job: JobConfig | None) -> Iterator[Finding]:
    """A budget that a handful of failed runs spends."""
    if not isinstance(slo.sli, ProbeSLI):
        return
    pace = slo.interval if job is None else job.pace
    runs = Fraction(slo.window.length // timedelta(milliseconds=1)) / Fraction(
        pace // timedelta(milliseconds=1)
    )
    allowed = runs * slo.objective.budget_share
    # A job runs when it must: its budget is worth a word only where one bad run is all of it.
    if 1 / allowed < (_TOO_MUCH_OF_THE_BUDGET if job is None else 1):
        return
    spent = "all of" if allowed <= 1 else f"{format_percent(1 / allowed, 0)} of"
    if job is None:
        of_what = f"a probe every {format_duration(slo.interval)}"
        instead = "probe more often, or promise less"
    else:
        of_what = f"a job that runs {_times(runs)} in that time"
        instead = "promise less, or over a longer time"
    yield Finding(
        _at(slo, "objective"),
        f"{slo.objective.label}% over {slo.window.label} allows {float(allowed):.2g} failed runs "
        f"of {of_what}: one spends {spent} the budget; {instead}",
    )


def _times(number: Fraction) -> str:
    return "once or less" if round(number) <= 1 else f"some {round(number):,} times"


def _sparse_job(slo: SLO, job: JobConfig, config: Config) -> Iterator[Finding]:
    """A tier whose short window sees hardly a run, where one bad run may matter enough."""
    shortest = min((tier.short for tier in slo.tiers), default=None)
    watched = any(rule.collector_id == slo.collector_id for rule in config.rules)
    if shortest is None or watched or job.pace <= shortest:
        return
    yield Finding(
        _at(slo),
        f"its job runs less than once in the short window of {format_duration(shortest)}, so that "
        "this tier will seldom know enough to speak; to hear of each bad run, write an alert with "
        "`failures: 1 of 1`",
    )


def _sparse_short_window(slo: SLO) -> Iterator[Finding]:
    """A short window that sees no run at all holds its tier frozen."""
    shortest = min((tier.short for tier in slo.tiers), default=None)
    if shortest is not None and slo.interval * _LEAST_RUNS_OF_A_SHORT_WINDOW > shortest:
        yield Finding(
            _at(slo),
            f"{_pace(slo)} every {format_duration(slo.interval)}, less than twice in the "
            f"short window of {format_duration(shortest)}: that tier will seldom know enough to "
            "speak",
        )


def _pace(slo: SLO) -> str:
    return "its collector runs" if slo.collector_id is not None else "it has one slice"


def _lowered_tiers(slo: SLO) -> Iterator[Finding]:
    lowered = [tier for tier in slo.tiers if tier.note is not None and "lowered" in tier.note]
    if lowered:
        yield Finding(
            _at(slo, "objective"),
            f"{len(lowered)} of the default tiers could never fire at {slo.objective.label}% and "
            f"{'is' if len(lowered) == 1 else 'are'} {lowered[0].note}; write `tiers` to choose",
        )


def _unread_scrapes(config: Config) -> Iterator[Finding]:
    read = {slo.collector_id for slo in config.slos}
    read |= {rule.collector_id for rule in config.rules}
    for name, service in config.services.items():
        for key, collector in service.collectors.items():
            is_scrape = has_page(collector) and not is_probe(collector)
            if is_scrape and f"{name}/{key}" not in read:
                yield Finding(
                    ("services", name, "collectors", key),
                    f"nothing reads `{key}`: it is scraped for nothing",
                )


def _silent(config: Config, data: Mapping[str, Any]) -> Iterator[Finding]:
    """SLOs whose alerts reach nobody, unless that was written on purpose."""
    if (config.slos or config.rules) and not isinstance(data.get("alerting"), Mapping):
        yield Finding((), "no `alerting`: alerts are shown on the dashboard, and nobody is told")
        return
    yield from unheard(config)


def _plain_secrets(data: Mapping[str, Any], shape: Shape, expanded: Expanded) -> Iterator[Finding]:
    def look(value: object, path: Path) -> Iterator[Finding]:
        if isinstance(value, Mapping):
            for key, below in value.items():
                yield from look(below, (*path, key))
        elif isinstance(value, list):
            for at, item in enumerate(value):
                yield from look(item, (*path, at))
        elif isinstance(value, str) and _is_plain(value, path):
            yield Finding(
                path,
                f"the secret `{path[-1]}` stands in the file; better write ${{NAME}} or "
                "{file: path}",
            )

    def _is_plain(value: str, path: Path) -> bool:
        if path in expanded.outside or not shape.is_secret(path, data):
            return False
        if path == ("server", "database"):
            return "@" in value and ":" in value.split("@", maxsplit=1)[0].split("://")[-1]
        if "steps" in path and VARIABLE.search(value):
            return False  # captured on the way
        if "dialog" in path:
            return _SAYS_A_PASSWORD.search(value) is not None and not VARIABLE.search(value)
        # These are secrets one and all, so that none is printed; only some tell something.
        many = not _MANY.isdisjoint(path)
        return not many or _TELLING.search(str(path[-1])) is not None

    yield from look(data, ())
