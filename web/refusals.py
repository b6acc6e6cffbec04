"""What vendors and people are told whose callbacks are not acted on; strangers only so often."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from alerting.callbacks.refusal import PutOffError, RefusedError
from web.problem import ProblemError
from web.senders import RETRY
from web.throttle import Throttle

_REFUSED = (1.0, 60)  # a second, and at once


class Refusals:
    """Those of one door. Beyond a rate they are 429s.

    That bounds nothing that is properly signed: nobody can keep a vendor out by sending garbage,
    for a signature is checked before anything is counted.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._throttle = Throttle(*_REFUSED, clock)

    @contextmanager
    def told(self) -> Iterator[None]:
        """Refusals as problems."""
        try:
            yield
        except RefusedError as error:
            self.count(error)
            raise ProblemError(error.status, error.text) from error
        except PutOffError as error:
            raise put_off(error) from error

    def count(self, error: RefusedError) -> None:
        """One more of them. Raises ProblemError where it may not even be told why."""
        if error.status == 429 or not self._throttle.take():
            text = "Too many requests of this kind; this one was not acted on."
            raise ProblemError(429, text, headers={"Retry-After": "60"}) from error


def put_off(error: PutOffError) -> ProblemError:
    """It is to come again."""
    return ProblemError(503, str(error), headers=RETRY)
