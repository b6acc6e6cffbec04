"""Probe a TCP port: open a connection, perhaps say something, perhaps wait for an answer."""

from datetime import datetime
from functools import partial
from typing import Self

from pydantic import Field, model_validator

from collectors.dialling import Dialling
from collectors.dialog import MOST_STEPS, Dialog, DialogStep, fault
from collectors.expect import Words
from collectors.lines import Lines
from collectors.look import Look
from collectors.means import Means
from collectors.observation import Cause, Observation
from collectors.runnable import Clock
from collectors.settings import CollectorSettings, TlsOptions
from collectors.stream import Stream
from collectors.target import Target

ANSWER_LIMIT_BYTES = 4096


class TcpConfig(CollectorSettings):
    """Open a TCP connection; perhaps say something, perhaps wait for an answer."""

    tcp: Target
    send: str | None = None
    expect: str | None = Field(default=None, min_length=1)
    dialog: tuple[DialogStep, ...] = Field((), max_length=MOST_STEPS)
    tls: TlsOptions | None = Field(
        None, description="How TLS is spoken: from the start, unless the dialog has a `starttls`."
    )

    @model_validator(mode="after")
    def _can_be_held(self) -> Self:
        if self.dialog and (self.send is not None or self.expect is not None):
            raise ValueError("with a dialog, write `send` and `expect` as steps of it")
        if (why := fault(self.dialog)) is not None:
            raise ValueError(why)
        return self

    @property
    def upgrades(self) -> bool:
        """Whether TLS begins within the dialog."""
        return any(step.starttls for step in self.dialog)


class TcpProbe:
    """One port and what should be heard there."""

    kind = "tcp"

    def __init__(self, collector_id: str, config: TcpConfig, means: Means) -> None:
        """Raises ValueError in words when a TLS file cannot be read."""
        self.id = collector_id
        self.target = str(config.tcp)
        self.interval = means.interval
        self.timeout = means.timeout
        self._config = config
        tls = config.tls or (TlsOptions() if config.upgrades else None)
        self._dialling = Dialling.by(config.tcp, means, tls)
        self._words = Words(tuple(secret for step in config.dialog for secret in step.secrets))

    async def run(self, due: datetime, clock: Clock) -> Observation:
        """Look once. Whatever goes wrong is an observation; only cancellation passes through."""
        look = Look.begin(self.id, due, clock)
        return await (self._hold(look) if self._config.dialog else self._ask(look))

    async def close(self) -> None:
        """Nothing outlives a run."""

    async def _hold(self, look: Look) -> Observation:
        dialog: Dialog | None = None
        try:
            async with self._dialling.connected(look, in_clear=self._config.upgrades) as stream:
                lines = Lines(stream, look.watch)
                dialog = Dialog(self._config.dialog, lines, self._words)
                why = await dialog.hold(partial(self._dialling.secure, lines, stream, look))
        except Exception as error:  # noqa: BLE001 - every failure is somebody's, and is said
            return look.broke(error, dialog.where if dialog is not None else "")
        look.watch.stop()
        look.body_bytes = lines.heard_bytes
        return look.passed() if why is None else look.failed(Cause.BODY, why)

    async def _ask(self, look: Look) -> Observation:
        heard = bytearray()
        try:
            async with self._dialling.connected(look) as stream:
                await self._talk(stream, heard)
        except Exception as error:  # noqa: BLE001 - every failure is somebody's, and is said
            return look.broke(error, self._came(heard))
        look.watch.stop()
        look.body_bytes = len(heard) if self._config.expect is not None else None
        if self._config.expect is not None and self._config.expect.encode() not in heard:
            wanted = Words().quote(self._config.expect)
            within = f" in the first {ANSWER_LIMIT_BYTES} bytes of"
            return look.failed(Cause.BODY, f"{wanted} is not{within} the answer{self._came(heard)}")
        return look.passed()

    async def _talk(self, stream: Stream, heard: bytearray) -> None:
        """Say what there is to say, and listen until it was heard or cannot be any more."""
        if self._config.send is not None:
            await stream.write(self._config.send.encode())
        if self._config.expect is None:
            return
        expected = self._config.expect.encode()
        while expected not in heard and len(heard) < ANSWER_LIMIT_BYTES:
            part = await stream.read(ANSWER_LIMIT_BYTES - len(heard))
            if not part:
                return
            heard += part

    def _came(self, heard: bytearray) -> str:
        if self._config.expect is None:
            return ""
        return f"; what came is {Words().quote(heard.decode(errors='replace'))}"
