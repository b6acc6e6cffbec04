"""Mail: real SMTP, real STARTTLS, and nobody left out because of somebody else."""

import logging
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.policy import default as default_policy

import pytest
from hypothesis import given, settings

from alerting.notification import AttemptOutcome, Message
from alerting.receivers import email
from alerting.receivers.email import Email, EmailConfig, mail, subject
from alerting.routes import Route
from nines.demo.inbox import Inbox
from nines.demo.inbox_mail import Login, MailServer
from slo.severity import Severity
from tests.alerting.receivers.messages import (
    ACKNOWLEDGE,
    RESOLVE,
    UPDATE,
    horrible,
    line,
    message,
    notice,
)
from tests.alerting.receivers.outcomes import AMBIGUOUS, OK, PERMANENT, RETRY, deliver
from tests.alerting.scene import PAGE, TICKET, Scene, only

FROM = "Nines <nines@example.com>"
ANN, BOB, CAT = "ann@example.com", "bob@example.com", "cat@example.com"


def receiver(smtp: str, to: Sequence[str] = (ANN,), **more: object) -> Email:
    raw = {"smtp": smtp, "from": FROM, "to": to, **more}
    return email.build(EmailConfig.model_validate(raw), external_url="https://nines.example")


@asynccontextmanager
async def server(
    tls: ssl.SSLContext | None = None,
    login: Login | None = None,
    implicit: ssl.SSLContext | None = None,
) -> AsyncIterator[MailServer]:
    stands = MailServer(10, tls=tls, login=login)
    await stands.start(implicit_tls=implicit)
    try:
        yield stands
    finally:
        await stands.stop()


async def test_a_mail_arrives_as_text_and_as_html() -> None:
    async with Inbox.start() as inbox:
        result = await deliver(receiver(inbox.smtp_url, [ANN, BOB]), message())

        assert (result.outcome, result.status) == (OK, 250)
        [arrived] = inbox.mails
        assert arrived.recipients == (ANN, BOB)
        assert arrived.content["To"] == f"{ANN}, {BOB}"
        assert arrived.text.startswith("Shop availability: burning 14.6x")
        assert "Runbook: https://runbooks.example/shop" in arrived.text
        assert 'href="https://nines.example/incidents/01JD3T8ZINCIDENT"' in arrived.html


async def test_the_mails_of_an_incident_are_one_thread() -> None:
    async with Inbox.start() as inbox:
        for number, kind in enumerate([UPDATE, ACKNOWLEDGE, RESOLVE], start=1):
            await deliver(receiver(inbox.smtp_url), message(kind, number))

        heads = [arrived.content for arrived in inbox.mails]
        assert {head["References"] for head in heads} == {"<i.01JD3T8ZINCIDENT@example.com>"}
        assert {head["In-Reply-To"] for head in heads} == {"<i.01JD3T8ZINCIDENT@example.com>"}
        assert [head["Message-ID"] for head in heads] == [
            "<n.01JD3T8Z0001@example.com>",
            "<n.01JD3T8Z0002@example.com>",
            "<n.01JD3T8Z0003@example.com>",
        ]
        assert [head["Subject"] for head in heads] == [
            "[FIRING] Shop availability (page) since 2026-11-20 14:00 UTC",
            "[ACKNOWLEDGED] Shop availability (page) since 2026-11-20 14:00 UTC",
            "[RESOLVED] Shop availability (page) since 2026-11-20 14:00 UTC",
        ]


def test_the_subject_of_a_notice_is_the_notice() -> None:
    assert subject(notice()) == (
        "[NOTICE] Shop availability: 24.9 % of the 30d budget left (10 min 45 s), below 25 %"
    )


def test_a_mail_shows_a_notice_among_alerts_as_what_it_is() -> None:
    (noticed,) = notice().alerts
    text = mail(message(alerts=(line(), noticed)), FROM, [ANN]).get_body(["plain"])

    assert text is not None
    assert "\n* availability: 24.9 % of the 30d budget left" in text.get_content()


def test_the_head_says_that_no_person_wrote_it() -> None:
    written = mail(message(), FROM, [ANN])

    assert written["Auto-Submitted"] == "auto-generated"
    assert written["Date"] == "Fri, 20 Nov 2026 14:01:00 +0000"
    assert written["X-Nines-Incident"] == "01JD3T8ZINCIDENT"


def test_the_mail_is_the_same_at_every_try() -> None:
    first, second = (mail(message(), FROM, [ANN]) for _ in range(2))
    for written in (first, second):
        written.set_boundary("fixed")

    assert first.as_bytes() == second.as_bytes()


def subjects(*steps: tuple[str, str, Severity]) -> list[str]:
    """The subjects of the mails that these steps bring: (fires or ends, SLO, severity)."""
    scene = Scene(Route(receivers=("mail",)))
    told = [getattr(scene, verb)(slo, severity) for verb, slo, severity in steps]
    return [subject(only(decision, lambda n: n.receiver == "mail").message) for decision in told]


def test_the_subject_names_service_slo_and_severity_and_stays() -> None:
    assert subjects(
        ("fires", "availability", PAGE),
        ("fires", "latency", TICKET),
        ("ends", "availability", PAGE),
        ("ends", "latency", TICKET),
    ) == [
        "[FIRING] Shop availability (page) since 2026-11-20 14:00 UTC",
        "[FIRING] Shop availability (page) since 2026-11-20 14:00 UTC",
        "[FIRING] Shop availability (page) since 2026-11-20 14:00 UTC",
        "[RESOLVED] Shop availability (page) since 2026-11-20 14:00 UTC",
    ]


def test_the_subject_says_in_its_brackets_when_it_became_louder() -> None:
    assert subjects(("fires", "latency", TICKET), ("fires", "availability", PAGE))[1] == (
        "[FIRING, now page] Shop latency (ticket) since 2026-11-20 14:00 UTC"
    )


@settings(max_examples=20, deadline=None)
@given(horrible())
def test_no_text_breaks_the_mail(bad: Message) -> None:
    sent = mail(bad, FROM, [ANN]).as_bytes()
    read = message_from_bytes(sent, policy=default_policy)

    assert all(len(row) <= 998 for row in sent.split(b"\r\n"))
    assert len(subject(bad)) <= 200
    assert read["Bcc"] is None
    assert str(read["Subject"]).strip().startswith("[")
    html = read.get_body(("html",))
    assert html is not None
    assert "<script" not in html.get_content()
    assert not read.defects


def test_a_runbook_that_is_no_address_is_no_link() -> None:
    written = mail(message(runbook="javascript:alert(1)"), FROM, [ANN])

    body = written.get_body(("html",))
    assert body is not None
    assert "Runbook: javascript:alert(1)" in body.get_content()
    assert 'href="javascript' not in body.get_content()


def test_what_else_fires_and_what_is_over_is_listed() -> None:
    some = message(alerts=(line(), line("latency"), line("search", over=True)))

    text = mail(some, FROM, [ANN]).get_body(("plain",))
    assert text is not None
    assert "\n* latency (page, 1h and 5m)" in text.get_content()
    assert "\n* over: search (page, 1h and 5m)" in text.get_content()


async def test_a_bad_address_keeps_the_mail_from_nobody_else() -> None:
    async with Inbox.start() as inbox:
        inbox.faults.recipients[BOB] = "550 5.1.1 no such mailbox"
        result = await deliver(receiver(inbox.smtp_url, [ANN, BOB, CAT]), message())

        assert result.outcome is OK
        assert inbox.mails[0].recipients == (ANN, CAT)
        assert "for 2 of 3; refused: bob@example.com: 550 5.1.1 no such mailbox" in result.said


async def test_when_every_address_is_bad_it_is_over() -> None:
    async with Inbox.start() as inbox:
        inbox.faults.recipients[ANN] = "550 no such mailbox"
        result = await deliver(receiver(inbox.smtp_url), message())

    assert (result.outcome, result.status) == (PERMANENT, 550)


async def test_who_was_put_off_is_tried_again_alone() -> None:
    async with Inbox.start() as inbox:
        inbox.faults.recipients[BOB] = "451 4.7.1 greylisted"
        sender = receiver(inbox.smtp_url, [ANN, BOB])
        first = await deliver(sender, message())
        inbox.faults.recipients.clear()
        second = await deliver(sender, message(), attempt=2)

        assert [(first.outcome, first.status), (second.outcome, second.status)] == [
            (RETRY, 451),
            (OK, 250),
        ]
        assert [arrived.recipients for arrived in inbox.mails] == [(ANN,), (BOB,)]
        assert "for 2 of 2" in second.said


@pytest.mark.parametrize(
    ("reply", "outcome", "status"),
    [
        ("451 4.3.0 try later", RETRY, 451),
        ("452 4.3.1 disk full", RETRY, 452),
        ("552 5.3.4 too big", PERMANENT, 552),
        ("554 5.7.1 spam", PERMANENT, 554),
        ("", AMBIGUOUS, None),
    ],
    ids=["later", "disk full", "too big", "spam", "connection lost after the content"],
)
async def test_each_answer_to_the_content_has_its_outcome(
    reply: str, outcome: AttemptOutcome, status: int | None
) -> None:
    async with Inbox.start() as inbox:
        inbox.faults.mail.append(reply)
        result = await deliver(receiver(inbox.smtp_url), message())

    assert (result.outcome, result.status) == (outcome, status)


async def test_a_mail_that_may_have_arrived_comes_again_with_the_same_id() -> None:
    async with Inbox.start() as inbox:
        inbox.faults.mail.append("")
        sender = receiver(inbox.smtp_url)
        await deliver(sender, message())
        again = await deliver(sender, message(), attempt=2)

        assert again.outcome is OK
        assert len(inbox.mails) == 2
        assert len({arrived.content["Message-ID"] for arrived in inbox.mails}) == 1


async def test_a_server_that_is_not_there_got_nothing() -> None:
    async with Inbox.start() as inbox:
        address = inbox.smtp_url

    result = await deliver(receiver(address), message())

    assert result.outcome is RETRY
    assert "cannot be reached" in result.said


async def test_a_server_that_says_nothing_got_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(email, "STEP_TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it never accepts
        result = await deliver(receiver(f"smtp://127.0.0.1:{silent.getsockname()[1]}"), message())

    assert result.outcome is RETRY
    assert result.said.endswith("time ran out")


async def test_starttls_by_a_known_authority(server_tls: ssl.SSLContext, ca_file: str) -> None:
    async with server(server_tls) as stands:
        address = f"smtp://localhost:{stands.port}"
        sender = receiver(address, starttls="required", ca_file=ca_file)
        result = await deliver(sender, message())

        assert result.outcome is OK
        assert len(stands.mails) == 1


async def test_starttls_by_a_stranger_sends_nothing(server_tls: ssl.SSLContext) -> None:
    async with server(server_tls) as stands:
        sender = receiver(f"smtp://localhost:{stands.port}", starttls="required")
        result = await deliver(sender, message())

        assert result.outcome is RETRY
        assert "certificate" in result.said
        assert not stands.mails


async def test_a_certificate_for_another_name_is_a_strangers(
    server_tls: ssl.SSLContext, ca_file: str
) -> None:
    async with server(server_tls) as stands:
        address = f"smtp://127.0.0.1:{stands.port}"  # the certificate is for localhost
        result = await deliver(receiver(address, starttls="required", ca_file=ca_file), message())

    assert result.outcome is RETRY
    assert "certificate" in result.said


async def test_without_starttls_nothing_is_sent_where_it_is_required() -> None:
    async with server() as stands:
        address = f"smtp://127.0.0.1:{stands.port}"
        result = await deliver(receiver(address, starttls="required"), message())

        assert result.outcome is RETRY
        assert "offers no STARTTLS" in result.said
        assert not stands.mails


async def test_tls_from_the_first_byte(server_tls: ssl.SSLContext, ca_file: str) -> None:
    async with server(implicit=server_tls) as stands:
        address = f"smtps://localhost:{stands.port}"
        known = await deliver(receiver(address, ca_file=ca_file), message())
        stranger = await deliver(receiver(address), message())

    assert (known.outcome, stranger.outcome) == (OK, RETRY)


async def test_signing_in(server_tls: ssl.SSLContext, ca_file: str) -> None:
    async with server(server_tls, Login("nines", "p4ssw0rd")) as stands:
        more = {"starttls": "required", "ca_file": ca_file, "user": "nines"}
        address = f"smtp://localhost:{stands.port}"
        right = await deliver(receiver(address, password="p4ssw0rd", **more), message())
        wrong = await deliver(receiver(address, password="wr0ng", **more), message())

    assert right.outcome is OK
    assert (wrong.outcome, wrong.status) == (PERMANENT, 535)


async def test_the_password_is_in_no_text(
    server_tls: ssl.SSLContext, ca_file: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with server(server_tls, Login("nines", "other")) as stands:
        more = {"starttls": "required", "ca_file": ca_file, "user": "nines"}
        sender = receiver(f"smtp://localhost:{stands.port}", password="p4ssw0rd", **more)
        with caplog.at_level(logging.DEBUG):
            result = await deliver(sender, message())

    assert result.outcome is PERMANENT
    assert "p4ssw0rd" not in caplog.text + result.said + repr(sender._config)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"smtp": "mail.example.com"}, "write smtp://host:25"),
        ({"smtp": "smtp://u:p4ss@mail.example.com"}, "keys of their own"),
        ({"smtp": "smtp://mail.example.com/x"}, "nothing may follow"),
        ({"smtp": "smtp://mail.example.com:x"}, "cannot be read"),
        ({"from": "nobody"}, "not a mail address"),
        ({"from": "a@b@c"}, "not a mail address"),
        ({"to": []}, "at least 1"),
        ({"to": ["ann@example.com\r\nBcc: x@example.com"]}, "a mail address is ASCII"),
        ({"to": [ANN, "Ann <ANN@example.com>"]}, "stands twice"),
        ({"user": "nines"}, "come together"),
        ({"user": "nines", "password": "p4ss", "starttls": "never"}, "in the clear"),
        ({"smtp": "smtps://mail.example.com", "starttls": "required"}, "of no use"),
        ({"port": 25}, "Extra inputs"),
    ],
)
def test_a_wrong_configuration_is_refused_in_words(
    changes: dict[str, object], problem: str
) -> None:
    raw = {"smtp": "smtp://mail.example.com", "from": FROM, "to": [ANN], **changes}

    with pytest.raises(ValueError, match=problem) as error:
        EmailConfig.model_validate(raw)

    assert "p4ss" not in str(error.value)


@pytest.mark.parametrize(
    ("smtp", "upgrades"),
    [
        ("smtp://mail.example.com", True),
        ("smtp://10.0.0.5:25", True),
        ("smtp://localhost:25", False),
        ("smtp://127.0.0.1:1025", False),
        ("smtp://[::1]:25", False),
        ("smtps://mail.example.com", False),
    ],
)
def test_starttls_is_required_but_on_this_machine(smtp: str, upgrades: bool) -> None:
    config = EmailConfig.model_validate({"smtp": smtp, "from": FROM, "to": [ANN]})

    assert config.upgrades is upgrades
