"""Values as the cells of a table for spreadsheets."""

# A cell that begins so is run as a formula; names and causes come from outside.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(value: object) -> object:
    """What is not known is empty, a truth is yes or no, and a text is never a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
