"""The vendors on loopback, each on a port of its own: what they took, and where a call can be held.

`Stage` is told of every step of every call, and may hold it there for as long as it likes.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default as default_policy
from enum import StrEnum
from typing import Any, Protocol

from tests.chaos.judge import Heard, Repeat, Said


class Step(StrEnum):
    """How far a call has come, as the vendor sees it."""

    CONNECTED = "connected"
    HALF = "half"  # its head is there, its body is not taken yet
    TAKEN = "taken"  # all of it is there, nothing is answered
    NEWS = "news"  # the same of the second call of those who change a message, then add to it
    ANSWERED = "answered"  # a yes is on its way


class Fault(StrEnum):
    """What may become of a call."""

    BUSY = "busy"  # not taken, and it says so
    BROKEN = "broken"  # taken, and answered with a 500
    LOST = "lost"  # taken, and the connection breaks
    SLOW = "slow"  # taken, and answered late


class Stage(Protocol):
    """Who runs the story."""

    async def reach(self, receiver: str, step: Step) -> None: ...

    def hear(self, heard: Heard) -> None: ...

    def fault(self, receiver: str) -> Fault | None: ...


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.body)


SLOW_SECONDS = 0.5
_STATES = {"FIRING": Said.FIRING, "RESOLVED": Said.RESOLVED}
# How a message says that it tells of the beginning and of the end at once.
_MISSED = re.compile(r"had been failing|before it could be sent")
_AGAIN = re.compile(r"[Tt]ry \d+: an earlier one may have arrived too")


class Vendor:
    """One vendor. `start` it, `stop` it; `address` is what its receiver is configured with."""

    def __init__(self, receiver: str, stage: Stage) -> None:
        self.receiver = receiver
        self.port = 0
        self._stage = stage
        self._server: asyncio.Server | None = None
        self._calls: set[asyncio.Task[None]] = set()
        self._threads: dict[str, str] = {}  # what a reply stands below, and its incident
        self.last_incident = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen, on the port that it had before."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.hang_up()

    async def hang_up(self) -> None:
        """Close every connection."""
        for task in list(self._calls):
            task.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._calls.add(task)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._stage.reach(self.receiver, Step.CONNECTED)
            await self._talk(reader, writer)
        writer.transport.abort()
        self._calls.discard(task)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        await self._stage.reach(self.receiver, Step.HALF)
        first, *lines = head.split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        call = Call(method, path, headers, body)
        status, said = await self._take(lambda: self._heard(call), Step.NEWS, is_news(call))
        if not status:
            return
        content = self._answer(call) if status == 200 else said
        status = 202 if status == 200 and self.receiver == "pagerduty" else status
        writer.write(
            b"HTTP/1.1 %d Something\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (status, len(content), content)
        )
        await writer.drain()
        await self._stage.reach(self.receiver, Step.ANSWERED)

    async def _take(
        self, read: Callable[[], Heard], news: Step, is_second: bool
    ) -> tuple[int, bytes]:
        """Note what came; the status to answer with, 0 for none."""
        fault = self._stage.fault(self.receiver)
        if fault is Fault.BUSY:
            return 503, b"busy"
        self._stage.hear(replace(read(), answered=fault in (None, Fault.SLOW)))
        await self._stage.reach(self.receiver, news if is_second else Step.TAKEN)
        if fault is Fault.LOST:
            return 0, b""
        if fault is Fault.BROKEN:
            return 500, b"broken"
        if fault is Fault.SLOW:
            await asyncio.sleep(SLOW_SECONDS)
        return 200, b""

    def _heard(self, call: Call) -> Heard:
        return replace(READERS[self.receiver.partition("-")[0]](self, call), receiver=self.receiver)

    def _answer(self, call: Call) -> bytes:
        if self.receiver == "slack":
            ts = call.json.get("ts") or f"{len(self._threads)}.0"
            if "thread_ts" not in call.json:
                event = call.json.get("metadata", {}).get("event_payload", {})
                self._threads[ts] = event.get("incident_id", self._threads.get(ts, ""))
            return json.dumps({"ok": True, "channel": "C1", "ts": ts}).encode()
        if self.receiver == "discord":
            number = str(len(self._threads) + 1)
            self._threads[number] = ""
            return json.dumps({"id": number}).encode()
        return b"{}"

    def knows(self, start: str) -> bool:
        """Whether an alert that began then was told before; from now on it is known."""
        known = start in self._threads
        self._threads[start] = ""
        return known

    def incident_below(self, ts: str) -> str:
        """The incident whose message stands there."""
        return self._threads.get(ts, "")


class MailVendor(Vendor):
    """A mail server."""

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ready\r\n")
        while line := await reader.readline():
            verb = line.strip().upper()[:4]
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                await self._stage.reach(self.receiver, Step.HALF)
                content = await reader.readuntil(b"\r\n.\r\n")
                status, _ = await self._take(
                    lambda mail=content: replace(_mail(mail), receiver=self.receiver),  # type: ignore[misc]
                    Step.TAKEN,
                    is_second=False,
                )
                if not status:
                    return
                # No answer of a mail server is as unclear as a 500: 4yz means "not taken".
                writer.write(b"250 queued\r\n" if status == 200 else b"451 later\r\n")
                await writer.drain()
                await self._stage.reach(self.receiver, Step.ANSWERED)
            elif verb == b"QUIT":
                writer.write(b"221 bye\r\n")
                await writer.drain()
                return
            else:
                writer.write(b"250 fine\r\n")


def is_news(call: Call) -> bool:
    """Whether a call adds to a message that another call has changed."""
    if call.path.startswith("/api/chat.postMessage"):
        return "thread_ts" in call.json
    return "wait=true" in call.path and not call.json.get("embeds")


def _pagerduty(_: Vendor, call: Call) -> Heard:
    event = call.json
    action = event.get("event_action", "change")
    details = event.get("payload", {}).get("custom_details", {})
    said = {"trigger": Said.FIRING, "resolve": Said.RESOLVED}.get(action, Said.OTHER)
    message = f"{action} {details.get('notification_id', '')}".strip()
    key = event.get("dedup_key", "")
    incident = key or _incident_of(event["links"][0]["href"])
    if action == "change":  # it has no key: docs/delivery.md
        return Heard("", incident, Said.MISSED, message, Repeat.EDIT)
    return Heard("", incident, said, message, Repeat.KEY, key)


def _slack(vendor: Vendor, call: Call) -> Heard:
    body = call.json
    text = json.dumps(body)
    said, again = _state(body["text"], text), bool(_AGAIN.search(text))
    if "thread_ts" in body:
        incident = vendor.incident_below(body["thread_ts"])
        first = body["text"].split("\n")[0]
        return Heard("", incident, said, f"reply {first}", Repeat.MARK, again=again)
    event = body["metadata"]["event_payload"]
    edit = "chat.update" in call.path
    repeat, what = (Repeat.EDIT, "edit") if edit else (Repeat.MARK, "message")
    message = f"{what} {event['notification_id']}"
    return Heard("", event["incident_id"], said, message, repeat, again=again)


def _webhook(_: Vendor, call: Call) -> Heard:
    told = call.json["nines"]
    kinds = {"resolve": Said.RESOLVED, "missed": Said.MISSED}
    opens = told["kind"] in ("trigger", "update")
    said = Said.FIRING if opens else kinds.get(told["kind"], Said.OTHER)
    message = f"{told['kind']} {told['revision']}"
    key = call.headers["webhook-id"]
    return Heard("", told["incident_id"], said, message, Repeat.KEY, key)


def _template(_: Vendor, call: Call) -> Heard:
    told = call.json
    said = {"trigger": Said.FIRING, "update": Said.FIRING, "resolve": Said.RESOLVED}
    kind = said.get(told["kind"], Said.MISSED if told["kind"] == "missed" else Said.OTHER)
    message = f"{told['kind']} {told['revision']}"
    return Heard("", told["incident"], kind, message, Repeat.KEY, told["id"])


def _teams(_: Vendor, call: Call) -> Heard:
    (attached,) = call.json["attachments"]
    content = attached["content"]
    texts = [part["text"] for part in content["body"] if part["type"] == "TextBlock"]
    notification = re.search(r"notification ([0-9A-Z\\.a-z]+)", texts[-1])
    incident = next(
        _incident_of(one["url"]) for one in content["actions"] if "/incidents/" in one["url"]
    )
    message = notification[1] if notification else ""
    said = _state(texts[0], json.dumps(call.json))
    again = bool(_AGAIN.search(texts[-1].replace("\\", "")))
    return Heard("", incident, said, message, Repeat.MARK, again=again)


def _discord(vendor: Vendor, call: Call) -> Heard:
    body = call.json
    text = json.dumps(body)
    said, again = _state(body["content"], text), bool(_AGAIN.search(text))
    if not body.get("embeds"):
        incident = vendor.last_incident
        message = f"news {_AGAIN.sub('', body['content'])}".removesuffix(" ()")
        return Heard("", incident, said, message, Repeat.MARK, again=again)
    (embed,) = body["embeds"]
    incident = vendor.last_incident = _incident_of(embed["url"])
    notification = re.search(r"notification (\S+?),? ", f"{embed['footer']['text']} ")
    repeat = Repeat.EDIT if call.method == "PATCH" else Repeat.MARK
    message = f"{call.method} {notification[1] if notification else ''}"
    return Heard("", incident, said, message, repeat, again=again)


def _alertmanager(vendor: Vendor, call: Call) -> Heard:
    alerts = call.json
    ends = datetime.fromisoformat(alerts[0]["endsAt"])
    incident = _incident_of(alerts[0]["annotations"]["incident_url"])
    # An alert that it never heard of brings its beginning with it.
    over = Said.RESOLVED if vendor.knows(alerts[0]["startsAt"]) else Said.MISSED
    # What fires ends in a day there, unless it is said again; clocks may be an hour apart.
    said = over if ends <= datetime.now(UTC) + timedelta(hours=12) else Said.FIRING
    # It is known by its labels and its start; saying it again is what Alertmanager asks for.
    return Heard("", incident, said, f"{said} {alerts[0]['startsAt']}", Repeat.EDIT)


def _mail(content: bytes) -> Heard:
    mail = message_from_bytes(content, policy=default_policy)
    incident, key = str(mail["X-Nines-Incident"]), str(mail["Message-ID"])
    text = mail.get_body(("plain",))
    said = _state(str(mail["Subject"]), text.get_content() if text else "")
    return Heard("", incident, said, str(mail["X-Nines-Notification"]), Repeat.KEY, key)


def _state(head: str, all_of_it: str) -> Said:
    found = re.search(r"FIRING|RESOLVED|ACKNOWLEDGED|NOTICE", head)
    said = _STATES.get(found[0] if found else "", Said.OTHER)
    return Said.MISSED if said is Said.RESOLVED and _MISSED.search(all_of_it) else said


def _incident_of(address: str) -> str:
    found = re.search(r"/incidents/(\w+)", address)
    return found[1] if found else ""


READERS: dict[str, Callable[[Any, Call], Heard]] = {
    "pagerduty": _pagerduty,
    "slack": _slack,
    "webhook": _webhook,
    "template": _template,
    "teams": _teams,
    "discord": _discord,
    "alertmanager": _alertmanager,
}
KINDS = (*READERS, "email")


def vendor(kind: str, stage: Stage) -> Vendor:
    """The vendor of this kind of receiver."""
    return MailVendor(kind, stage) if kind == "email" else Vendor(kind, stage)
