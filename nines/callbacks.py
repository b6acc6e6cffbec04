"""Take what vendors and people send back: believe it or not, write it down, then act on it."""

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

import structlog

from alerting import receipt
from alerting.callbacks import link, pagerduty, slack
from alerting.callbacks.act import Act, ActKind
from alerting.callbacks.refusal import PutOffError, RefusedError
from alerting.config import AlertingConfig
from alerting.context import Context
from alerting.desk import acknowledge, in_vain, remark
from alerting.incident import Incident, IncidentState
from alerting.notification import DeliveryError
from alerting.receivers.pagerduty import PagerDutyConfig
from alerting.receivers.slack import Slack, SlackConfig
from alerting.store import Decision, IncidentFile
from alerting.wording import moment
from dashboards.source import MailLink
from nines.storage.callbacks import CallbackRecords, Standing, Taken, Waiting
from nines.storage.errors import StorageError
from nines.threads import StorageThreads
from web.throttle import Throttle

KEPT = timedelta(days=7)  # longer than any vendor tries again
_TAKEN = (50.0, 500)  # a second, and at once: each is a row
_ANSWER_WITHIN = 1.2  # seconds, for each of two looks into storage: Slack waits three
_AGAIN_AFTER = 2.0  # seconds, when storage refuses

log = structlog.get_logger("nines.callbacks")
C = TypeVar("C")
T = TypeVar("T")
Press = slack.Press
Decide = Callable[[IncidentFile, Context], Decision]


class Dispatching(Protocol):
    """Who decides on one incident, and stores it."""

    async def upon(self, incident_id: str, decide: Decide) -> bool: ...


class Say(Protocol):
    """Tell whoever pressed a button something that nobody else reads. Raises DeliveryError."""

    def __call__(self, config: SlackConfig, press: Press, text: str) -> Awaitable[None]: ...


class Silence(Protocol):
    """Silence a service for an incident's sake; gives what its timeline is to say of that."""

    def __call__(self, incident: Incident, by: str, until: datetime) -> Awaitable[str]: ...


@dataclass(frozen=True, slots=True)
class _Mail:
    """A link that is ours, and the incident that it is about."""

    link: link.Link
    shown: MailLink


class Callbacks:
    """Takes callbacks; `run` acts on what was taken, also on what a crash left."""

    def __init__(
        self,
        *,
        records: CallbackRecords,
        dispatch: Dispatching,
        threads: StorageThreads,
        config: Callable[[], AlertingConfig],
        key: str,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        silence: Silence,
        say: Say | None = None,
    ) -> None:
        self._records = records
        self._dispatch = dispatch
        self._threads = threads
        self._config = config
        self._key = key
        self._now = now
        self._silence = silence
        self._say = say or _say
        self._whispers: set[asyncio.Task[None]] = set()
        self._rate = Throttle(*_TAKEN, monotonic)
        self._wake = asyncio.Event()
        self._acting = asyncio.Lock()

    # --- take ------------------------------------------------------------------------------------

    async def slack(self, receiver: str, headers: Mapping[str, str], body: bytes) -> None:
        """A request to a Slack receiver's address. Raises RefusedError and PutOffError."""
        config = self._receiver(receiver, SlackConfig)
        if config is None or config.signing_secret is None:
            raise RefusedError(404, f"No receiver {receiver} takes callbacks from Slack.")
        now = self._now()
        signed = slack.verify(config.signing_secret.value, headers, body, now)
        self._bound()
        press = slack.read(body)
        if press is None:
            return
        if not config.may_press(press.user_id):
            raise RefusedError(
                403, f"{press.user_id} is not among the users of the receiver {receiver}."
            )
        standing = await self._standing(press.incident_id, receiver)
        if standing is None:
            raise RefusedError(404, f"{receiver} was told of no incident {press.incident_id}.")
        silences = press.button is slack.Button.SILENCE
        vain = _in_vain(press, standing)
        taken = await self._accept(
            f"slack:{receiver}:{signed}",
            _pressed(press, receiver, standing),
            # A message that was out of date says nothing of what is pressed on the newer one.
            once=f"slack:{receiver}:{press.incident_id}:{press.button}:{press.user_id}"
            f":{_is_stale(press, standing)}",
            since=now - slack.SILENCE_FOR if silences else None,
        )
        if taken is Taken.REPLAYED:
            raise RefusedError(409, "This request was taken before; nothing was done again.")
        if vain is not None and press.channel:
            self._whisper(config, press, vain)

    def _whisper(self, config: SlackConfig, press: Press, text: str) -> None:
        """Tell whoever pressed, for Slack shows no answer to a press. Slack is not kept waiting."""

        async def say() -> None:
            with contextlib.suppress(DeliveryError):  # the timeline says it, too
                await self._say(config, press, text)

        task = asyncio.create_task(say())
        self._whispers.add(task)
        task.add_done_callback(self._whispers.discard)

    async def pagerduty(self, receiver: str, headers: Mapping[str, str], body: bytes) -> None:
        """A webhook to a PagerDuty receiver's address. Raises RefusedError and PutOffError.

        One that came before, or that is about an incident of somebody else, is taken without
        effect: PagerDuty would send again what is refused, and then disable the webhook.
        """
        config = self._receiver(receiver, PagerDutyConfig)
        if config is None or config.webhook_secret is None:
            raise RefusedError(404, f"No receiver {receiver} takes webhooks from PagerDuty.")
        pagerduty.verify(config.webhook_secret.value, headers, body)
        self._bound()
        told = pagerduty.read(body, self._now())
        standing = None
        if told.incident_key:
            standing = await self._standing(told.incident_key, receiver)
        act = _told(told, receiver, known=standing is not None)
        await self._accept(f"pagerduty:{receiver}:{told.id}", act, verified=True)

    async def mail_link(self, token: str) -> MailLink:
        """What a link in a mail leads to. Raises RefusedError for one that leads nowhere."""
        return (await self._mail(token)).shown

    async def use_mail_link(self, token: str, by: str) -> MailLink:
        """Acknowledge by it. Raises RefusedError and PutOffError."""
        mail = await self._mail(token)
        if mail.shown.used or not mail.shown.incident.open:
            return mail.shown
        about = mail.link
        act = Act(ActKind.ACKNOWLEDGE, "", about.incident_id, by, "a link in a mail")
        await self._accept(f"mail:{about.notification_id}", act)
        await _or_put_off(self.settle())
        return (await self._mail(token)).shown

    def link(self, incident_id: str, notification_id: str, decided_at: datetime) -> str:
        """The token of the link in a mail."""
        return link.token(self._key, incident_id, notification_id, decided_at)

    async def _mail(self, token: str) -> _Mail:
        about = link.read(self._key, token, self._now())

        def look() -> MailLink | None:
            incident = self._records.mailed(about.incident_id, about.notification_id)
            used = self._records.known(f"mail:{about.notification_id}")
            if incident is None:
                return None
            said = f"{used.act.by} used this link on {moment(used.at)}" if used else None
            return MailLink(incident, said)

        shown = await _or_put_off(self._threads.read(look))
        if shown is None:
            raise RefusedError(404, "The incident of this link is not kept any more.")
        return _Mail(about, shown)

    def _bound(self) -> None:
        if not self._rate.take():
            raise RefusedError(429, "Too many callbacks at once.")

    def _receiver(self, name: str, kind: type[C]) -> C | None:
        found = self._config().receivers.get(name)
        config = None if found is None else found.config
        return config if isinstance(config, kind) else None

    async def _standing(self, incident_id: str, receiver: str) -> Standing | None:
        look = self._threads.read(lambda: self._records.standing(incident_id, receiver))
        return await _or_put_off(look)

    async def _accept(
        self,
        id_: str,
        act: Act,
        *,
        once: str | None = None,
        since: datetime | None = None,
        verified: bool = False,
    ) -> Taken:
        at = self._now()
        taken = await _or_put_off(
            self._threads.write(
                lambda: self._records.accept(
                    id_, act, at, once=once, since=since, verified=verified
                )
            )
        )
        if taken is Taken.NEW:
            log.info(
                "callback", receiver=act.receiver, kind=str(act.kind), incident=act.incident_id
            )
            self._wake.set()
        return taken

    # --- act -------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Act on what was taken until it is cancelled."""
        while True:
            try:
                await self.settle()
            except StorageError as error:
                log.warning("callbacks_put_off", error=str(error))
                await asyncio.sleep(_AGAIN_AFTER)
                continue
            await self._wake.wait()

    async def settle(self) -> None:
        """Act on everything that was taken so far. Raises StorageError."""
        async with self._acting:
            self._wake.clear()
            while waiting := await self._threads.read(self._records.waiting):
                for one in waiting:
                    await self._try(one)
                    await self._threads.write(functools.partial(self._done, one.id))

    def _done(self, id_: str) -> None:
        self._records.done(id_, self._now())

    async def _try(self, one: Waiting) -> None:
        """Act on it. Our own mistake is logged, and holds up no other."""
        try:
            await self._act(one)
        except StorageError:
            raise
        except Exception:
            log.exception("callback_failed", id=one.id, kind=str(one.act.kind))

    async def _act(self, one: Waiting) -> None:
        act = one.act
        match act.kind:
            case ActKind.ACKNOWLEDGE | ActKind.NOTE | ActKind.RESOLVED_ELSEWHERE:
                await self._dispatch.upon(act.incident_id, lambda file, now: decide(act, file, now))
            case ActKind.RECEIPT:
                received = await self._threads.write(
                    lambda: self._records.receive(act.incident_id, act.receiver, one.at)
                )
                if received is not None:
                    event = receipt.came(act.incident_id, act.receiver, received, one.at)
                    await self._dispatch.upon(
                        act.incident_id, lambda _file, _now: Decision(events=(event,))
                    )
            case ActKind.SILENCE:
                await self._silence_for(act, one.at + slack.SILENCE_FOR)
            case _:
                return

    async def _silence_for(self, act: Act, until: datetime) -> None:
        standing = await self._standing(act.incident_id, act.receiver)
        if standing is None or until <= self._now():
            return  # it waited for longer than it would have lasted
        text = await self._silence(standing.incident, f"{act.by} ({act.where})", until)
        await self._dispatch.upon(act.incident_id, lambda file, now: _noted(file, text, now))


async def _or_put_off(call: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(_ANSWER_WITHIN):
            return await call
    except (StorageError, TimeoutError) as error:
        raise PutOffError("It cannot be written down at present; send it again.") from error


def decide(act: Act, file: IncidentFile, context: Context) -> Decision:
    """What follows from an act upon its incident. Pure."""
    incident = file.incident
    match act.kind:
        case ActKind.ACKNOWLEDGE:
            echo = act.heard_from is not None and incident.state is not IncidentState.TRIGGERED
            if echo and f"{act.by} ({act.where})" == incident.acknowledged_by:
                return Decision()
            return acknowledge(file, act.by, context, where=act.where, heard_from=act.heard_from)
        case ActKind.RESOLVED_ELSEWHERE if incident.open:
            return remark(file, act.text, context, heard_from=act.heard_from)
        case ActKind.RESOLVED_ELSEWHERE:
            return Decision()  # as is here
        case _:
            return _noted(file, act.text, context)


def _noted(file: IncidentFile, text: str, context: Context) -> Decision:
    return remark(file, text, context, silent=True)


def _is_stale(press: Press, standing: Standing) -> bool:
    return standing.revision is not None and press.revision < standing.revision


def _in_vain(press: Press, standing: Standing) -> str | None:
    """What to say to whoever pressed; None when it changes something."""
    if _is_stale(press, standing):
        return "This message was out of date: nothing changed. Press the button on it as it is now."
    return in_vain(standing.incident) if press.button is slack.Button.ACKNOWLEDGE else None


async def _say(config: SlackConfig, press: Press, text: str) -> None:
    await Slack(config).whisper(press.channel, press.user_id, text)


def _pressed(press: Press, receiver: str, standing: Standing) -> Act:
    """What a press asks for; on a message that was out of date, nothing but a line about it."""
    kinds = {
        slack.Button.ACKNOWLEDGE: ActKind.ACKNOWLEDGE,
        slack.Button.SILENCE: ActKind.SILENCE,
    }
    words = {slack.Button.ACKNOWLEDGE: "Acknowledge", slack.Button.SILENCE: "Silence 1 h"}
    kind, text = kinds[press.button], ""
    if _is_stale(press, standing):
        kind = ActKind.NOTE
        text = (
            f"{press.user_name} pressed {words[press.button]} in Slack on a message that was out "
            f"of date (revision {press.revision}, now {standing.revision}): nothing changed."
        )
    return Act(kind, receiver, press.incident_id, press.user_name, "Slack", text, press.revision)


def _told(told: pagerduty.Told, receiver: str, *, known: bool) -> Act:
    """What a webhook asks for. What an integration did is an echo of what we told it."""
    who = told.who or "somebody"
    about = Act(ActKind.NOTHING, receiver, told.incident_key, who, "PagerDuty", heard_from=receiver)
    if not known:
        return about
    match told.kind:
        case pagerduty.TRIGGERED:
            return _as(about, ActKind.RECEIPT)
        case pagerduty.ACKNOWLEDGED if told.person:
            return _as(about, ActKind.ACKNOWLEDGE)
        case pagerduty.RESOLVED if told.person:
            text = f"{who} resolved this in PagerDuty ({receiver}) while it still burns."
            return _as(about, ActKind.RESOLVED_ELSEWHERE, text)
        case kind if kind in pagerduty.NOTED:
            to = f", now with {', '.join(told.assignees)}" if told.assignees else ""
            text = f"{who} {pagerduty.NOTED[kind]} in PagerDuty ({receiver}){to}."
            return _as(about, ActKind.NOTE, text)
        case _:
            return about


def _as(act: Act, kind: ActKind, text: str = "") -> Act:
    return Act(
        kind, act.receiver, act.incident_id, act.by, act.where, text, heard_from=act.heard_from
    )
