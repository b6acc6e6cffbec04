"""A mail server that answers each verb as a script says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Script:
    """By verb, what is answered instead of a yes; "" closes the connection.

    "greeting" and "content" count as verbs. `starttls`: the client will want it; it is not offered.
    """

    answers: Mapping[str, str] = field(default_factory=dict)
    starttls: bool = False


@dataclass(slots=True)
class Stands:
    """Where it is, and what it has."""

    url: str = ""
    mails: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def mail_server(script: Script) -> AsyncIterator[Stands]:
    """It takes one mail after the other."""
    stands = Stands()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await _serve(reader, writer, script, stands)
        writer.transport.abort()
        tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    stands.url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield stands
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


async def _serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, script: Script, stands: Stands
) -> None:
    async def says(verb: str, usual: str) -> str:
        said = script.answers.get(verb, usual)
        if said:
            writer.write(f"{said}\r\n".encode())
            await writer.drain()
        return said

    if not await says("greeting", "220 mail.example"):
        return
    while line := await reader.readline():
        verb = line.split()[0].decode().upper()
        said = await says(verb, "354 go on" if verb == "DATA" else "250 fine")
        if not said or verb == "QUIT":
            return
        if said.startswith("354"):
            content = await reader.readuntil(b"\r\n.\r\n")
            if script.answers.get("content", "")[:1] in ("", "2"):
                stands.mails.append(content)
            if not await says("content", "250 queued"):
                return
