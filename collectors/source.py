"""An address that metrics are read from, each time on fresh connections."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing

import httpx

from collectors.client import Client, Request, Response, is_secured, leaves, same_origin
from collectors.decoding import BoundedBody
from collectors.exposition_line import PageError
from collectors.look import Look
from collectors.means import Means
from collectors.observation import Cause, Observation, Phase
from collectors.request import TOO_MANY_REQUESTS, RedirectError, request_headers, trust
from collectors.settings import RequestSettings
from collectors.size import format_size

TIMEOUT_HEADER = "x-prometheus-scrape-timeout-seconds"
_OWN_HEADERS = {"accept", "accept-encoding", "connection", "user-agent", TIMEOUT_HEADER}
_REDIRECTS_FOLLOWED = 5


class Source:
    """One address, how it is asked, and whom it is trusted to be."""

    def __init__(
        self, url: str, config: RequestSettings, means: Means, own_headers: Mapping[str, str]
    ) -> None:
        """What is configured wins over `own_headers`.

        Raises ValueError in words when a TLS file cannot be read.
        """
        self.url = httpx.URL(url)
        self._follow_redirects = config.follow_redirects
        self._resolver, self._timeout = means.resolver, means.timeout
        self._trust = trust(config.tls)
        name = config.tls.server_name
        self._named = (self.url.host, name) if name is not None else None
        configured = {name.lower() for name in config.headers}
        self._headers = request_headers(config) | {
            name: text for name, text in own_headers.items() if name not in configured
        }

    async def visit(
        self, look: Look, work: Callable[[Client], Awaitable[Observation]]
    ) -> Observation:
        """What the work came to within the timeout; what it raises is an observation too."""
        try:
            async with asyncio.timeout(self._timeout.total_seconds()) as bound:
                client = Client(
                    resolver=self._resolver,
                    watch=look.watch,
                    context=self._trust.context(),
                    give_up_at=bound.when() or 0.0,
                    named=self._named,
                )
                with closing(client):
                    return await work(client)
        except RedirectError as error:
            look.watch.stop()
            return look.failed(Cause.PROTOCOL, str(error), look.watch.phase)
        except PageError as error:
            look.watch.stop()
            return look.failed(Cause.BODY, str(error))
        except Exception as error:  # noqa: BLE001 - every failure is somebody's, and is said
            return look.broke(error)

    async def fetch(
        self, look: Look, client: Client, url: httpx.URL | None = None, content: bytes = b""
    ) -> Response:
        """The last answer of the chain of redirects, its body unread.

        What has content is posted, and follows no redirect.
        """
        method = "POST" if content else "GET"
        request = Request(url if url is not None else self.url, self._headers, method, content)
        for _ in range(_REDIRECTS_FOLLOWED + 1):
            try:
                response = await client.send(request)
            finally:
                look.dialled(client.stream)
            look.answered(response.status, response.http_version, client.stream)
            follows = self._follow_redirects and not content
            following = response.redirect(request.url) if follows else None
            if following is None:
                return response
            look.redirects += 1
            look.watch.enter(Phase.RESOLVE)
            request = self._follow(request, following)
        raise RedirectError(f"the target redirects more than {_REDIRECTS_FOLLOWED} times")

    def _follow(self, request: Request, url: httpx.URL) -> Request:
        """What was configured for one host is not for another, nor for a connection in clear.

        Another port of the host is not told who we are, but where it speaks TLS for the first.
        """
        headers = dict(request.headers)
        if leaves(self.url, url):
            headers = {name: text for name, text in headers.items() if name in _OWN_HEADERS}
        elif not same_origin(request.url, url):
            headers.pop("host", None)
            if not is_secured(request.url, url):
                headers.pop("authorization", None)
        return Request(url, headers)


async def read_whole(response: Response, limit: int, key: str) -> bytes:
    """The body, decoded; `key` is what its limit is called. Raises PageError."""
    body = BoundedBody(response.headers.get("content-encoding", ""), limit)
    while body.trouble is None and (part := await response.read()):
        if not body.feed(part):
            break
    else:
        body.finish()
    if body.trouble is not None:
        raise PageError(body.trouble)
    if body.cut:
        raise PageError(f"the answer is larger than {key}, {format_size(limit)}")
    return body.data


def refused(response: Response, look: Look) -> Observation:
    """What an answer that is not 200 comes to."""
    look.watch.stop()
    phrase = f"{response.status} {response.reason}".strip()[:80]
    if response.status == TOO_MANY_REQUESTS:
        look.warning = "the target's own rate limiter answered 429"
        return look.unknown(look.warning)
    return look.failed(Cause.STATUS, f"the target answered {phrase}; a page comes with 200")
