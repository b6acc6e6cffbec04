"""`/probe?target=&module=`: what blackbox_exporter answers, for a Prometheus that asks for it."""

import math
from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from collectors.blackbox.findings import HELP, Findings
from collectors.blackbox.probe import Probed, Prober, RefusedError, Wanted, Why
from web.access.guard import GuardedRoute
from web.exposition import gauge
from web.problem import ProblemError

_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_HEADER = "x-prometheus-scrape-timeout-seconds"
_STATUS: Mapping[Why, int] = {
    Why.NO_TARGET: 400,
    Why.NO_MODULE: 400,
    Why.NOT_READABLE: 400,
    Why.NOT_ALLOWED: 403,
    Why.NOT_SUPPORTED: 501,
    Why.BUSY: 503,
    Why.OURS: 503,
}


def probe_router(prober: Prober | None) -> APIRouter:
    """`/probe`."""
    router = APIRouter(include_in_schema=False, route_class=GuardedRoute)

    async def probe(request: Request) -> Response:
        if prober is None or not prober.is_open:
            raise ProblemError(
                404, "Nothing is probed here: the configuration has no probe_endpoint."
            )
        wanted = _wanted(request)
        try:
            probed = await prober.probe(wanted)
        except RefusedError as error:
            # A scrape that fails is no verdict: `up` is 0, and there is no probe_success.
            raise ProblemError(_STATUS[error.why], _said(error)) from error
        if request.query_params.get("debug") == "true":
            return PlainTextResponse(_told(probed))
        return Response(page(probed.findings), media_type=_TEXT)

    router.add_api_route("/probe", probe, methods=["GET"])
    return router


def page(findings: Findings) -> bytes:
    """The samples in the text format, by name."""
    parts: list[bytes] = []
    for name, samples in sorted(findings.samples.items()):
        family = gauge(name, HELP[name])
        parts += (family.head(as_openmetrics=False), family.lines(sorted(samples.items())))
    return b"".join(parts)


def _wanted(request: Request) -> Wanted:
    def first(name: str) -> str:
        return next(iter(request.query_params.getlist(name)), "")

    return Wanted(
        target=first("target"),
        module=first("module") or "http_2xx",
        hostname=first("hostname") or None,
        scrape_timeout=_seconds(request.headers.get(_HEADER)),
    )


def _seconds(written: str | None) -> float | None:
    if not written:
        return None
    try:
        seconds = float(written)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds) or seconds < 0:
        raise ProblemError(400, f"{_HEADER}: {written[:40]!r} is no number of seconds.")
    return seconds


def _said(error: RefusedError) -> str:
    said = str(error)
    prefix = {
        Why.NOT_ALLOWED: "This target is not probed: ",
        Why.OURS: "No verdict, through no fault of the target's: ",
    }.get(error.why, "")
    return f"{prefix}{said}." if prefix else said


def _told(probed: Probed) -> str:
    """What debug=true shows; secrets of the module are hidden."""
    lines = "\n".join(probed.findings.lines)
    module = probed.module.model_dump_json(indent=2, exclude_unset=True)
    return (
        f"Logs for the probe:\n{lines}\n\n\n\n"
        f"Metrics that would have been returned:\n{page(probed.findings).decode()}\n\n\n"
        f"Module configuration:\n{module}\n"
    )
