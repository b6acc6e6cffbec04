"""Why nothing comes, told of several at once."""

from alerting.wording import NoDataCause
from nines.no_data import why_together


def test_of_several_each_is_named_with_what_is_known_of_it() -> None:
    said = {
        "shop/journey": (NoDataCause.WAITING, ""),
        "shop/reach": (NoDataCause.TARGET_DOWN, "Connection refused"),
        "shop/requests": (NoDataCause.SERIES_MISSING, ""),
    }

    assert why_together(said) == (
        NoDataCause.TARGET_DOWN,
        "shop/journey; shop/reach: Connection refused; shop/requests",
    )
