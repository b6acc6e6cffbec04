"""What somebody asks to be proposed, read from a form or a request."""

import re
from collections.abc import Container
from dataclasses import dataclass
from datetime import timedelta

import httpx
from pydantic import ValidationError

from collectors.http import HttpConfig
from collectors.target import without_secrets
from dashboards.prometheus_templates import Candidate, promql_lines
from dashboards.proposal import ProposalFacts, http_lines, proposal_facts
from slo.fields import NAME_PATTERN
from slo.objective import Objective
from slo.proposal import FIRST, WINDOW, service_name
from slo.units import parse_duration, parse_percent

_PORTS = {"http": 80, "https": 443}
_LONGEST_WINDOW = timedelta(days=90)


class WantedError(ValueError):
    """What was written makes no sense; `field` says where, the message why."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True, slots=True)
class Promise:
    """How it is to be called, and what is promised."""

    service: str
    objective: Objective
    window: timedelta


@dataclass(frozen=True, slots=True)
class Address:
    """An address to look at, and what is proposed for it."""

    config: HttpConfig
    promise: Promise

    @property
    def url(self) -> str:
        return self.config.http

    @property
    def lines(self) -> str:
        """Of the configuration."""
        one = self.promise
        return http_lines(one.service, self.url, one.objective, one.window)

    @property
    def proposal(self) -> ProposalFacts:
        one = self.promise
        return proposal_facts(one.service, one.objective, one.window, self.lines)


@dataclass(frozen=True, slots=True)
class Counted:
    """What a Prometheus counts, and what is proposed for it."""

    url: str
    candidate: Candidate
    promise: Promise

    @property
    def lines(self) -> str:
        """Of the configuration."""
        one = self.promise
        return promql_lines(one.service, self.url, self.candidate, one.objective, one.window)

    @property
    def proposal(self) -> ProposalFacts:
        one = self.promise
        return proposal_facts(one.service, one.objective, one.window, self.lines)


Wanted = Address | Counted


def host_and_port(url: str) -> tuple[str, int]:
    """Where it leads."""
    parsed = httpx.URL(url)
    return parsed.host, parsed.port or _PORTS[parsed.scheme]


def holds_secrets(url: str) -> bool:
    """Whether something in it sounds like a secret, which is written otherwise."""
    return without_secrets(url) != url


def read_prometheus(url: str) -> str:
    """The address of a Prometheus as people paste it. Raises WantedError."""
    try:
        return _http(url).http
    except WantedError as error:
        raise WantedError("prometheus", str(error)) from None


def read_address(
    url: str,
    *,
    service: str = "",
    objective: str = "",
    window: str = "",
    taken: Container[str] = (),
) -> Address:
    """An address as people paste it, and what they change of the proposal. Raises WantedError."""
    config = _http(url)
    host = httpx.URL(config.http).host
    return Address(config, read_promise(host, service, objective, window, taken))


def read_promise(
    called: str, service: str, objective: str, window: str, taken: Container[str]
) -> Promise:
    """What is promised of what is `called` so. Raises WantedError."""
    name = service.strip() or service_name(called, taken)
    if not re.fullmatch(NAME_PATTERN, name) or len(name) > 100:
        raise WantedError(
            "service", f"{name[:100]!r} is not a name: small letters, digits, - and _, at most 100"
        )
    if name in taken:
        raise WantedError("service", f"there is a service {name} already; choose another name")
    try:
        share = Objective(parse_percent(objective)) if objective.strip() else FIRST
    except ValueError as error:
        raise WantedError("objective", str(error)) from None
    try:
        length = parse_duration(window) if window.strip() else WINDOW
    except ValueError as error:
        raise WantedError("window", str(error)) from None
    if not timedelta(days=1) <= length <= _LONGEST_WINDOW:
        raise WantedError("window", "a first window is between 1d and 90d")
    return Promise(name, share, length)


def _http(url: str) -> HttpConfig:
    text = url.strip()
    if not text:
        raise WantedError("url", "paste an address, such as https://shop.example/health")
    if "://" not in text:
        text = f"https://{text}"
    if not text.isprintable() or " " in text:
        raise WantedError("url", "an address holds no spaces")
    try:
        return HttpConfig.model_validate({"http": text})
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        said = "; ".join(str(one.get("ctx", {}).get("error", one["msg"])) for one in found)
        raise WantedError("url", said) from None
