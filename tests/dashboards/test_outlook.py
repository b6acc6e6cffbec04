"""The outlook in words."""

from fractions import Fraction

from dashboards.outlook import sentence
from slo.outlook import WEEK, Outlook
from tests.web.fakes import NOW, make_slo

SLO = make_slo("shop", "health")


def test_a_band_is_told_with_its_middle() -> None:
    outlook = Outlook(NOW + WEEK, 4, Fraction(-1, 10), Fraction(1, 2), Fraction(3, 4))

    said = sentence(SLO, outlook, NOW).replace("\N{NO-BREAK SPACE}", " ")

    assert said == (
        "Were the time until Sat 28 Nov 12:00 UTC like one of the last 4 observed weeks, between "
        "-10 % and 75 % (50 % in the middle) of the budget of 30d would be left then."
    )


def test_weeks_that_are_all_alike_have_no_band() -> None:
    outlook = Outlook(NOW + WEEK, 3, Fraction(1), Fraction(1), Fraction(1))

    assert "observed weeks, 100" in sentence(SLO, outlook, NOW)


def test_too_few_weeks_are_told_instead_of_a_guess() -> None:
    said = sentence(SLO, Outlook(NOW + WEEK, 1), NOW)

    assert said.startswith("Not enough history")
    assert "1 of 3 whole weeks were observed" in said
