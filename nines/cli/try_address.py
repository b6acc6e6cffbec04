"""`nines try URL`: what the page /start does with an address, from the command line."""

import asyncio
import sys
from dataclasses import dataclass

import orjson
import typer

from collectors.observation import Observation, Outcome
from collectors.resolve import Resolver
from collectors.trying import look_once
from dashboards import format as write
from dashboards.try_facts import try_facts, words_of
from nines.cli.problems import FINE, NO, WRONG_USE, fail
from nines.clock import SystemClock
from web.steps.wanted import Address, WantedError, read_address


@dataclass(frozen=True, slots=True)
class Wanted:
    """As it was written."""

    url: str
    service: str
    objective: str
    window: str


def look(wanted: Wanted, *, as_json: bool) -> int:
    """Look once and propose: 0 as it should be, 1 not, 2 when the question makes no sense."""
    try:
        address = read_address(
            wanted.url,
            service=wanted.service,
            objective=wanted.objective,
            window=wanted.window,
        )
    except WantedError as error:
        return fail(f"{error.field}: {error}", WRONG_USE)
    # Whoever has this machine may look wherever it can.
    seen = asyncio.run(look_once(address.config, SystemClock(), Resolver()))
    if as_json:
        facts = try_facts(address.url, seen, address.proposal)
        sys.stdout.write(orjson.dumps(facts, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        _print(address, seen)
    return FINE if seen.outcome is Outcome.PASSED else NO


def _print(address: Address, seen: Observation) -> None:
    typer.echo(words_of(seen))
    for phase, took in seen.phases.items():
        typer.echo(f"  {phase}: {write.latency(took)}")
    if seen.certificate_expires is not None:
        typer.echo(f"  certificate until {write.full(seen.certificate_expires)}")
    typer.echo(f"\n{address.proposal.allows}:\n\n{address.proposal.yaml}", nl=False)
