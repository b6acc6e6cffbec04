"""`nines demo`: everything at once, on simulated platforms."""

import typer

from nines.cli.problems import FINE, NO, fail
from nines.cli.serve import set_up_logs
from nines.demo.run import DemoOptions
from nines.demo.run import demo as show
from nines.storage.errors import StorageError
from web.serve import ListenError


def demo(*, port: int, inbox_port: int, days: int) -> int:
    """Run the demo until it is interrupted."""
    set_up_logs("auto", quiet=True)
    try:
        show(DemoOptions(port=port, inbox_port=inbox_port, days=days), typer.echo)
    except KeyboardInterrupt:
        return FINE
    except (StorageError, ListenError) as error:
        return fail(str(error), NO)
    return FINE
