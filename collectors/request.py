"""What every HTTP request of ours bears, and whom it trusts."""

from collections.abc import Iterator

from collectors.certificate import HTTP_ALPN, Trust
from collectors.decoding import ACCEPTED
from collectors.settings import HeaderOptions, TlsOptions

USER_AGENT = "Nines"
TOO_MANY_REQUESTS = 429
# Sent on wherever a redirect leads; what else is configured is meant for one host, and for TLS.
HARMLESS_HEADERS = {"accept", "accept-encoding", "accept-language", "connection", "user-agent"}


class RedirectError(Exception):
    """The target redirects to where we do not go: in circles, or to others with what is ours."""


def trust(options: TlsOptions, alpn: tuple[str, ...] = HTTP_ALPN) -> Trust:
    """Whom a client with these options trusts, HTTP's by default. Raises ValueError in words."""
    return Trust(
        ca_file=options.ca_file,
        cert_file=options.cert_file,
        key_file=options.key_file,
        verify=not options.insecure_skip_verify,
        alpn=alpn,
    )


def request_headers(config: HeaderOptions) -> dict[str, str]:
    """Every header to send, ours first; what is configured wins."""
    headers = {"accept": "*/*", "accept-encoding": ACCEPTED, "connection": "close"}
    return headers | own_headers(config)


def own_headers(config: HeaderOptions) -> dict[str, str]:
    """Who asks, by its names in lower case: what is configured wins."""
    headers = {"user-agent": USER_AGENT}
    if config.basic_auth is not None:
        headers["authorization"] = config.basic_auth.header
    if config.bearer_token is not None:
        headers["authorization"] = f"Bearer {config.bearer_token.value}"
    headers.update({name.lower(): value.value for name, value in config.headers.items()})
    return headers


def secrets(config: HeaderOptions) -> Iterator[str]:
    """What must not be shown, should an answer echo it."""
    if config.basic_auth is not None:
        yield config.basic_auth.password.value
        yield config.basic_auth.header.removeprefix("Basic ")
    if config.bearer_token is not None:
        yield config.bearer_token.value
    for name, value in config.headers.items():
        if name.lower() not in HARMLESS_HEADERS | {"content-type", "host"}:
            yield value.value
