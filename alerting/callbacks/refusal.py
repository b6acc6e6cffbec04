"""A callback that is not acted on."""


class RefusedError(Exception):
    """Why a callback was not taken: an HTTP status of 4xx and a sentence."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class PutOffError(Exception):
    """We cannot write it down at present: it is to be sent again."""
