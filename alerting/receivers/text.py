"""Text as other systems take it: no control characters, no lone surrogates, no more than fits."""

import re

from alerting.wording import clip

# Controls but tab and newline, lone surrogates (they cannot be encoded), and the characters that
# make text run backwards, with which a label could show something other than it says.
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    """The text with U+FFFD where nothing can be printed; lines end in a newline alone."""
    return _UNPRINTABLE.sub("�", text.replace("\r\n", "\n"))


def one_line(text: str, limit: int) -> str:
    """At most `limit` characters on one line, runs of white space collapsed."""
    return clip(" ".join(printable(text).split()), limit)


def without(text: str, *secrets: str) -> str:
    """The text with each secret hidden: the other side may repeat what we sent."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
