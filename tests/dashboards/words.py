"""Words as they are read: the spaces that hold numbers to their units are spaces."""


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")
