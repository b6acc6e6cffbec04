"""Look at what is not watched yet, and take it up: what the page /start asks for."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import structlog

from collectors.blackbox.allowed import Allowed, everybodys
from collectors.blackbox.refusal import RefusedError, Why
from collectors.http import HttpConfig
from collectors.observation import Observation
from collectors.resolve import Resolver
from collectors.trying import Tries
from nines.clock import Clock
from nines.config import Config
from nines.config.found import Found
from nines.config.saving import CannotSaveError, add_service, why_read_only, write
from web.settings import ReloadResult
from web.steps.port import StepError

log = structlog.get_logger("nines.first_steps")
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
        self._tries = Tries(self._allowed, clock, resolver)
        self._saving = asyncio.Lock()

    def _allowed(self) -> Allowed:
        config = self._config()
        probed = config.probe_endpoint
        # What anybody may have probed is no secret.
        return everybodys(config.tries, *([probed.allowed] if probed is not None else []))

    async def look(self, config: HttpConfig) -> Observation:
        """One look. Raises StepError."""
        try:
            return await self._tries.look(config)
        except RefusedError as error:
            raise _step_error(error) from None

    def why_not_saved(self) -> str | None:
        """Why nothing can be added to the configuration."""
        return why_read_only(self._path)

    async def save(self, service: str, lines: str, host: str, port: int) -> None:
        """Write it, and reload. Raises StepError."""
        try:
            await self._tries.permit(host, port)
        except RefusedError as error:
            raise _step_error(error) from None
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


def _step_error(error: RefusedError) -> StepError:
    return StepError(_STATUS.get(error.why, 503), str(error))
