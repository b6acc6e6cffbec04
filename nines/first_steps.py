"""Look at what is not watched yet, and take it up: what the page /start asks for."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import structlog

from collectors.blackbox.allowed import Allowed, everybodys
from collectors.blackbox.refusal import RefusedError, Why
from collectors.http import HttpConfig
from collectors.observation import Observation
from collectors.prometheus_look import NoAnswerError, config_of, past, step_for, vector
from collectors.resolve import Resolver
from collectors.trying import Tries
from dashboards.prometheus_templates import Candidate, candidates, jobs_query, metrics_query
from nines.clock import Clock
from nines.config import Config
from nines.config.found import Found
from nines.config.saving import CannotSaveError, add_service, why_read_only, write
from slo.epoch import EPOCH
from slo.hindsight import WEEK, WEEKS, Week, look_back, weeks_before
from web.settings import ReloadResult
from web.steps.port import StepError

log = structlog.get_logger("nines.first_steps")
_MOST_JOBS = 500
_T = TypeVar("_T")
_STATUS = {Why.NOT_ALLOWED: 403, Why.BUSY: 503}


class FirstSteps:
    """Answers the web's port."""

    def __init__(
        self,
        *,
        path: Path,
        environ: Mapping[str, str],
        config: Callable[[], Config],
        found: Callable[[], Mapping[str, Found]],
        reload: Callable[[], Awaitable[ReloadResult]],
        clock: Clock,
        resolver: Resolver | None = None,
    ) -> None:
        """`found` are the targets of discovery."""
        self._path = path
        self._environ = environ
        self._config = config
        self._found = found
        self._reload = reload
        self._clock = clock
        self._tries = Tries(self._allowed, clock, resolver)
        self._saving = asyncio.Lock()

    def _allowed(self) -> Allowed:
        config = self._config()
        probed = config.probe_endpoint
        # What anybody may have probed is no secret.
        return everybodys(config.tries, *([probed.allowed] if probed is not None else []))

    async def look(self, config: HttpConfig) -> Observation:
        """One look. Raises StepError."""
        return await self._asked(self._tries.look(config))

    async def jobs(self, url: str) -> Sequence[tuple[str, int]]:
        """The jobs of a Prometheus. Raises StepError."""
        found = await self._asked(vector(self._tries, url, jobs_query()))
        named = [(one["job"], int(number)) for one, number in found if one.get("job")]
        if not named:
            raise StepError(409, "this Prometheus watches no targets yet")
        return sorted(named)[:_MOST_JOBS]

    async def candidates(self, url: str, job: str) -> Sequence[Candidate]:
        """What could be counted of one. Raises StepError."""
        found = await self._asked(vector(self._tries, url, metrics_query(job)))
        return candidates(job, [(one, int(number)) for one, number in found])

    async def look_back(self, url: str, candidate: Candidate) -> Sequence[Week]:
        """Past weeks of it. Raises StepError."""
        step = step_for(candidate.series, WEEKS * WEEK)
        if step is None:
            said = f"{candidate.series:,} series are too many to look back over from here"
            raise StepError(409, said)
        now = self._clock.now()
        end = EPOCH + (now - EPOCH) // step * step
        weeks = weeks_before(end)
        config = config_of(url, candidate.name, candidate.query, candidate.kind)
        pages = await self._asked(past(self._tries, config, weeks[0].start, end, step))
        return await asyncio.to_thread(look_back, candidate.sli, pages, weeks, step)

    async def _asked(self, answer: Awaitable[_T]) -> _T:
        try:
            return await answer
        except RefusedError as error:
            raise StepError(_STATUS.get(error.why, 503), str(error)) from None
        except NoAnswerError as error:
            raise StepError(409, f"the Prometheus did not answer: {error}") from None

    def why_not_saved(self) -> str | None:
        """Why nothing can be added to the configuration."""
        return why_read_only(self._path)

    async def save(self, service: str, lines: str, host: str, port: int) -> None:
        """Write it, and reload. Raises StepError."""
        await self._asked(self._tries.permit(host, port))
        async with self._saving:
            try:
                addition = await asyncio.to_thread(
                    add_service,
                    self._path,
                    service,
                    lines,
                    now=self._config(),
                    environ=self._environ,
                    found=self._found(),
                )
                await asyncio.to_thread(write, addition)
            except CannotSaveError as error:
                raise StepError(409, str(error)) from None
            log.info("service_added", service=service, file=str(addition.file))
            result = await self._reload()
        if not result.ok:
            said = f"{addition.file} was written, but not taken up: {result.problems[0]}"
            raise StepError(503, said)
