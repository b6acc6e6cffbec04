"""Probe a journey: steps over HTTP one after another, with what each captures for the next."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from http.cookiejar import CookieJar
from urllib.parse import urlencode, urlsplit

import orjson

from collectors.captured import Captured
from collectors.http import HttpConfig, Visit, judged, named
from collectors.look import Look
from collectors.means import Means
from collectors.observation import Cause, Observation, Outcome, Phase
from collectors.request import RedirectError, request_headers, secrets, trust
from collectors.runnable import Clock
from collectors.settings import BasicAuth
from collectors.step import VARIABLE, Step, StepsConfig
from collectors.target import parse_http_url, without_secrets
from collectors.transport import FreshTransport
from slo.exposition import Page, Sample, Series
from slo.units import format_duration

_DETAIL_CHARACTERS = 500


class Steps:
    """One journey; nothing of a run is left for the next."""

    kind = "steps"

    def __init__(self, collector_id: str, config: StepsConfig, means: Means) -> None:
        """Raises ValueError in words when a TLS file cannot be read."""
        self.id = collector_id
        self.target = f"{without_secrets(config.steps[0].url)} ({len(config.steps)} steps)"
        self.interval = means.interval
        self.timeout = means.timeout
        self._config = config
        self._resolver = means.resolver
        self._trust = trust(config.tls)
        self._known = {_where(step.url) for step in config.steps if _is_written(step.url)}

    async def run(self, due: datetime, clock: Clock) -> Observation:
        """Look once. Whatever goes wrong is an observation; only cancellation passes through."""
        began = clock.now()
        give_up_at = asyncio.get_running_loop().time() + self.timeout.total_seconds()
        captured, jar, seen = Captured(), CookieJar(), list[Observation]()
        for number, step in enumerate(self._config.steps, 1):
            one = await self._step(step, Look.begin(self.id, due, clock), captured, jar, give_up_at)
            seen.append(one)
            if one.outcome is not Outcome.PASSED:
                at = f"step {number} of {len(self._config.steps)}, {step.name!r}: "
                return self._whole(began, seen, captured.shown(at + one.detail))
        took = sum((one.duration for one in seen), timedelta(0))
        late = self._config.latency
        if late is not None and took > late:
            slowest = max(range(len(seen)), key=lambda at: seen[at].duration)
            seen[-1] = replace(
                seen[-1], outcome=Outcome.FAILED, cause=Cause.LATENCY, phase=Phase.JUDGE
            )
            return self._whole(
                began,
                seen,
                f"all steps took {_milliseconds(took)}; expected at most {format_duration(late)}; "
                f"the slowest was {self._config.steps[slowest].name!r} with "
                f"{_milliseconds(seen[slowest].duration)}",
            )
        whole = self._whole(began, seen, "")
        return replace(whole, page=self._page(seen))

    async def close(self) -> None:
        """Nothing outlives a run."""

    async def _step(
        self, step: Step, look: Look, captured: Captured, jar: CookieJar, give_up_at: float
    ) -> Observation:
        try:
            asked = self._asked(step, captured)
        except ValueError as error:  # what the target sent leads nowhere
            return look.failed(Cause.ASSERTION, str(error))
        captured.hide((*secrets(asked), *_sent(step, captured)))
        visit = Visit(asked, self._headers(asked, step), look, jar)
        try:
            async with asyncio.timeout_at(give_up_at):
                transport = FreshTransport(
                    resolver=self._resolver,
                    watch=look.watch,
                    context=self._trust.context(),
                    give_up_at=give_up_at,
                    named=named(asked),
                )
                answer = await visit.fetch(transport)
            captured.hide(cookie.value for cookie in jar if cookie.value)
            # Before it is judged: what an answer's words would show must be known as a secret.
            missing = [
                why
                for name, capture in step.capture.items()
                if (why := captured.keep(name, capture, answer, jar)) is not None
            ]
            seen = await judged(answer, look, step.expect, tuple(captured.hidden))
            is_short = seen.outcome is Outcome.PASSED and missing
            return look.failed(Cause.ASSERTION, "; ".join(missing)) if is_short else seen
        except RedirectError as error:
            look.watch.stop()
            return look.failed(Cause.PROTOCOL, str(error), look.watch.phase)
        except Exception as error:  # noqa: BLE001 - every failure is somebody's, and is said
            return look.broke(error, visit.where)

    def _asked(self, step: Step, captured: Captured) -> HttpConfig:
        """The request with its variables filled in. Raises ValueError: it cannot be asked."""
        url = captured.fill_url(step.url)
        try:
            parse_http_url(url)
        except ValueError:
            raise ValueError("the address that was captured is none that can be asked") from None
        if _where(url) not in self._known and _sends_ours(step):
            raise ValueError(
                "the address that was captured leads to another host than those that are written "
                "out: nothing of what is configured is sent there"
            )
        auth, token = step.basic_auth, step.bearer_token
        body = _body(step, captured)
        headers = {name: captured.fill_header(value) for name, value in step.headers.items()}
        # Not validated anew: each part was, and captured values hold no line break.
        return HttpConfig.model_construct(
            http=url,
            method=step.method or ("GET" if body is None else "POST"),
            headers=headers,
            basic_auth=BasicAuth(
                username=auth.username, password=captured.fill_secret(auth.password)
            )
            if auth is not None
            else None,
            bearer_token=captured.fill_header(token) if token is not None else None,
            tls=self._config.tls,
            follow_redirects=step.follow_redirects,
            body=body,
            body_limit=self._config.body_limit,
            expect=step.expect,
        )

    def _headers(self, asked: HttpConfig, step: Step) -> dict[str, str]:
        headers = request_headers(asked)
        kind = "application/json" if step.json_ is not None else None
        kind = "application/x-www-form-urlencoded" if step.form is not None else kind
        return headers if kind is None else {"content-type": kind} | headers

    def _page(self, seen: list[Observation]) -> Page:
        samples = {
            Series("step_seconds", (("step", step.name),)): Sample(one.duration.total_seconds())
            for step, one in zip(self._config.steps, seen, strict=True)
        }
        total = sum((one.duration for one in seen), timedelta(0))
        samples[Series("journey_seconds", ())] = Sample(total.total_seconds())
        return Page(samples)

    def _whole(self, began: datetime, seen: list[Observation], detail: str) -> Observation:
        """The last step's verdict over the time of all of them."""
        seconds = {
            phase: sum((one.phases.get(phase, timedelta(0)) for one in seen), timedelta(0))
            for phase in Phase
            if any(phase in one.phases for one in seen)
        }
        last = seen[-1]
        is_ours = last.outcome is Outcome.UNKNOWN
        return replace(
            last,
            started=began,
            lateness=max(began - last.due, timedelta(0)),
            duration=sum(seconds.values(), timedelta(0)),
            phases=seconds,
            redirects=sum(one.redirects for one in seen),
            detail=detail[:_DETAIL_CHARACTERS],
            warning=detail[:_DETAIL_CHARACTERS] if is_ours and last.warning else None,
        )


def _is_written(url: str) -> bool:
    return VARIABLE.fullmatch(url) is None


def _where(url: str) -> tuple[str, str]:
    # A variable within an address is part of no host.
    parts = urlsplit(url)
    return parts.scheme.lower(), (parts.hostname or "").lower()


def _sends_ours(step: Step) -> bool:
    ours = (step.body, step.form, step.json_, step.basic_auth, step.bearer_token)
    return bool(step.headers) or any(one is not None for one in ours)


def _sent(step: Step, captured: Captured) -> Iterator[str]:
    """What is sent in a body; each value may be a password."""
    for values in (step.form, step.json_):
        yield from (captured.fill(value.value) for value in (values or {}).values())


def _body(step: Step, captured: Captured) -> str | None:
    if step.form is not None:
        return urlencode({name: captured.fill(value.value) for name, value in step.form.items()})
    if step.json_ is not None:
        filled = {name: captured.fill(value.value) for name, value in step.json_.items()}
        return orjson.dumps(filled).decode()
    return captured.fill(step.body.value) if step.body is not None else None


def _milliseconds(duration: timedelta) -> str:
    return f"{duration / timedelta(milliseconds=1):.0f} ms"
