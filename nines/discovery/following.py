"""Follow the targets of every group: as they come and go, the configuration is taken up anew."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import structlog

from collectors.target import without_secrets
from nines.clock import Clock
from nines.config import Config
from nines.config.discovery import Sources
from nines.config.found import Found
from nines.config.sd import Target, from_files
from nines.discovery.asking import NotToldError, ask_dns, ask_http
from web.settings import ReloadResult

_Asking = Coroutine[None, None, tuple[Target, ...]]

log = structlog.get_logger("nines.discovery")
_LOOK_EVERY = 1.0  # seconds; whose turn it is, is looked at so often
_AT_ONCE = 10  # groups
_SHOWN = 3  # targets that are not watched, told of one by one


class FoundStore(Protocol):
    """Keeps what was found last, so that a restart knows it while nobody answers."""

    def load(self) -> dict[str, Found]: ...

    def save(self, found: Mapping[str, Found], at: datetime) -> None: ...


@dataclass(slots=True)
class _Group:
    """What is known of one group's targets."""

    key: str
    due: float  # monotonic seconds
    by_source: dict[str, tuple[Target, ...]] = field(default_factory=dict)
    failing: dict[str, str] = field(default_factory=dict)  # source to sentence


class Following:
    """Who is there, by the sources that the configuration names."""

    def __init__(
        self,
        *,
        config: Callable[[], Config],
        directory: Path,
        store: FoundStore,
        read: Callable[..., Awaitable[Any]],
        write: Callable[..., Awaitable[Any]],
        reload: Callable[[], Awaitable[ReloadResult]],
        clock: Clock,
    ) -> None:
        """`read` and `write` run what blocks on storage in their threads."""
        self._config = config
        self._directory = directory
        self._store = store
        self._read = read
        self._write = write
        self._reload = reload
        self._clock = clock
        self._groups: dict[str, _Group] = {}
        self._found: dict[str, Found] = {}
        self._taken: dict[str, Found] = {}  # what the configuration of now was made with
        self._seats = asyncio.Semaphore(_AT_ONCE)

    @property
    def found(self) -> Mapping[str, Found]:
        """What was found last, by group."""
        return self._found

    async def begin(self) -> None:
        """Know what was found before we stopped, and look once at everything."""
        if self._config().discovery:
            self._found = await self._read(self._store.load)
            await self.look(self._config().discovery)
            self._taken = dict(self._found)

    async def run(self) -> None:
        """Look at each group when it is due, until it is cancelled."""
        while True:
            await self._clock.sleep(_LOOK_EVERY)
            await self.look_when_due()

    async def look_when_due(self) -> None:
        """Look at the groups whose turn it is; reload where other targets are there."""
        now, groups = self._clock.monotonic(), self._config().discovery
        due = {
            name: sources
            for name, sources in groups.items()
            if (known := self._groups.get(name)) is None
            or known.key != sources.key
            or known.due <= now
        }
        for name in set(self._groups) - set(groups):
            del self._groups[name]
            self._found.pop(name, None)
        if due:
            await self.look(due)
        if any(self._found.get(name) != self._taken.get(name) for name in groups):
            # Refused or not: the same targets are not tried again and again.
            self._taken = {name: self._found[name] for name in groups if name in self._found}
            log.info("targets_changed", groups=sorted(due))
            await self._reload()

    async def look(self, groups: Mapping[str, Sources]) -> None:
        """Look at these groups now, and keep what is found."""
        before = dict(self._found)
        await asyncio.gather(*(self._look(name, sources) for name, sources in groups.items()))
        if self._found != before:
            await self._write(lambda: self._store.save(dict(self._found), self._clock.now()))

    def problems(self) -> list[str]:
        """What is wrong, in sentences: who does not answer, and who is not watched."""
        said = []
        for name, group in sorted(self._groups.items()):
            count = len(self._found[name].targets) if name in self._found else 0
            said += [
                f"Discovery {name}: {source}: {sentence}; the {count} targets that were found "
                "before are watched on."
                for source, sentence in sorted(group.failing.items())
            ]
        left = self._config().left
        said += [f"{one}." for one in left[:_SHOWN]]
        if len(left) > _SHOWN:
            said.append(f"{len(left) - _SHOWN} further discovered targets are not watched.")
        return said

    def targets(self) -> dict[str, int]:
        """How many services each group is at the moment."""
        config = self._config()
        counted = dict.fromkeys(config.discovery, 0)
        for group in config.discovered.values():
            counted[group] += 1
        return counted

    async def _look(self, name: str, sources: Sources) -> None:
        group = self._groups.get(name)
        if group is None or group.key != sources.key:
            group = self._groups[name] = _Group(sources.key, 0.0)
        group.due = self._clock.monotonic() + sources.refresh.total_seconds()
        async with self._seats:
            for source, asking in self._asked(sources):
                try:
                    group.by_source[source] = await asking
                    group.failing.pop(source, None)
                except NotToldError as error:
                    if source not in group.failing:
                        log.warning("discovery_failed", group=name, source=source, why=str(error))
                    group.failing[source] = str(error)
        targets = dict.fromkeys(sources.targets)
        for source in group.by_source:
            targets.update(dict.fromkeys(group.by_source[source]))
        known = self._found.get(name)
        silent = group.failing.keys() - group.by_source.keys()
        if known is not None and known.key == group.key and silent:
            # Somebody has not answered since we began: who was there before is there still.
            targets.update(dict.fromkeys(known.targets))
        self._found[name] = Found(group.key, tuple(targets))

    def _asked(self, sources: Sources) -> Iterator[tuple[str, _Asking]]:
        """Each source, by what it is called, and the question to it."""
        for pattern in sources.files:
            yield pattern, self._files(pattern)
        if sources.http is not None:
            token = sources.bearer_token
            refresh = sources.refresh.total_seconds()
            asking = ask_http(sources.http, token.value if token else None, refresh)
            yield without_secrets(sources.http), asking
        if sources.dns is not None:
            yield ", ".join(sources.dns.names), ask_dns(sources.dns)

    async def _files(self, pattern: str) -> tuple[Target, ...]:
        targets, wrong = await asyncio.to_thread(from_files, [pattern], self._directory)
        if wrong:
            raise NotToldError(str(wrong[0]))
        return targets
