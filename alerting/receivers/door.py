"""One HTTP request of a receiver to an address that may be secret, and how its answer begins."""

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import httpx
from pydantic import BaseModel, ConfigDict, Field

from alerting.notification import AttemptOutcome, DeliveryError
from alerting.receivers import answers
from alerting.receivers.address import CA_FILE, PROXY, Proxy, SecretAddress, host_of, trust
from alerting.receivers.call import Call, Said, Spare, UnreachedError, make
from alerting.receivers.text import without

TIMEOUT = 15  # seconds, for all of it
ANSWER_LIMIT = 4096


class AddressConfig(BaseModel):
    """What every receiver has that posts to one address, which may hold a token."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: SecretAddress = Field(description="Where notifications are posted; counts as a secret.")
    proxy: Proxy | None = Field(None, description=PROXY)
    ca_file: Path | None = Field(None, description=CA_FILE)


class Answer(NamedTuple):
    """What the other side said; `said` is its beginning, without our secrets."""

    status: int
    headers: Mapping[str, str]
    said: str

    @property
    def taken(self) -> bool:
        return 200 <= self.status < 300


class Door:
    """The way to one address. Redirects are not followed."""

    def __init__(
        self, what: str, config: AddressConfig, *secrets: str, twice_is_once: bool = False
    ) -> None:
        """`twice_is_once`: the other side tells a repetition from news, so that a connection may be
        kept for a moment, and what it lost be said again at once.
        """
        self.who = f"{what} at {host_of(config.url.value)}"
        self._proxy = config.proxy
        self._secrets = (config.url.value, *secrets)
        self._tls: ssl.SSLContext = trust(config.ca_file)
        self._spare = Spare() if twice_is_once else None

    async def send(
        self,
        method: str,
        url: str,
        content: bytes,
        headers: Mapping[str, str],
        within: float = TIMEOUT,
    ) -> Answer:
        """One request. Raises DeliveryError when there is no answer in `within` seconds."""
        proxied = self._through_proxy if self._proxy else self._straight
        try:
            async with asyncio.timeout(within):
                said = await proxied(Call(method, url, headers, content))
        except UnreachedError as error:
            raise answers.unreached(self.who, error) from error
        except OSError as error:  # TimeoutError is one
            raise answers.lost(self.who, error) from error
        text = said.body.decode("utf-8", "replace")
        return Answer(said.status, said.headers, without(text, *self._secrets))

    async def _straight(self, call: Call) -> Said:
        return await make(call, self._tls, ANSWER_LIMIT, self._spare)

    async def _through_proxy(self, call: Call) -> Said:
        """By httpx's transport itself: its client would write the address, and the token in it,
        into the log, and would read an answer of any length.
        """
        request = httpx.Request(
            call.method,
            call.url,
            content=call.content,
            headers={"user-agent": "Nines", **call.headers},
            extensions={"timeout": httpx.Timeout(TIMEOUT, connect=5).as_dict()},
        )
        proxy = httpx.Proxy(self._proxy) if self._proxy else None
        try:
            async with httpx.AsyncHTTPTransport(
                verify=self._tls, trust_env=False, proxy=proxy
            ) as door:
                response = await door.handle_async_request(request)
                try:
                    body = await _beginning(response)
                finally:
                    await response.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            raise UnreachedError from error
        except httpx.TransportError as error:
            raise OSError from error
        return Said(response.status_code, response.headers, body)

    def close(self) -> None:
        """Keep nothing open."""
        if self._spare is not None:
            self._spare.close()

    def refused(self, answer: Answer, words: str | None = None) -> DeliveryError:
        """The error for an answer that is no yes. `words`: what of it is worth telling."""
        status, headers, said = answer
        if status == 410:
            return DeliveryError(
                f"{self.who} answered 410: it is gone for good; take it out of the configuration",
                outcome=AttemptOutcome.PERMANENT,
                status=status,
                parks=True,
            )
        return answers.refused(self.who, status, headers, said if words is None else words)


async def _beginning(response: httpx.Response) -> bytes:
    """As much of an answer as an error could quote."""
    read = b""
    async for chunk in response.aiter_raw():
        read += chunk
        if len(read) >= ANSWER_LIMIT:
            break
    return read[:ANSWER_LIMIT]
