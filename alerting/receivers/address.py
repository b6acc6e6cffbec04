"""Where a receiver sends: an HTTP address as configured, and whom to trust there."""

import ssl
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from slo.secret import Secret, SecretText

# What the settings that several receivers share are for.
PROXY = "Reach it through this HTTP proxy; the environment's settings are not used."
CA_FILE = "Trust the authorities in this PEM file alone; default: the well-known ones."


def http_address(value: str) -> str:
    """An absolute http(s) address. Raises ValueError, without repeating what may be secret."""
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("this is not an address: its host or port cannot be read") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("an address begins with https:// (or http://) and a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("leave user and password out of the address")
    if not value.isascii() or any(char.isspace() or not char.isprintable() for char in value):
        raise ValueError("an address has no blanks, and everything but ASCII is percent-encoded")
    return value


def base_address(value: str) -> str:
    """An address below which the vendor's paths lie; without a slash at its end."""
    parts = urlsplit(http_address(value))
    if parts.query or parts.fragment:
        raise ValueError("a base address has no ? and no #")
    return value.rstrip("/")


def _secret_address(secret: Secret) -> Secret:
    http_address(secret.value)
    return secret


SecretAddress = Annotated[SecretText, AfterValidator(_secret_address)]
BaseAddress = Annotated[str, AfterValidator(base_address)]
Proxy = Annotated[str, AfterValidator(http_address)]


def host_of(address: str) -> str:
    """The host with its port: what errors may tell, while paths may be secret."""
    return urlsplit(address).netloc


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """Verified TLS: by the system's authorities, or by those in the file alone."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"ca_file {ca_file} cannot be used: {error}") from error
