"""Mail the reports that are configured, each once: what is on record decides, not this process."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import structlog
from apscheduler.triggers.cron import CronTrigger

from alerting.notification import DeliveryError
from alerting.receivers import email
from alerting.receivers.email import EmailConfig, mailbox
from dashboards.report import Report
from dashboards.report_facts import report_csv
from dashboards.report_mail import mail_text
from dashboards.report_page import report_view
from dashboards.report_period import ReportPeriod, period_at, read_period
from dashboards.report_posting import (
    SETTLED,
    Posting,
    PostingState,
    ReportMailError,
    ReportMailStanding,
    after_failure,
    owed,
    problem_of,
)
from nines.clock import Clock
from nines.config import Config
from nines.config.reports import ReportMailConfig
from nines.report_letter import Attachment, letter
from nines.storage.errors import StorageError
from nines.storage.report_mails import ReportMailRecords
from nines.tasks import our_fault
from nines.threads import StorageThreads
from slo.window import Period
from web.problem import ProblemError
from web.report_making import NothingToTellError, Reports

LOOK_EVERY = timedelta(seconds=30)
PATIENCE = timedelta(minutes=30)  # thousands of SLOs are counted in minutes, and nobody waits
_LEASE = timedelta(minutes=40)  # longer than making, drawing and sending one can take

log = structlog.get_logger("nines.report_mails")


class ReportMails:
    """Looks twice a minute for what is due, on the clock that it is given."""

    def __init__(
        self,
        *,
        config: Callable[[], Config],
        reports: Callable[[], Reports],
        records: ReportMailRecords,
        threads: StorageThreads,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._config = config
        self._reports = reports
        self._records = records
        self._threads = threads
        self._clock = clock
        self._new_id = new_id
        self._known: list[Posting] | None = None  # None: not read yet

    async def run(self) -> None:
        """Look until it is cancelled."""
        while True:
            try:
                await self.look()
            except StorageError as error:
                self._known = None
                log.warning("report_mails_put_off", error=str(error))
            await self._clock.sleep(LOOK_EVERY.total_seconds())

    async def look(self) -> None:
        """Write down what is owed, and try to send it. Raises StorageError."""
        mails = self._config().reports.mail
        if not mails:
            return
        known = await self._read() if self._known is None else self._known
        new = [one for name, mail in mails.items() for one in self._owed(name, mail, known)]
        if new:
            await self._threads.write(lambda: self._records.plan(new))
            known = await self._read()
        now = self._clock.now()
        waiting = [
            one
            for one in known
            if one.state is PostingState.WAITING and one.next_at <= now and one.name in mails
        ]
        for one in waiting:
            await self._send(one, mails[one.name])
        if waiting:
            self._reports().forget()

    def problems(self) -> list[str]:
        """What could not be mailed, in sentences."""
        mails, now = self._config().reports.mail, self._clock.now()
        said = (problem_of(one, now) for one in self._known or () if one.name in mails)
        return [one for one in said if one is not None]

    async def standing(self) -> Sequence[ReportMailStanding]:
        """How each entry stands, in the configuration's order."""
        known = await self._read()
        return [
            self._standing(name, mail, known) for name, mail in self._config().reports.mail.items()
        ]

    async def send(self, name: str, slug: str | None, by: str) -> str:
        """Mail one now, beside the schedule and not in place of it; gives what the server said.

        `slug` names the period; None: the newest that is over. Raises ReportMailError.
        """
        mail = self._config().reports.mail.get(name)
        if mail is None:
            raise ReportMailError(404, f"No report is mailed by the name {name[:100]!r}.")
        zone = self._config().reports.zone
        try:
            period = self._running(mail).previous if slug is None else read_period(slug, zone)
        except ValueError as error:
            raise ReportMailError(400, f"{error}.") from None
        had: set[str] = set()
        try:
            told = await self._hand_in(name, mail, period, f"now.{self._new_id()}", had)
        except ProblemError as error:
            raise ReportMailError(error.status, str(error)) from None
        except (DeliveryError, ValueError) as error:
            raise ReportMailError(502, f"It could not be mailed: {error}") from None
        log.info("report_mailed", report=name, period=period.slug, by=by, said=told)
        return told

    # --- how -------------------------------------------------------------------------------------

    def _running(self, mail: ReportMailConfig) -> ReportPeriod:
        return period_at(Period(mail.every), self._clock.now(), self._config().reports.zone)

    def _owed(self, name: str, mail: ReportMailConfig, known: Sequence[Posting]) -> list[Posting]:
        """What is due and not on record. The first time that we hear of an entry, what was due
        before is on record from then on, and not sent.
        """
        running, now = self._running(mail), self._clock.now()
        own = {one.period for one in known if one.name == name and _is(one.period, running)}
        state = PostingState.WAITING if own else PostingState.SKIPPED
        return [
            Posting(name, period.slug, state, at, at, ended_at=None if own else now)
            for period, at in owed(running, self._due(mail), now, own)
        ]

    def _due(self, mail: ReportMailConfig) -> Callable[[ReportPeriod], datetime]:
        return due_of(mail.at, mail.zone or self._config().reports.zone)

    async def _read(self) -> list[Posting]:
        self._known = await self._threads.read(self._records.load)
        return self._known

    async def _send(self, owed_one: Posting, mail: ReportMailConfig) -> None:
        now = self._clock.now()
        one = await self._threads.write(lambda: self._records.claim(owed_one, now, now + _LEASE))
        if one is not None:
            ended = await self._tried(one, mail)
            await self._threads.write(lambda: self._records.settle(ended))
        await self._read()

    async def _tried(self, one: Posting, mail: ReportMailConfig) -> Posting:
        """What became of it."""
        period, had = read_period(one.period, self._config().reports.zone), set(one.had)
        told = log.bind(report=one.name, period=one.period)
        try:
            said = await self._hand_in(one.name, mail, period, f"{one.name}.{one.period}", had)
        except NothingToTellError as error:
            told.info("report_skipped", why=str(error))
            now = self._clock.now()
            return replace(one, state=PostingState.SKIPPED, problem=None, ended_at=now)
        except (DeliveryError, ProblemError, ValueError) as error:
            problem = str(error)
        except Exception as error:
            log.exception("report_broke", report=one.name)
            problem = our_fault("make it", error)
        else:
            told.info("report_mailed", said=said)
            return self._sent(one, mail, had, said)
        told.warning("report_not_mailed", problem=problem)
        return after_failure(replace(one, had=tuple(sorted(had))), problem, self._clock.now())

    def _sent(self, one: Posting, mail: ReportMailConfig, had: set[str], said: str) -> Posting:
        everybody = {mailbox(each).addr_spec for each in self._readers(mail)}
        return replace(
            one,
            state=PostingState.SENT,
            had=tuple(sorted(had)),
            problem=None if everybody <= had else said,
            ended_at=self._clock.now(),
        )

    def _sender(self, mail: ReportMailConfig) -> EmailConfig:
        receiver = self._config().alerting.receivers.get(mail.receiver)
        if receiver is None or not isinstance(receiver.config, EmailConfig):
            raise ValueError(f"there is no email receiver {mail.receiver!r}")  # a reload's moment
        return receiver.config

    def _readers(self, mail: ReportMailConfig) -> Sequence[str]:
        return mail.to or self._sender(mail).to

    async def _hand_in(
        self, name: str, mail: ReportMailConfig, period: ReportPeriod, mail_id: str, had: set[str]
    ) -> str:
        """Make it, and hand it to the server. Raises DeliveryError, ProblemError or ValueError."""
        sender, reports = self._sender(mail), self._reports()
        door = email.build(sender, external_url=reports.external_url)
        made = await reports.of(period, mail.owner)
        attachments, notes = await self._attached(made, mail)
        to = self._readers(mail)
        view = report_view(made, mail.view, ())
        content = letter(
            await asyncio.to_thread(mail_text, view, reports.external_url, notes),
            message_id=mail_id,
            sender=sender.sender,
            to=to,
            at=self._clock.now(),
            about=f"{name} {period.slug}",
            attachments=attachments,
        )
        receipt = await door.hand_in(content.as_bytes(), to, had)
        return receipt.detail

    async def _attached(
        self, made: Report, mail: ReportMailConfig
    ) -> tuple[list[Attachment], tuple[str, ...]]:
        """The files, and what is to be said of those that could not be made."""
        stem, found = f"nines-{made.facts.period.slug}", []
        notes: tuple[str, ...] = ()
        if "pdf" in mail.attach:
            try:
                drawn = await self._reports().pdf(made, mail.view)
                found.append(Attachment(f"{stem}.pdf", "application/pdf", drawn))
            except ProblemError as error:
                notes = (f"The PDF is missing: {error}",)
        if "csv" in mail.attach:
            table = report_csv(made).encode()
            found.append(Attachment(f"{stem}.csv", "text/csv", table))
        return found, notes

    def _standing(
        self, name: str, mail: ReportMailConfig, known: Sequence[Posting]
    ) -> ReportMailStanding:
        now, due, running = self._clock.now(), self._due(mail), self._running(mail)
        coming = due(running.previous)
        zone = mail.zone or self._config().reports.zone
        own = [one for one in known if one.name == name]
        return ReportMailStanding(
            name=name,
            every=mail.every,
            at=f"{mail.at:%H:%M}",
            zone=zone.key,
            to=tuple(self._readers(mail)),
            owner=mail.owner,
            view=mail.view,
            next_at=coming if coming > now else due(running),
            last=own[-1] if own else None,
        )


def due_of(at: time, zone: ZoneInfo) -> Callable[[ReportPeriod], datetime]:
    """When a period's report is due: the first time after its end that the clock there shows `at`.

    Where clocks leap over it, it is as long after midnight; where it comes twice, the first counts.
    """
    trigger = CronTrigger(hour=at.hour, minute=at.minute, second=0, timezone=zone)

    def due(period: ReportPeriod) -> datetime:
        first: datetime = trigger.get_next_fire_time(None, period.end.astimezone(zone))
        return max(first.astimezone(UTC), period.end + SETTLED)

    return due


def _is(slug: str, running: ReportPeriod) -> bool:
    """Whether it is of the same kind: an entry may have become a monthly one."""
    try:
        return read_period(slug, running.zone).kind == running.kind
    except ValueError:
        return False
