"""AMQP 0-9-1 over one connection: sign in, and ask one thing after another."""

from typing import Any, TypeVar, cast

from pamqp import base, commands, exceptions, frame, header

from collectors.failure import ProtocolError
from collectors.stream import Stream

_FRAME_LIMIT_BYTES = 128 * 1024
_HEAD, _END = 7, 1


_Told = TypeVar("_Told", bound=base.Frame)


class BadAmqpError(ProtocolError):
    """What came is no AMQP 0-9-1, or not what was asked for."""

    protocol = "AMQP 0-9-1"


class AmqpError(Exception):
    """The broker closed the channel or the connection; the message is its own."""


class Amqp:
    """A conversation with a broker."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._came = bytearray()

    async def sign_in(self, username: str, password: str, vhost: str) -> None:
        """Open the connection, and a channel. Raises AmqpError, ProtocolError, OSError, EOFError.

        A broker that refuses the user says so only where it is told that we understand it.
        """
        await self._stream.write(header.ProtocolHeader(0, 9, 1).marshal())
        await self._next(0, commands.Connection.Start)
        properties = {"product": "nines", "capabilities": {"authentication_failure_close": True}}
        tune = await self.ask(
            commands.Connection.StartOk(
                client_properties=cast(Any, properties),
                mechanism="PLAIN",
                response=f"\0{username}\0{password}",
            ),
            commands.Connection.Tune,
            channel=0,
        )
        size = min(tune.frame_max or _FRAME_LIMIT_BYTES, _FRAME_LIMIT_BYTES)
        await self.tell(commands.Connection.TuneOk(tune.channel_max, size, 0), channel=0)
        open_ = commands.Connection.Open(virtual_host=vhost)
        await self.ask(open_, commands.Connection.OpenOk, channel=0)
        await self.ask(commands.Channel.Open(), commands.Channel.OpenOk)

    async def ask(self, question: base.Frame, answer: type[_Told], channel: int = 1) -> _Told:
        """The answer. Raises AmqpError, ProtocolError, OSError, EOFError."""
        await self.tell(question, channel)
        return await self._next(channel, answer)

    async def tell(self, said: base.Frame, channel: int = 1) -> None:
        """Say it, and wait for nothing. Raises OSError."""
        await self._stream.write(frame.marshal(said, channel))

    async def _next(self, channel: int, wanted: type[_Told]) -> _Told:
        while True:
            at, came = await self._frame()
            if isinstance(came, commands.Connection.Close | commands.Channel.Close):
                raise AmqpError(came.reply_text or str(came.reply_code))
            if isinstance(came, wanted) and at == channel:
                return came
            if isinstance(came, base.Frame):
                raise BadAmqpError(f"{came.name} came in place of {wanted.name}")

    async def _frame(self) -> tuple[int, object]:
        await self._fill(_HEAD)
        if self._came[:4] == b"AMQP":
            raise BadAmqpError("the broker speaks another version")
        size = int.from_bytes(self._came[3:_HEAD], "big")
        if self._came[0] not in (1, 2, 3, 8) or size > _FRAME_LIMIT_BYTES:
            raise BadAmqpError(f"it begins with {bytes(self._came[:20])!r}")
        await self._fill(_HEAD + size + _END)
        whole = bytes(self._came[: _HEAD + size + _END])
        del self._came[: len(whole)]
        try:
            _, channel, came = frame.unmarshal(whole)
        except (exceptions.PAMQPException, ValueError, IndexError, KeyError, TypeError) as error:
            raise BadAmqpError(f"a frame cannot be read: {error}") from None
        return channel, came

    async def _fill(self, size: int) -> None:
        while len(self._came) < size:
            part = await self._stream.read(_FRAME_LIMIT_BYTES)
            if not part:
                raise EOFError
            self._came += part
