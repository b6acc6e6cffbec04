"""`nines probe URL`: look once at an address, with the eyes of the http collector."""

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from collectors.http import HttpConfig, HttpProbe
from collectors.means import Means
from collectors.observation import Observation, Outcome
from collectors.resolve import Resolver
from nines.cli.problems import FINE, NO, WRONG_USE, fail
from nines.clock import SystemClock
from nines.config.document import read_yaml
from nines.config.sentences import sentence
from slo.units import parse_duration


@dataclass(frozen=True, slots=True)
class Looking:
    """What to look at, and what to expect of it, as written on the command line."""

    url: str
    statuses: tuple[str, ...] = ()
    json: tuple[str, ...] = ()
    body: tuple[str, ...] = ()
    latency: str | None = None
    timeout: str = "5s"
    method: str = "GET"
    insecure: bool = False


class _WrongUseError(Exception):
    """The command line asks for something that makes no sense; the message is a sentence."""


def probe(looking: Looking, *, as_json: bool) -> int:
    """Look once and print it: 0 as expected, 1 not, 2 when the question makes no sense."""
    try:
        config = _config(looking)
        seen = asyncio.run(_look(config))
    except (_WrongUseError, ValueError) as error:
        return fail(str(error), WRONG_USE)
    if as_json:
        typer.echo(json.dumps(_fields(seen), indent=2))
    else:
        _print(seen, config.http)
    return FINE if seen.outcome is Outcome.PASSED else NO


async def _look(config: HttpConfig) -> Observation:
    clock = SystemClock()
    timeout = config.timeout or parse_duration("5s")
    collector = HttpProbe("command/line", config, Means(timeout, timeout, Resolver()))
    try:
        return await collector.run(clock.now(), clock)
    finally:
        await collector.close()


def _config(looking: Looking) -> HttpConfig:
    expect: dict[str, object] = {}
    if looking.statuses:
        expect["status"] = [int(s) if s.isdigit() else s for s in looking.statuses]
    if looking.json:
        expect["json"] = dict(_expectation(text) for text in looking.json)
    if looking.body:
        expect["body"] = list(looking.body)
    if looking.latency is not None:
        expect["latency"] = looking.latency
    raw = {
        "http": looking.url,
        "method": looking.method.upper(),
        "timeout": looking.timeout,
        "expect": expect,
        "tls": {"insecure_skip_verify": looking.insecure},
    }
    try:
        return HttpConfig.model_validate(raw)
    except ValidationError as error:
        names = {
            "http": "URL", "status": "--expect-status", "json": "--expect-json",
            "body": "--expect-body", "latency": "--latency", "timeout": "--timeout",
            "method": "--method",
        }  # fmt: skip
        found = []
        for detail in error.errors(include_url=False):
            name = next((names[str(s)] for s in reversed(detail["loc"]) if s in names), "URL")
            found.append(f"{name}: {sentence(detail, name)}")
        raise _WrongUseError("; ".join(found)) from error


def _expectation(text: str) -> tuple[str, object]:
    """Split `$.database=true`; the value is read as YAML, so that true is no text."""
    # From the right: a filter in the path may hold `==`, a value seldom holds `=`.
    path, equals, value = text.rpartition("=")
    if not equals or not path:
        raise _WrongUseError(f"--expect-json: {text!r} is not of the form '$.path=value'")
    document, problems = read_yaml(value.encode(), "--expect-json")
    return path, value if problems else document.data


def _fields(seen: Observation) -> dict[str, object]:
    return {
        "outcome": str(seen.outcome),
        "cause": str(seen.cause) if seen.cause else None,
        "phase": str(seen.phase) if seen.phase else None,
        "detail": seen.detail,
        "warning": seen.warning,
        "duration_seconds": seen.duration.total_seconds(),
        "phases_seconds": {str(k): v.total_seconds() for k, v in seen.phases.items()},
        "http_status": seen.http_status,
        "http_version": seen.http_version,
        "redirects": seen.redirects,
        "body_bytes": seen.body_bytes,
        "tls_version": seen.tls_version,
        "certificate_expires": _iso(seen.certificate_expires),
        "leaf_expires": _iso(seen.leaf_expires),
        "verified_chain_expires": _iso(seen.verified_chain_expires),
        "first_to_expire": seen.first_to_expire,
        "address": seen.address,
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


_WORDS = {Outcome.PASSED: "as expected", Outcome.FAILED: "failed", Outcome.UNKNOWN: "unknown"}


def _print(seen: Observation, url: str) -> None:
    console = Console(highlight=False, soft_wrap=True)
    cause = f" ({seen.cause} in {seen.phase})" if seen.cause else ""
    console.print(f"{url}: {_WORDS[seen.outcome]}{cause}", markup=False)
    for line in (seen.detail, seen.warning):
        if line:
            console.print(line, markup=False)
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="right")
    for phase, took in seen.phases.items():
        table.add_row(str(phase), _milliseconds(took.total_seconds()))
    table.add_row("all", _milliseconds(seen.duration.total_seconds()))
    console.print(table)
    facts = [
        f"HTTP {seen.http_status} ({seen.http_version})" if seen.http_status else "",
        f"{seen.body_bytes} bytes" if seen.body_bytes is not None else "",
        f"{seen.redirects} redirects" if seen.redirects else "",
        f"from {seen.address}" if seen.address else "",
        seen.tls_version or "",
        _until("certificate", seen.leaf_expires),
        _until("chain as presented", _where_other(seen.certificate_expires, seen.leaf_expires)),
        _until("chain as verified", _where_other(seen.verified_chain_expires, seen.leaf_expires)),
    ]
    line = ", ".join(fact for fact in facts if fact)
    if line:
        console.print(line, markup=False)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def _until(what: str, moment: datetime | None) -> str:
    return f"{what} until {moment:%Y-%m-%d %H:%M} UTC" if moment is not None else ""


def _where_other(moment: datetime | None, than: datetime | None) -> datetime | None:
    return moment if moment != than else None
