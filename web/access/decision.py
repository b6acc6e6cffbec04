"""Decide whether somebody may do something. Pure: no clock, no storage, no request."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from slo.selector import Matcher


class Role(StrEnum):
    """Each may do what those before it may."""

    WALL = "wall"  # a screen that everybody walks past
    VIEWER = "viewer"
    RESPONDER = "responder"
    EDITOR = "editor"
    ADMIN = "admin"


READERS = frozenset({Role.WALL, Role.VIEWER})


class Permission(StrEnum):
    """What a route needs. Of OPEN ones nobody is asked who they are."""

    OPEN = "open"
    WATCH = "watch the wallboard"
    READ = "read"
    HEALTH = "health"
    SCRAPE = "scrape"
    PROBE = "probe"
    SEND = "send alerts"
    ACKNOWLEDGE = "acknowledge"
    SILENCE = "silence"
    TRY = "try receivers"
    EXCLUDE = "exclude"
    ANNOTATE = "annotate"
    PUBLISH = "publish"  # what customers read on the status page
    DEPLOY = "deploy"
    PROPOSE = "try addresses"
    ADMINISTER = "administer"
    OWN = "change what is one's own"  # password and tokens: of whoever is signed in


_LADDER = tuple(Role)
_LEAST: Mapping[Permission, Role] = MappingProxyType(
    {
        Permission.WATCH: Role.WALL,
        Permission.READ: Role.VIEWER,
        Permission.HEALTH: Role.VIEWER,
        Permission.SCRAPE: Role.VIEWER,
        Permission.PROBE: Role.VIEWER,
        Permission.OWN: Role.VIEWER,
        Permission.SEND: Role.RESPONDER,
        Permission.ACKNOWLEDGE: Role.RESPONDER,
        Permission.SILENCE: Role.RESPONDER,
        Permission.TRY: Role.RESPONDER,
        Permission.EXCLUDE: Role.EDITOR,
        Permission.ANNOTATE: Role.EDITOR,
        Permission.PUBLISH: Role.EDITOR,
        Permission.DEPLOY: Role.EDITOR,
        Permission.PROPOSE: Role.EDITOR,
        Permission.ADMINISTER: Role.ADMIN,
    }
)
# What shows the whole is not parted by owners: only changes are.
_WHOLE = frozenset(
    {Permission.WATCH, Permission.READ, Permission.HEALTH, Permission.SCRAPE}
    | {Permission.PROBE, Permission.OWN}
)
# What concerns everybody cannot be had for some owners alone.
_UNPARTED = frozenset({Permission.SEND, Permission.TRY, Permission.ADMINISTER})


class Everywhere:
    """In place of an owner: what concerns the services of all."""


EVERYWHERE = Everywhere()
Owner = str | None | Everywhere  # None: a service that names no owner


@dataclass(frozen=True, slots=True)
class Grant:
    """A role, everywhere (`owners` None) or for the services of some owners."""

    role: Role
    owners: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if self.owners is not None and self.role in READERS:
            raise ValueError(
                f"a {self.role} reads everything: owners limit only what may be changed"
            )
        if self.owners is not None and not self.owners:
            raise ValueError("a role for no owner at all is none: name one, or leave owners out")

    @property
    def words(self) -> str:
        """For people."""
        if self.owners is None:
            return f"{self.role}"
        return f"{self.role} for {', '.join(sorted(self.owners))}"


class Kind(StrEnum):
    """How somebody is known."""

    LOCAL = "local"  # no users yet, and asked from this machine
    NOBODY = "nobody"
    USER = "user"
    TOKEN = "token"  # noqa: S105 - a word


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `name` is empty where nobody has signed in; `session` names what they signed in by.

    `lacks` says, in a sentence, why somebody without a name may not more.
    """

    kind: Kind
    name: str = ""
    grants: tuple[Grant, ...] = ()
    session: str = ""
    lacks: str = ""

    @property
    def is_named(self) -> bool:
        """Whether we know who it is."""
        return self.kind in (Kind.USER, Kind.TOKEN)

    @property
    def words(self) -> str:
        """Its roles, for people."""
        return "; ".join(grant.words for grant in self.grants) or "nothing"


LOCAL = Principal(Kind.LOCAL, grants=(Grant(Role.ADMIN),))


def nobody(role: Role | None, lacks: str = "") -> Principal:
    """Somebody who has not signed in, with what such people may."""
    return Principal(Kind.NOBODY, grants=() if role is None else (Grant(role),), lacks=lacks)


def may(principal: Principal, permission: Permission, owner: Owner) -> bool:
    """Whether somebody may do this to what `owner` has."""
    if permission is Permission.OPEN:
        return True
    if permission is Permission.OWN:
        return principal.kind is Kind.USER
    if permission in _UNPARTED:
        owner = EVERYWHERE
    least = _LADDER.index(_LEAST[permission])
    return any(
        _LADDER.index(grant.role) >= least
        and (grant.owners is None or permission in _WHOLE or owner in grant.owners)
        for grant in principal.grants
    )


def may_somewhere(principal: Principal, permission: Permission) -> bool:
    """Whether there is any service of which somebody may do this."""
    owners: list[Owner] = [EVERYWHERE]
    owners += [owner for grant in principal.grants for owner in grant.owners or ()]
    return any(may(principal, permission, owner) for owner in owners)


def refusal(principal: Principal, permission: Permission, owner: Owner = EVERYWHERE) -> str:
    """Why not, as a sentence."""
    if principal.lacks and permission is not Permission.READ:
        return principal.lacks
    if not principal.is_named:
        return f"Sign in to {permission}."
    least = _LEAST[permission]
    if permission in _UNPARTED:
        return (
            f"{principal.name} ({principal.words}) may not {permission}: that takes "
            f"{_a(least)} for everybody's services."
        )
    whose = ""
    if may_somewhere(principal, permission):
        whose = (
            " for every service at once"
            if isinstance(owner, Everywhere)
            else f" for the services of {owner}"
            if owner
            else " for a service without an owner"
        )
    return (
        f"{principal.name} ({principal.words}) may not {permission}{whose}: that takes "
        f"{_a(least)}{' of theirs' if whose and owner and owner is not EVERYWHERE else ''}."
    )


def _a(role: Role) -> str:
    return f"{'an' if role in (Role.EDITOR, Role.ADMIN) else 'a'} {role}"


_PLAIN = re.compile(r"[^.*+?^$()\[\]{}\\]+")  # alternatives of names, and no pattern


def owners_of_matchers(
    matchers: Iterable[Matcher], owner_of: Mapping[str, str | None]
) -> frozenset[Owner]:
    """Whose alerts a silence with these matchers may mute, as far as can be told for sure.

    Only `owner` and `service`, by name, bound it: what else they may match tomorrow is not known.
    `owner_of` is by service.
    """
    bounds: list[frozenset[Owner]] = []
    for one in matchers:
        names = _names(one)
        if names is None:
            continue
        if one.label == "owner":
            bounds.append(frozenset(name or None for name in names))
        elif one.label == "service" and names <= owner_of.keys():
            bounds.append(frozenset(owner_of[name] for name in names))
    return min(bounds, key=len, default=frozenset({EVERYWHERE}))


def _names(one: Matcher) -> frozenset[str] | None:
    """The names that a matcher is bound to; None where it is not."""
    if one.operator == "=":
        return frozenset({one.value})
    if one.operator == "=~" and _PLAIN.fullmatch(one.value):
        return frozenset(one.value.split("|"))
    return None
