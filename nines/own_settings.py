"""What this process goes by, gathered for the page /settings."""

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

from dashboards.own_settings import CountFacts, FileFacts, OwnSettings, ReloadFacts
from nines.config.problem import ConfigError
from nines.config.saving import why_read_only
from nines.config.source import contents
from nines.config.watch import digest
from nines.configured import Configured
from nines.live import Pulse
from slo.units import format_duration
from slo.window import Calendar

_KINDS = {"sqlite": "SQLite", "postgresql+psycopg": "PostgreSQL"}


class Gathering:
    """Reads the files anew each time: they may have changed since they were loaded."""

    def __init__(
        self,
        configured: Configured,
        *,
        path: Path,
        pulse: Pulse,
        last_reload: Callable[[], ReloadFacts | None],
    ) -> None:
        self._configured = configured
        self._path = path
        self._pulse = pulse
        self._last_reload = last_reload

    async def gather(self) -> OwnSettings:
        """The facts of now."""
        files, seen, why_not_saved = await asyncio.to_thread(self._look)
        config = self._configured.config
        server, defaults = config.server, config.defaults
        window = defaults.window
        return OwnSettings(
            path=str(self._path),
            files=files,
            is_current=seen == self._configured.digest,
            loaded_at=self._pulse.config_loaded_at,
            reload=self._last_reload(),
            advice=tuple(map(str, config.advice)),
            counts=CountFacts(
                services=len(config.services),
                slos=len(config.slos),
                alerts=len(config.rules),
                collectors=sum(len(one.collectors) for one in config.services.values()),
                receivers=len(config.alerting.receivers),
            ),
            listen=str(server.listen),
            external_url=server.external_url,
            database=_KINDS.get(server.database.value.partition(":")[0], "another one"),
            bucket=format_duration(server.bucket),
            detail=format_duration(server.retention.detail),
            sums=format_duration(server.retention.sums),
            interval=format_duration(defaults.interval),
            timeout=format_duration(defaults.timeout),
            window=window.label if isinstance(window, Calendar) else format_duration(window),
            zone=config.reports.zone.key,
            anonymous=config.access.anonymous,
            single_sign_on=config.access.oidc is not None,
            why_not_saved=why_not_saved,
        )

    def _look(self) -> tuple[tuple[FileFacts, ...], str | None, str | None]:
        try:
            files = tuple(
                FileFacts(name, hashlib.sha256(content).hexdigest(), len(content))
                for name, content in contents(self._path)
            )
        except ConfigError:  # there is none yet, or none any more
            files = ()
        return files, digest(self._path), why_read_only(self._path)
