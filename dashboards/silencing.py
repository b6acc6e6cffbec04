"""From SLOs that were chosen in the list to the forms that silence them, and nothing else."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dashboards import format as write
from dashboards import links
from slo.definition import SLO

_LONGEST = 480  # letters that the form's field holds


@dataclass(frozen=True, slots=True)
class Way:
    """A form, filled in, with what the silence would do."""

    words: str
    url: str


@dataclass(frozen=True, slots=True)
class SilencingView:
    """Where one silence does, its form; where it would take others too, one for each service."""

    title: str
    sentence: str
    ways: tuple[Way, ...]
    back: str


def silencing(chosen: Sequence[SLO], back: str = "/slos") -> SilencingView:
    """What silences these; variants of one SLO are silenced together."""
    by_service: dict[str, list[str]] = {}
    for slo in chosen:
        names = by_service.setdefault(slo.service, [])
        if slo.name not in names:
            names.append(slo.name)
    ways = list(_ways(by_service))
    number = sum(map(len, by_service.values()))
    return SilencingView(
        title=f"Silence {write.plural(number, 'SLO')}" if chosen else "No SLO is chosen",
        sentence=(
            "One silence for all of them would take others too, or be too long to read. These take "
            "them and nothing else; each shows first what it would mute."
            if chosen
            else "Check the boxes of those that nobody is to be told of, then silence them."
        ),
        ways=tuple(ways),
        back=back,
    )


def _ways(by_service: Mapping[str, list[str]]) -> Iterator[Way]:
    names = {tuple(sorted(own)) for own in by_service.values()}
    if len(names) == 1:  # services times names are exactly those that were chosen
        way = _way([*by_service], [*next(iter(by_service.values()))])
        if way:
            yield way
            return
    for service, own in by_service.items():
        rest = own
        while rest:
            take = next(n for n in range(len(rest), 0, -1) if n == 1 or _way([service], rest[:n]))
            yield _way([service], rest[:take]) or _worded([service], rest[:take])
            rest = rest[take:]


def _way(services: list[str], names: list[str]) -> Way | None:
    """The form for these; None where it would not hold them."""
    return None if len(_matchers(services, names)) > _LONGEST else _worded(services, names)


def _worded(services: list[str], names: list[str]) -> Way:
    matchers = _matchers(services, names)
    url = links.with_query("/silences", matchers=matchers, duration="1h", preview="yes")
    return Way(f"{', '.join(services)}: {', '.join(names)}", f"{url}#another")


def _matchers(services: list[str], names: list[str]) -> str:
    return f"{_matcher('service', services)}, {_matcher('slo', names)}"


def _matcher(label: str, values: list[str]) -> str:
    if len(values) == 1:
        return f"{label}={_quoted(values[0])}"
    return f"{label}=~{_quoted('|'.join(map(_literal, values)))}"


def _literal(text: str) -> str:
    """A regex that is this text, in RE2."""
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
