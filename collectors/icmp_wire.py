"""ICMP echoes over a socket that needs few rights, or a raw one, and what comes back of them.

Who answers is told by the echo's number and by words of our own in it; who could not deliver it is
told by the kernel's queue of errors (ip(7), IP_RECVERR), which quotes the echo.
"""

import asyncio
import contextlib
import errno
import ipaddress
import os
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from types import TracebackType
from typing import Self

from collectors.resolve import Address

TOKEN_BYTES = 16
_HEAD = struct.Struct("!BBHHH")  # type, code, checksum, identifier, sequence: RFC 792, RFC 4443
_ERROR = struct.Struct("=IBBBxII")  # struct sock_extended_err: linux/errqueue.h
_REQUEST = {socket.AF_INET: 8, socket.AF_INET6: 128}
_REPLY = {socket.AF_INET: 0, socket.AF_INET6: 129}
_UNREACHABLE = {socket.AF_INET: 3, socket.AF_INET6: 1}
_EXPIRED = {socket.AF_INET: 11, socket.AF_INET6: 3}
_PROTOCOL = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}
_RECVERR = {socket.AF_INET: (0, 11), socket.AF_INET6: (41, 25)}  # level and option
_FROM_NETWORK = {2, 3}  # SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6
_READ_BYTES = 2048
_AT_ONCE = 64  # packets read before others have their turn

_WHY = {
    socket.AF_INET: {
        0: "its network cannot be reached", 1: "the host cannot be reached",
        2: "the host does not speak ICMP", 3: "its port cannot be reached",
        4: "the packet is too long for the way",
        9: "its network is forbidden", 10: "the host is forbidden", 13: "it is filtered on the way",
    },
    socket.AF_INET6: {
        0: "there is no route to it", 1: "it is filtered on the way",
        3: "the host cannot be reached", 4: "its port cannot be reached",
    },
}  # fmt: skip


class NotPermittedError(Exception):
    """This process may not send ICMP echoes; the message says what would let it."""

    def __init__(self) -> None:
        super().__init__(
            "this process may not send ICMP echoes: have the group it runs as within the sysctl "
            "net.ipv4.ping_group_range, or give it the capability CAP_NET_RAW"
        )


class Fate(Enum):
    """What became of an echo."""

    ANSWERED = auto()
    UNREACHABLE = auto()
    EXPIRED = auto()  # its time to live, on the way


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of the echo of this number, and who says so."""

    sequence: int
    fate: Fate
    by: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """What our echoes bear, so that nobody else's is taken for one."""

    family: socket.AddressFamily
    ident: int
    token: bytes

    def echo(self, sequence: int) -> bytes:
        """The echo of this number. ICMPv6's checksum covers addresses: the kernel fills it in."""
        kind = _REQUEST[self.family]
        bare = _HEAD.pack(kind, 0, 0, self.ident, sequence) + self.token
        total = checksum(bare) if self.family is socket.AF_INET else 0
        return _HEAD.pack(kind, 0, total, self.ident, sequence) + self.token

    def answer(self, packet: bytes, by: str) -> Heard | None:
        """What a packet of ICMP says of an echo of ours; None where it says nothing."""
        sequence = self._sequence(packet, _REPLY[self.family], quoted=False)
        return None if sequence is None else Heard(sequence, Fate.ANSWERED, by)

    def trouble(self, error: bytes, quoted: bytes) -> Heard | None:
        """What an error says of the echo that it quotes; None where it is nobody's."""
        sequence = self._sequence(quoted, _REQUEST[self.family], quoted=True)
        if sequence is None or len(error) < _ERROR.size:
            return None
        _, origin, kind, code, _, _ = _ERROR.unpack_from(error)
        if origin not in _FROM_NETWORK:
            return None
        by = _offender(self.family, error[_ERROR.size :])
        if kind == _UNREACHABLE[self.family]:
            why = _WHY[self.family].get(code, f"it cannot be reached (code {code})")
            return Heard(sequence, Fate.UNREACHABLE, by, why)
        if kind == _EXPIRED[self.family]:
            return Heard(sequence, Fate.EXPIRED, by, "its time to live ended on the way")
        return None

    def _sequence(self, packet: bytes, kind: int, *, quoted: bool) -> int | None:
        """The number of an echo of ours; a quotation may be cut after its head."""
        if len(packet) < _HEAD.size:
            return None
        came, _, _, ident, sequence = _HEAD.unpack_from(packet)
        token = packet[_HEAD.size : _HEAD.size + TOKEN_BYTES]
        is_ours = token == self.token or (quoted and self.token.startswith(token))
        return sequence if came == kind and ident == self.ident and is_ours else None


class Echoes:
    """The echoes of one run to one address."""

    def __init__(self, sock: socket.socket, address: Address, mark: Mark, *, raw: bool) -> None:
        """Takes the socket, which does not block. Of a raw one, IPv4 brings its own head along."""
        self._sock = sock
        self._address = address
        self._mark = mark
        self._has_head = raw and address.family is socket.AF_INET
        self._ready = asyncio.Event()
        if sys.platform == "linux":
            sock.setsockopt(*_RECVERR[address.family], 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket at once."""
        self._sock.close()

    def send(self, sequence: int) -> None:
        """Send the echo of this number. Raises OSError where this machine cannot."""
        echo = self._mark.echo(sequence)
        try:
            try:
                self._sock.sendto(echo, self._address.sockaddr)
            except OSError as error:
                if error.errno not in _OF_THE_NETWORK:
                    raise
                # An earlier echo's trouble was told in this one's place; it is queued besides.
                self._sock.sendto(echo, self._address.sockaddr)
        except BlockingIOError:
            raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS)) from None

    async def hear(self) -> Heard:
        """The next that is heard of an echo of ours."""
        while True:
            for read, heard in enumerate(self.waiting(), 1):
                if heard is not None:
                    return heard
                if read == _AT_ONCE:
                    await asyncio.sleep(0)
                    break
            else:
                await self._readable()

    async def _readable(self) -> None:
        """Wait until there may be something to read."""
        loop = asyncio.get_running_loop()
        self._ready.clear()
        # Anew each time: uvloop forgets a socket that has an error in its queue.
        loop.add_reader(self._sock.fileno(), self._ready.set)
        try:
            await self._ready.wait()
        finally:
            loop.remove_reader(self._sock.fileno())

    def waiting(self) -> Iterator[Heard | None]:
        """What came already; None for each packet that is nobody's."""
        while True:
            try:
                yield self._next()
            except BlockingIOError:
                return

    def _next(self) -> Heard | None:
        """What one packet says. Raises BlockingIOError where there is none."""
        if sys.platform == "linux":
            with contextlib.suppress(BlockingIOError):
                quoted, ancillary, _, _ = self._sock.recvmsg(_READ_BYTES, 512, socket.MSG_ERRQUEUE)
                return self._trouble(quoted, ancillary)
        try:
            packet, sender = self._sock.recvfrom(_READ_BYTES)
        except OSError as error:
            if error.errno not in _OF_THE_NETWORK:
                raise  # BlockingIOError among them
            return None  # it is in the queue of errors
        if self._has_head:
            packet = packet[(packet[0] & 0x0F) * 4 :] if packet else b""
        by = _bare(str(sender[0]))
        return self._mark.answer(packet, by) if by == _bare(str(self._address)) else None

    def _trouble(self, quoted: bytes, ancillary: list[tuple[int, int, bytes]]) -> Heard | None:
        wanted = _RECVERR[self._address.family]
        for level, kind, error in ancillary:
            if (level, kind) == wanted:
                return self._mark.trouble(error, quoted)
        return None


# What a socket tells of its echoes, in the place of an answer or of a sending.
_OF_THE_NETWORK = {
    errno.EHOSTUNREACH, errno.ECONNREFUSED, errno.EHOSTDOWN, errno.ENOPROTOOPT, errno.EPROTO,
    errno.ENETUNREACH, errno.EMSGSIZE, errno.EACCES,
}  # fmt: skip

OpenEchoes = Callable[[Address, int, bytes], Echoes]


def open_echoes(address: Address, ident: int, token: bytes) -> Echoes:
    """To this address, by the fewest rights that do. Raises NotPermittedError, OSError."""
    sock, raw = _open(address.family)
    try:
        sock.setblocking(False)
        if not raw:
            # The kernel puts the number of the socket in the place of ours.
            sock.connect(address.sockaddr)
            ident = int(sock.getsockname()[1])
        return Echoes(sock, address, Mark(address.family, ident, token), raw=raw)
    except BaseException:
        sock.close()
        raise


def why_not_permitted() -> str | None:
    """Why this process may not send ICMP echoes; None where it may."""
    try:
        sock, _ = _open(socket.AF_INET)
    except NotPermittedError as error:
        return str(error)
    except OSError:
        return None  # another trouble, which a run would tell
    sock.close()
    return None


def checksum(data: bytes) -> int:
    """The Internet's (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _open(family: socket.AddressFamily) -> tuple[socket.socket, bool]:
    """A socket, and whether it is a raw one."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            return socket.socket(family, kind, _PROTOCOL[family]), kind is socket.SOCK_RAW
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EPROTONOSUPPORT):
                raise
    raise NotPermittedError


def _offender(family: socket.AddressFamily, sockaddr: bytes) -> str:
    """Who reports the error: a struct sockaddr_in, or sockaddr_in6."""
    first, size = (4, 4) if family is socket.AF_INET else (8, 16)
    address = sockaddr[first : first + size]
    return str(ipaddress.ip_address(address)) if len(address) == size else "somebody"


def _bare(address: str) -> str:
    """Without its zone, and in one spelling."""
    return str(ipaddress.ip_address(address.partition("%")[0]))
