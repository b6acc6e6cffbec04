"""Page people through PagerDuty's Events API v2, with the incident's id as the dedup_key.

A notice is a change event: it opens nothing that somebody would have to resolve.
"""

import functools
import json
import logging
import re
import socket
import warnings
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import requests
from pydantic import AfterValidator, ConfigDict, Field
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from alerting import receipt, wording
from alerting.notification import (
    AlertLine,
    DeliveryError,
    Handle,
    Message,
    NotificationKind,
    Receipt,
)
from alerting.receivers import answers, evidence
from alerting.receivers.address import CA_FILE, PROXY, BaseAddress, Proxy, host_of, trust
from alerting.receivers.source import TemplatedConfig
from alerting.receivers.text import one_line, printable, without
from alerting.receivers.threads import Threads, opened
from slo.rule import is_of_rule
from slo.secret import Secret, SecretText
from slo.severity import Severity
from slo.units import Duration

with warnings.catch_warnings():
    # It says on import that it is deprecated: docs/decisions/0002-named-libraries.md.
    warnings.filterwarnings("ignore", r'The package "pdpyras" is deprecated', UserWarning)
    import pdpyras

# PagerDuty's documentation: "PD-CEF" and "Send an event", with limits on the summary (1024
# characters) and the whole event (512 kB). The others are ours: nobody reads further.
SUMMARY_LIMIT = 1024
BODY_LIMIT = 512_000
NAME_LIMIT = 255
LINK_LIMIT = 2048
LINES_LIMIT = 50
CONNECT_AND_READ = (3.05, 10)  # seconds
WITHIN = timedelta(seconds=15)

SEVERITIES = {Severity.PAGE: "critical", Severity.TICKET: "warning", Severity.INFO: "info"}
ACTIONS = {
    NotificationKind.TRIGGER: "trigger",
    NotificationKind.UPDATE: "trigger",  # the same dedup_key: the open alert is brought up to date
    NotificationKind.ACKNOWLEDGE: "acknowledge",
    NotificationKind.RESOLVE: "resolve",
}

_KEY = re.compile(r"(routing|integration|service)[ _]key", re.IGNORECASE)

Event = dict[str, Any]


def _routing_key(secret: Secret) -> Secret:
    key = secret.value
    if len(key) != 32 or not (key.isascii() and key.isalnum()):
        raise ValueError(f"a routing key has 32 letters and digits; this has {len(key)} characters")
    return secret


def _receipt(value: timedelta) -> timedelta:
    if not timedelta(seconds=5) <= value <= timedelta(hours=1):
        raise ValueError("a receipt takes a few seconds: write from 5s to 1h")
    return value


class PagerDutyConfig(TemplatedConfig):
    """`pagerduty:` in config.yaml. In the EU, `url` is https://events.eu.pagerduty.com."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    routing_key: Annotated[SecretText, AfterValidator(_routing_key)] = Field(
        description="The integration key of an Events API v2 integration."
    )
    url: BaseAddress = Field(
        "https://events.pagerduty.com", description="The address below which /v2/enqueue is."
    )
    webhook_secret: SecretText | None = Field(
        None, description="The secret of a webhook subscription (v3) that tells us what became."
    )
    receipt_within: Annotated[Duration, AfterValidator(_receipt)] = Field(
        receipt.WITHIN,
        description="How long its webhook may take to tell of an incident, once it has proven "
        "itself, before another receiver speaks.",
    )
    proxy: Proxy | None = Field(None, description=PROXY)
    ca_file: Path | None = Field(None, description=CA_FILE)


def event(message: Message) -> Event:
    """What PagerDuty is sent, but for the routing key; always within its limits."""
    if message.kind.alone:
        return _change(message)
    action = ACTIONS[message.kind]
    if action != "trigger":
        return {"event_action": action, "dedup_key": message.incident_id}
    full = smallest_event(message)
    full |= {"client": "Nines", "client_url": message.incident_url, "links": _links(message)}
    full["payload"] |= {
        "timestamp": message.decided_at.isoformat(),
        "component": one_line(message.alerts[0].slo, NAME_LIMIT),
        "group": one_line(message.service, NAME_LIMIT),
        "class": _class(message.alerts[0]),
        "custom_details": _details(message),
    }
    return _fitting(full)


def _class(line: AlertLine) -> str:
    is_of_slo = line.origin is None and not is_of_rule(line.rule)
    return f"slo_{line.kind}" if is_of_slo else str(line.kind)


def _change(message: Message) -> Event:
    """A change event: it stands beside the service's incidents, opens none and rings no phone."""
    full = {
        "payload": {
            "summary": one_line(message.title, SUMMARY_LIMIT),
            "source": one_line(message.service, NAME_LIMIT) or "nines",
            "timestamp": message.decided_at.isoformat(),
            "custom_details": _details(message),
        },
        "links": _links(message),
    }
    return _fitting(full)


def _fitting(full: Event) -> Event:
    if _size(full) >= BODY_LIMIT:
        note = "The details are too long for PagerDuty; the incident's page has them."
        full["payload"]["custom_details"] = {"note": note}
    return full


def smallest_event(message: Message) -> Event:
    """The same with nothing in it that PagerDuty could object to."""
    if message.kind.alone:
        return {
            "payload": {
                "summary": one_line(message.title, SUMMARY_LIMIT),
                "timestamp": message.decided_at.isoformat(),
            }
        }
    return {
        "event_action": "trigger",
        "dedup_key": message.incident_id,
        "payload": {
            "summary": one_line(message.title, SUMMARY_LIMIT),
            "source": one_line(message.service, NAME_LIMIT) or "nines",
            "severity": SEVERITIES[message.severity],
        },
    }


class PagerDuty:
    """One integration key."""

    def __init__(self, config: PagerDutyConfig) -> None:
        self._config = config
        self._who = f"PagerDuty ({host_of(config.url)})"
        self._threads = Threads("pagerduty", WITHIN)
        if config.ca_file is not None:
            trust(config.ca_file)  # what cannot be read is said now, not with the first page

    async def deliver(self, message: Message, *, handle: Handle, attempt: int) -> Receipt:
        """Send the event once. Sent again, it changes nothing: the dedup_key sees to that.

        A change event has no such key: after a lost answer it may stand there twice.
        """
        del handle, attempt  # PagerDuty knows the incident by our own id
        if message.kind is NotificationKind.MISSED:
            # A trigger whose answer was lost may have opened it; a change event closes nothing.
            await self._send({"event_action": "resolve", "dedup_key": message.incident_id})
        try:
            return await self._send(event(message))
        except DeliveryError as error:
            full = message.kind.alone or ACTIONS[message.kind] == "trigger"
            objected = error.status in (400, 413) and full and not error.parks
            if not objected:
                raise
        # A page with less in it is better than none.
        receipt = await self._send(smallest_event(message))
        return Receipt(f"{receipt.detail}; without details, which it refused", receipt.status)

    async def close(self) -> None:
        """Wait a moment for calls under way."""
        await self._threads.close()

    async def _send(self, sent: Event) -> Receipt:
        try:
            response = await self._threads.call(functools.partial(self._post, sent))
        except TimeoutError as error:
            raise answers.lost(self._who, error) from error
        except pdpyras.PDClientError as error:
            raise self._broken(error) from error
        said = without(response.text[:4096], self._config.routing_key.value)
        if response.status_code == 202:  # with or without a dedup_key in it: it was our own
            return Receipt(_accepted(response), response.status_code)
        words = _words(said)
        refused = answers.refused(self._who, response.status_code, response.headers, words)
        # It answers 400 to a key that it does not know, too: no other event would get through.
        refused.parks |= response.status_code == 400 and bool(_KEY.search(words))
        raise refused

    def _post(self, sent: Event) -> requests.Response:
        # Both take the same integration key, which the session puts in.
        path = "/v2/enqueue" if "event_action" in sent else "/v2/change/enqueue"
        with _SingleShot(self._config) as session:
            try:
                # `post` rather than `trigger`: that one takes an accepted event for a failure
                # when the answer has no dedup_key.
                response: requests.Response = session.post(path, json=sent, allow_redirects=False)
            except pdpyras.PDHTTPError as error:  # 401, the one status that it raises for
                response = error.response
            return response

    def _broken(self, error: BaseException) -> DeliveryError:
        network = error.__cause__
        if isinstance(network, requests.ReadTimeout) or not _before_sending(network):
            return answers.lost(self._who, network or error)
        return answers.unreached(self._who, network or error)


def build(config: PagerDutyConfig, *, external_url: str) -> PagerDuty:
    """The receiver. Raises ValueError when a file it needs cannot be used."""
    del external_url  # messages bring their addresses
    return PagerDuty(config)


class _Connection(HTTPConnection):
    """One that is cut when its call is given up."""

    def _new_conn(self) -> socket.socket:
        return opened(super()._new_conn())


class _TLSConnection(HTTPSConnection):
    """One that is cut when its call is given up."""

    def _new_conn(self) -> socket.socket:
        return opened(super()._new_conn())


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class _Adapter(HTTPAdapter):
    """Makes connections that are cut when their call is given up, through a proxy too."""

    def init_poolmanager(self, *args: Any, **more: Any) -> None:  # noqa: ANN401 - as requests has it
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **more: Any) -> Any:  # noqa: ANN401
        manager = super().proxy_manager_for(proxy, **more)
        manager.pool_classes_by_scheme = _POOLS
        return manager


_POOLS = {"http": _Pool, "https": _TLSPool}


class _SingleShot(pdpyras.EventsAPISession):  # type: ignore[misc]  # the library has no types
    """One request, whatever comes of it: retries are the outbox's, which survives a restart.

    Left to itself the library tries a 429 again for ever, sleeping between, and follows redirects
    with the routing key in the body. A connection is opened for each event: the pool of a session
    that has been quiet for hours holds only closed ones.
    """

    max_network_attempts = 0
    max_http_attempts = -1
    timeout = CONNECT_AND_READ

    def __init__(self, config: PagerDutyConfig) -> None:
        super().__init__(config.routing_key.value)
        self.url = config.url
        self.retry = dict.fromkeys([429, 500, 502, 503, 504], 1)  # given up before the first
        self.log = _quiet
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter())
        self.trust_env = False  # no proxy and no .netrc that the configuration does not name
        self.verify = str(config.ca_file) if config.ca_file else True
        self.proxies = {"http": config.proxy, "https": config.proxy} if config.proxy else {}


_quiet = logging.getLogger(f"{__name__}.pdpyras")
_quiet.disabled = (
    True  # what it would say is said by the DeliveryError, without "exceeded -1 tries"
)


def _before_sending(error: BaseException | None) -> bool:
    """Whether the connection was never made: a refusal, a name not found, a bad certificate."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.SSLError):
        return True
    if isinstance(error, requests.exceptions.ProxyError):
        return True
    return isinstance(error, requests.ConnectionError) and "NewConnectionError" in repr(error)


def _accepted(response: requests.Response) -> str:
    return f"PagerDuty accepted it{answers.quoted(_words(response.text[:4096]))}"


def _words(body: str) -> str:
    """`message: errors` of PagerDuty's answer, or the answer itself."""
    try:
        said = json.loads(body)
    except ValueError:
        return body
    if not isinstance(said, dict):
        return body
    errors = said.get("errors") or []
    parts = [said.get("message") or "", *(errors if isinstance(errors, list) else [errors])]
    return ": ".join(str(part) for part in parts if part)


def _links(message: Message) -> list[Mapping[str, str]]:
    return [
        {"href": address, "text": one_line(words, NAME_LIMIT)}
        for words, address in evidence.links(message)[:LINES_LIMIT]
        if len(address) <= LINK_LIMIT
    ]


def _details(message: Message) -> dict[str, Any]:
    """The table that PagerDuty shows below the summary; numbers for its event rules beside it."""
    lead = message.alerts[0]
    facts = lead.facts
    details: dict[str, Any] = {
        "what happens": printable(wording.paragraph(message)),
        **{what.lower(): printable(text) for what, text in evidence.rows(lead)},
        "alerts": [printable(wording.line_text(line)) for line in evidence.firing(message)],
        "burn_rate": facts.burn_long,
        "budget_left_ratio": facts.budget_left_ratio,
        "long_window": facts.long,
        "short_window": facts.short,
        "owner": message.owner,
        "runbook": message.runbook,
        "labels": {printable(key): printable(value) for key, value in message.labels.items()},
        "linked_to": message.linked_to,
        "notification_id": message.notification_id,
        "revision": message.revision,
    }
    details["alerts"] = details["alerts"][:LINES_LIMIT]
    return {key: value for key, value in details.items() if value not in (None, [], {}, "")}


def _size(full: Event) -> int:
    """Bytes as the library will send them, with room for the routing key."""
    return len(json.dumps(full)) + 64
