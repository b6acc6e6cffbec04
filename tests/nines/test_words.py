"""What was wrong with the words of a receiver is known until it is right again."""

from nines.live import Pulse
from tests.nines.storage.builders import T0


def test_a_failed_template_is_counted_and_stands_until_the_next_good_message() -> None:
    pulse = Pulse(T0, T0, "1")

    pulse.worded("oncall", "said in the built-in words: x")
    pulse.worded("oncall", "said in the built-in words: y")
    assert pulse.words == {"oncall": "said in the built-in words: y"}
    assert pulse.template_errors["oncall"] == 2

    pulse.worded("oncall", None)
    assert (pulse.words, pulse.template_errors["oncall"]) == ({}, 2)
