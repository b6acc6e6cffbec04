"""Reports come by mail, each once, whatever happens to Nines or to the mail server meanwhile."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pypdf import PdfReader

from dashboards.report_period import read_period
from dashboards.report_posting import ReportMailError
from nines.demo.inbox import Inbox
from nines.demo.inbox_mail import Mail
from nines.report_mails import ReportMails, due_of
from nines.storage.report_mails import ReportMailRecords
from tests.nines.living import Living

BERLIN = ZoneInfo("Europe/Berlin")
HOUR, DAY, MINUTE = timedelta(hours=1), timedelta(days=1), timedelta(minutes=1)
CTO, OPS = "cto@example.com", "ops@example.com"
SEVEN = datetime(2026, 11, 21, 7, tzinfo=UTC)  # of the day after the world begins
SLOS = "up: {objective: 99%, sli: {probe: front}}\ncalm: {objective: 99%, sli: {probe: back}}"
MAILED = f"""
reports:
  mail:
    board: {{every: day, receiver: desk-mail, to: [{CTO}, "Ops <{OPS}>"]}}
"""


class World:
    """A Nines with an hour's counts, and the mail server that it knows."""

    def __init__(self, nines: Living, inbox: Inbox) -> None:
        self.nines, self.inbox = nines, inbox

    @property
    def mails(self) -> list[Mail]:
        return [one for one in self.inbox.mails if one.content["X-Nines-Report"]]

    @property
    def told(self) -> list[str]:
        """What each is about."""
        return [str(one.content["X-Nines-Report"]) for one in self.mails]

    async def at(self, moment: datetime) -> None:
        """Let it be so late, and have it look."""
        self.nines.clock.move(moment - self.nines.clock.now())
        await self.nines.service.report_mails.look()

    def problems(self) -> list[str]:
        said = self.nines.service.live.health().problems
        return [one for one in said if one.startswith("The report of")]


async def begun(folder: Path, inbox: Inbox, reports: str = MAILED) -> World:
    nines = Living(folder)
    server = f'smtp: "{inbox.smtp_url}", from: nines@example.com, to: [{OPS}]'
    mail = f"    desk-mail: {{email: {{{server}}}}}"
    nines._head = nines._head.replace("  receivers:\n", f"  receivers:\n{mail}\n", 1)
    nines._head = nines._head.replace("services:\n", f"{reports.strip()}\nservices:\n", 1)
    nines.write(SLOS, "owner: shop-team")
    await nines.open()
    await nines.pass_time(MINUTE, failing=["front"], every=3)
    await nines.service.report_mails.look()
    return World(nines, inbox)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with Inbox.start() as inbox:
        one = await begun(tmp_path, inbox)
        try:
            yield one
        finally:
            await one.nines.service.close()


async def test_it_comes_at_its_hour_and_once(world: World) -> None:
    await world.at(SEVEN - MINUTE)
    assert world.told == []  # nor that of the day before Nines knew of it

    for minute in range(3):
        await world.at(SEVEN + minute * MINUTE)
    await world.nines.restart()
    await world.at(SEVEN + 5 * MINUTE)

    assert world.told == ["board 2026-11-20"]
    await world.at(SEVEN + DAY)
    assert world.told == ["board 2026-11-20", "board 2026-11-21"]


async def test_it_looks_by_itself_as_time_passes(world: World) -> None:
    world.nines.clock.move(SEVEN - MINUTE - world.nines.clock.now())
    looking = asyncio.create_task(world.nines.service.report_mails.run())
    try:
        await world.nines.until(lambda: world.told == ["board 2026-11-20"])
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)

    assert world.nines.clock.now() >= SEVEN


async def test_it_says_how_it_went_as_text_html_csv_and_pdf(world: World) -> None:
    await world.at(SEVEN)

    [mail] = world.mails
    assert mail.recipients == (CTO, OPS)
    assert mail.subject == "SLO report, Friday 20 November 2026: 1 of 2 objectives met"
    assert mail.content["Message-ID"] == "<r.board.2026-11-20@example.com>"
    assert mail.content["Auto-Submitted"] == "auto-generated"
    words = "1 of 2 objectives with data were met; missed: shop/up."
    assert words in " ".join(mail.text.split())
    assert words in " ".join(mail.html.split())
    assert '/reports/2026-11-20?view=executive"' in mail.html
    assert "<script" not in mail.html
    files = {part.get_filename(): part.get_content() for part in mail.content.iter_attachments()}
    assert set(files) == {"nines-2026-11-20.pdf", "nines-2026-11-20.csv"}
    rows = list(csv.DictReader(io.StringIO(files["nines-2026-11-20.csv"])))
    assert [(row["slo"], row["met"]) for row in rows] == [("up", "no"), ("calm", "yes")]
    text = PdfReader(io.BytesIO(files["nines-2026-11-20.pdf"])).pages[0].extract_text()
    assert "1 of 2" in text


async def test_days_that_were_missed_are_caught_up_with(world: World) -> None:
    await world.at(SEVEN)
    await world.nines.service.close()
    world.nines.clock.move(3 * DAY + 2 * HOUR)
    await world.nines.open()

    await world.nines.service.report_mails.look()

    days = [f"board 2026-11-{day}" for day in (20, 21, 22, 23)]
    assert world.told == days


async def test_two_processes_send_it_once(world: World) -> None:
    service = world.nines.service
    others = [
        ReportMails(
            config=lambda: service.config,
            reports=lambda: service._reports,
            records=ReportMailRecords(service.database),
            threads=service.threads,
            clock=world.nines.clock,
            new_id=lambda: "id",
        )
        for _ in range(3)
    ]
    world.nines.clock.move(SEVEN - world.nines.clock.now())

    await asyncio.gather(*(one.look() for one in others))
    await asyncio.gather(*(one.look() for one in others))

    assert world.told == ["board 2026-11-20"]


async def test_what_was_made_for_a_mail_is_not_kept(world: World) -> None:
    await world.at(SEVEN)

    reports = world.nines.service._reports
    assert (reports._made, reports._drawn) == ({}, {})


async def test_whoever_was_killed_with_it_is_followed_by_the_next(world: World) -> None:
    records = ReportMailRecords(world.nines.service.database)
    world.inbox.faults.mail.append("451 not now")
    await world.at(SEVEN)
    [owed] = [one for one in records.load() if one.period == "2026-11-20"]
    await world.nines.service.close()
    await world.nines.open()
    now = SEVEN + MINUTE
    records = ReportMailRecords(world.nines.service.database)
    assert records.claim(owed, now, now + 40 * MINUTE) is not None  # and then it was killed

    await world.at(now + 39 * MINUTE)
    assert world.told == []
    await world.at(now + 40 * MINUTE)

    assert world.told == ["board 2026-11-20"]


async def test_what_the_server_puts_off_is_tried_again_and_told(world: World) -> None:
    world.inbox.faults.mail.append("451 come later")
    await world.at(SEVEN)
    assert world.told == []
    [said] = world.problems()
    assert said.startswith(
        "The report of 2026-11-20 for board could not be mailed: The mail server"
    )
    assert said.endswith("451 come later. It is tried at 07:01 UTC.")

    await world.at(SEVEN + MINUTE / 2)
    assert world.told == []
    await world.at(SEVEN + MINUTE)

    assert world.told == ["board 2026-11-20"]
    assert world.problems() == []


async def test_who_has_it_does_not_get_it_again_even_after_a_restart(world: World) -> None:
    world.inbox.faults.recipients[OPS] = "450 mailbox busy"
    await world.at(SEVEN)
    await world.nines.restart()
    del world.inbox.faults.recipients[OPS]
    await world.at(SEVEN + MINUTE)
    await world.at(SEVEN + HOUR)

    assert [mail.recipients for mail in world.mails] == [(CTO,), (OPS,)]
    assert len({mail.content["Message-ID"] for mail in world.mails}) == 1


async def test_an_address_that_does_not_exist_is_told_for_a_week(world: World) -> None:
    world.inbox.faults.recipients[CTO] = "550 no such user"
    await world.at(SEVEN)

    assert [mail.recipients for mail in world.mails] == [(OPS,)]
    [said] = world.problems()
    assert "did not reach everybody" in said
    assert f"{CTO}: 550 no such user" in said


async def test_a_server_that_is_down_for_days_is_given_up(world: World) -> None:
    world.inbox.faults.mail.extend(["451 no"] * 5)
    await world.at(SEVEN)
    await world.at(SEVEN + 3 * DAY)  # for the last time, and once for each day since

    assert any("2026-11-20 for board could not be mailed and was given up" in one
               for one in world.problems())  # fmt: skip
    assert not world.inbox.faults.mail
    await world.at(SEVEN + 3 * DAY + HOUR)
    assert world.told == ["board 2026-11-21", "board 2026-11-22", "board 2026-11-23"]


async def test_it_is_sent_when_somebody_asks_and_the_schedule_goes_on(world: World) -> None:
    mails = world.nines.service.report_mails
    world.nines.clock.move(SEVEN - HOUR - world.nines.clock.now())

    said = await mails.send("board", None, "ann")
    await mails.send("board", "2026-11", "ann")
    await world.at(SEVEN)

    assert said.endswith("accepted it for 2 of 2")
    assert world.told == ["board 2026-11-20", "board 2026-11", "board 2026-11-20"]
    assert len({mail.content["Message-ID"] for mail in world.mails}) == 3
    for name, period, status in (("nobody", None, 404), ("board", "soon", 400),
                                 ("board", "2020-01", 404)):  # fmt: skip
        with pytest.raises(ReportMailError) as caught:
            await mails.send(name, period, "ann")
        assert caught.value.status == status
    world.inbox.faults.mail.append("451 no")
    with pytest.raises(ReportMailError, match="451 no") as caught:
        await mails.send("board", None, "ann")
    assert caught.value.status == 502


async def test_each_goes_to_its_readers_with_its_owner_s_services(tmp_path: Path) -> None:
    reports = """
reports:
  zone: Asia/Tokyo
  mail:
    weekly: {every: week, at: "09:30", receiver: desk-mail, owner: shop-team, view: technical,
             attach: []}
    monthly: {every: month, at: "08:00", zone: Europe/Berlin, receiver: desk-mail}
"""
    async with Inbox.start() as inbox:
        world = await begun(tmp_path, inbox, reports)
        try:
            standing = await world.nines.service.report_mails.standing()
            assert [one.next_at.isoformat() for one in standing] == [
                "2026-11-23T00:30:00+00:00",  # Monday, half past nine in Tokyo
                "2026-12-01T07:00:00+00:00",  # a month of Tokyo, eight o'clock in Berlin
            ]
            await world.at(standing[0].next_at)
            await world.at(standing[1].next_at)

            assert world.told[0] == "weekly 2026-W47"
            assert "monthly 2026-11" in world.told
            weekly = world.mails[0]
            assert weekly.recipients == (OPS,)
            assert "(shop-team)" in weekly.subject
            assert "Every objective" in weekly.html
            assert list(weekly.content.iter_attachments()) == []
        finally:
            await world.nines.service.close()


@pytest.mark.parametrize(
    ("day", "at", "due"),
    [
        ("2026-11-20", time(7), "2026-11-21T06:00"),
        ("2026-11-20", time(0), "2026-11-20T23:05"),  # once what it counted is stored
        ("2026-03-28", time(2, 30), "2026-03-29T01:30"),  # clocks leap over it
        ("2026-03-28", time(7), "2026-03-29T05:00"),
        ("2026-10-24", time(2, 30), "2026-10-25T00:30"),  # it comes twice
        ("2026-10-24", time(7), "2026-10-25T06:00"),
    ],
    ids=["an hour", "midnight", "in the gap", "after the gap", "twice", "after it came twice"],
)
def test_it_is_due_by_the_clock_of_its_zone(day: str, at: time, due: str) -> None:
    assert due_of(at, BERLIN)(read_period(day, BERLIN)) == datetime.fromisoformat(f"{due}+00:00")
