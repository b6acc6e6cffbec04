"""The commands, their options and their exit codes: 0 fine, 1 the answer is no, 2 wrong use."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from nines.cli.accounts_app import token, user
from nines.cli.annotations_app import annotation
from nines.cli.deployments_app import deployment
from nines.cli.gate_app import gate, gate_override
from nines.cli.options import SERVER, ByOption, ConfigOption, Output, OutputOption, ServerOption
from nines.cli.report_app import report
from nines.cli.status_app import status

# Each command imports what it runs when it runs: `nines check` in an editor's save hook does not
# wait for the web framework.

CONFIG = Path("config.yaml")


class LogFormat(StrEnum):
    """`auto` is `console` on a terminal and `json` elsewhere."""

    AUTO = "auto"
    CONSOLE = "console"
    LOGFMT = "logfmt"
    JSON = "json"


app = typer.Typer(
    name="nines",
    help="Self-hosted SLO monitoring: probes and scrapes become error budgets, and budgets pages.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from nines.version import VERSION

        typer.echo(f"nines {VERSION}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Say which Nines this is."
        ),
    ] = False,
) -> None:
    """Options of every command."""
    del version  # its callback has answered


@app.command()
def check(
    path: Annotated[
        Path, typer.Argument(help="The file, or a directory of *.yaml files.")
    ] = CONFIG,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema for editors instead.")
    ] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Say whether a configuration makes sense, and every mistake with its place."""
    from nines.cli import check as command

    if schema:
        raise typer.Exit(command.print_schema())
    raise typer.Exit(command.check(path, as_json=output is Output.JSON))


@app.command()
def serve(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            help="The file, or a directory of *.yaml files. Default: config.yaml, where there is "
            "one; without it nothing is watched until the first steps are taken.",
        ),
    ] = None,
    log_format: Annotated[
        LogFormat, typer.Option("--log-format", help="How log lines look.")
    ] = LogFormat.AUTO,
    standby: Annotated[
        bool,
        typer.Option("--standby", help="Wait for another Nines on the same database to end."),
    ] = False,
) -> None:
    """Watch, evaluate, alert and show: the whole service."""
    from nines.cli import serve as command

    path, begins_empty = (CONFIG, True) if config is None else (config, False)
    raise typer.Exit(
        command.serve(path, log_format.value, standby=standby, begins_empty=begins_empty)
    )


@app.command()
def demo(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The dashboard's port; 0: any free one.")
    ] = 9919,
    inbox_port: Annotated[
        int, typer.Option(min=0, max=65535, help="The inbox's port; 0: any free one.")
    ] = 9920,
    days: Annotated[int, typer.Option(min=0, max=90, help="Days of history to write first.")] = 30,
) -> None:
    """Show everything on simulated platforms: history, live outages and a local inbox."""
    from nines.cli import demo as command

    raise typer.Exit(command.demo(port=port, inbox_port=inbox_port, days=days))


@app.command()
def probe(
    url: Annotated[str, typer.Argument(help="An http:// or https:// address.")],
    expect_status: Annotated[
        list[str] | None,
        typer.Option("--expect-status", help="200 or 2xx; may be given several times."),
    ] = None,
    expect_json: Annotated[
        list[str] | None,
        typer.Option(
            "--expect-json", metavar="PATH=VALUE", help="Such as '$.database=true'; several times."
        ),
    ] = None,
    expect_body: Annotated[
        list[str] | None, typer.Option("--expect-body", help="Text that the answer must hold.")
    ] = None,
    latency: Annotated[
        str | None, typer.Option(help="The longest that it may take, such as 500ms.")
    ] = None,
    timeout: Annotated[str, typer.Option(help="When to give up.")] = "5s",
    method: Annotated[str, typer.Option(help="The request's method.")] = "GET",
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Do not verify the certificate.")
    ] = False,
    histogram: Annotated[
        str | None,
        typer.Option(help="Read it as a page of metrics, and show this histogram's buckets."),
    ] = None,
    below: Annotated[
        str | None, typer.Option(help="With --histogram: what an SLI with this threshold reads.")
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Look once at an address, and say what was seen. Exit code 1 when it is not as expected."""
    if histogram is not None or below is not None:
        from nines.cli.histogram import Question, show

        expected = bool(expect_status or expect_json or expect_body or latency)
        question = Question(url, histogram, below, timeout, insecure=insecure)
        raise typer.Exit(show(question, as_json=output is Output.JSON, expected=expected))
    from nines.cli import probe as command

    looking = command.Looking(
        url=url,
        statuses=tuple(expect_status or ()),
        json=tuple(expect_json or ()),
        body=tuple(expect_body or ()),
        latency=latency,
        timeout=timeout,
        method=method,
        insecure=insecure,
    )
    raise typer.Exit(command.probe(looking, as_json=output is Output.JSON))


@app.command("try")
def try_address(
    url: Annotated[str, typer.Argument(help="An address, such as https://shop.example/health.")],
    service: Annotated[
        str, typer.Option(help="What to call the service. Default: by its host.")
    ] = "",
    objective: Annotated[str, typer.Option(help="What to promise.")] = "99.5%",
    window: Annotated[str, typer.Option(help="Over how long.")] = "28d",
    output: OutputOption = Output.TEXT,
) -> None:
    """Look once at an address, and propose what to promise of it, in lines to copy.

    Exit code 1 when it does not answer as it should.
    """
    from nines.cli import try_address as command

    wanted = command.Wanted(url, service, objective, window)
    raise typer.Exit(command.look(wanted, as_json=output is Output.JSON))


app.add_typer(status, name="status")

exclude = typer.Typer(
    help="Say what does not count: planned work, corrections. Asks a running Nines.",
    no_args_is_help=True,
)
app.add_typer(exclude, name="exclude")
ExclusionArgument = Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")]

StartOption = Annotated[
    str | None,
    typer.Option(
        "--start", help="When it begins, such as 2026-11-21T22:00 or now-5m; default: now."
    ),
]
EndOption = Annotated[str | None, typer.Option("--end", help="When it ends.")]
ForOption = Annotated[
    str | None, typer.Option("--for", help="How long it lasts, such as 2h; of a rule, each time.")
]
RuleOption = Annotated[
    str | None, typer.Option("--rrule", help="How it recurs, such as FREQ=WEEKLY;BYDAY=SU.")
]
ZoneOption = Annotated[
    str | None, typer.Option("--zone", help="The time zone of these times, such as Europe/Berlin.")
]


@exclude.command()
def add(
    reason: Annotated[str, typer.Option("--reason", help="Why.")],
    by: ByOption,
    what: Annotated[
        str | None, typer.Argument(metavar="[WHAT]", help="A service, or an SLO: service/slo.")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="KEY=VALUE", help="Of services; several must all fit."),
    ] = None,
    start: StartOption = None,
    end: EndOption = None,
    duration: ForOption = None,
    rrule: RuleOption = None,
    zone: ZoneOption = None,
    public: Annotated[
        str | None,
        typer.Option("--public", help="Announce it on the status page, in these words."),
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Only show what it would exclude, and when.")
    ] = False,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Exclude time from the numbers, past or to come, once or again and again."""
    from nines.cli import exclude as command

    wanted = command.Wanted(
        what=what,
        labels=tuple(label or ()),
        start=start,
        end=end,
        duration=duration,
        rrule=rrule,
        zone=zone,
        reason=reason,
        by=by,
        public=public,
    )
    as_json = output is Output.JSON
    raise typer.Exit(command.add(server, wanted, preview=preview, as_json=as_json))


@exclude.command("list")
def list_exclusions(
    slo: Annotated[
        str | None, typer.Argument(metavar="[SLO]", help="Those for one SLO, service/slo.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also those that are over or were undone.")
    ] = False,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show what is excluded now and will be."""
    from nines.cli import exclude as command

    as_json = output is Output.JSON
    raise typer.Exit(command.show(server, slo, every=every, as_json=as_json))


@exclude.command()
def end(
    exclusion: ExclusionArgument,
    by: ByOption,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """End an exclusion now; what it excluded until now stays excluded."""
    from nines.cli import exclude as command

    as_json = output is Output.JSON
    raise typer.Exit(command.change(server, exclusion, "end", by, as_json=as_json))


@exclude.command()
def undo(
    exclusion: ExclusionArgument,
    by: ByOption,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Take an exclusion back, as if it had never been; it stays on record."""
    from nines.cli import exclude as command

    as_json = output is Output.JSON
    raise typer.Exit(command.change(server, exclusion, "undo", by, as_json=as_json))


app.add_typer(annotation, name="annotation")
app.add_typer(deployment, name="deployment")
app.command()(gate)
app.add_typer(gate_override, name="gate-override")
app.add_typer(report, name="report")


@app.command()
def canary(
    receiver: Annotated[str, typer.Argument(metavar="RECEIVER", help="Its name.")],
    by: ByOption,
    wait: Annotated[
        float, typer.Option("--wait", min=0, help="Seconds to wait for what becomes of it.")
    ] = 30,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Send a receiver a message that shows that a page would arrive, and wakes nobody."""
    from nines.cli import canary as command

    as_json = output is Output.JSON
    raise typer.Exit(command.send(server, receiver, by, wait=wait, as_json=as_json))


@app.command()
def unpark(
    receiver: Annotated[str, typer.Argument(metavar="RECEIVER", help="Its name.")],
    by: ByOption,
    server: ServerOption = SERVER,
) -> None:
    """Have what waits for a parked receiver tried at once, as its other side was mended."""
    from nines.cli import unpark as command

    raise typer.Exit(command.unpark(server, receiver, by))


silence = typer.Typer(
    help="Say of which alerts nobody is told for a while. Asks a running Nines.",
    no_args_is_help=True,
)
app.add_typer(silence, name="silence")
MatchersArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="MATCHER...", help="On labels of alerts, all met: service=shop 'severity=~\"a|b\"'."
    ),
]


@silence.command("add")
def add_silence(
    matchers: MatchersArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why.")],
    by: ByOption,
    start: StartOption = None,
    end: EndOption = None,
    duration: ForOption = None,
    rrule: RuleOption = None,
    zone: ZoneOption = None,
    until_resolved: Annotated[
        bool,
        typer.Option("--until-resolved", help="Over as soon as nothing that it mutes fires."),
    ] = False,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Silence alerts; they are counted and recorded as before."""
    from nines.cli import silence as command

    wanted = command.Wanted(
        tuple(matchers), start, end, duration, rrule, zone, until_resolved=until_resolved
    )
    as_json = output is Output.JSON
    raise typer.Exit(command.add(server, wanted, reason=reason, by=by, as_json=as_json))


@silence.command("preview")
def preview_silence(
    matchers: MatchersArgument,
    start: StartOption = None,
    end: EndOption = None,
    duration: ForOption = None,
    rrule: RuleOption = None,
    zone: ZoneOption = None,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show what a silence would mute now and would have muted last week, and when."""
    from nines.cli import silence as command

    wanted = command.Wanted(tuple(matchers), start, end, duration, rrule, zone)
    raise typer.Exit(command.preview(server, wanted, as_json=output is Output.JSON))


@silence.command("list")
def list_silences(
    every: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show what is silenced now and will be."""
    from nines.cli import silence as command

    raise typer.Exit(command.show(server, every=every, as_json=output is Output.JSON))


@silence.command("end")
def end_silence(
    silence_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")],
    by: ByOption,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """End a silence now; who was not told of what still fires is told at once."""
    from nines.cli import silence as command

    raise typer.Exit(command.end(server, silence_id, by, as_json=output is Output.JSON))


route = typer.Typer(
    name="route",
    help="Who would be told of an alert, and what other routes would have changed.",
    no_args_is_help=True,
)
app.add_typer(route, name="route")


@route.command("test")
def show_route(
    labels: Annotated[list[str], typer.Argument(metavar="LABEL=VALUE...")],
    config: ConfigOption = CONFIG,
    at: Annotated[
        datetime | None, typer.Option(help="When, in UTC, such as 2026-11-21T22:00:00.")
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show the routes that take these labels, who is told there and who is held back by what.

    A service's own labels are added. Exit code 1 when nobody would be told.
    """
    from nines.cli import route as command

    moment = None if at is None else at.replace(tzinfo=UTC)
    as_json = output is Output.JSON
    raise typer.Exit(command.test(config, labels, moment, as_json=as_json))


@route.command("diff")
def diff_routes(
    new: Annotated[Path, typer.Argument(metavar="NEW_CONFIG", help="The changed configuration.")],
    config: ConfigOption = CONFIG,
    days: Annotated[int, typer.Option(min=1, help="How many days of alerts.")] = 30,
    output: OutputOption = Output.TEXT,
) -> None:
    """Run recorded alerts through a changed configuration: who would gain or lose pages.

    Exit code 1 when somebody would.
    """
    from nines.cli import route as command

    raise typer.Exit(command.diff(config, new, days, as_json=output is Output.JSON))


@app.command()
def replay(
    slo: Annotated[
        str | None, typer.Argument(metavar="[SLO]", help="Its id, service/slo. Default: all.")
    ] = None,
    config: ConfigOption = CONFIG,
    days: Annotated[int, typer.Option(min=1, help="How many days back.")] = 7,
    output: OutputOption = Output.TEXT,
) -> None:
    """Run stored counts through a configuration's burn rules: would this have paged?

    Exit code 1 when other alerts were recorded, with what makes them differ.
    """
    from nines.cli import replay as command

    raise typer.Exit(command.show(config, slo, days, as_json=output is Output.JSON))


@app.command()
def explain(
    of: Annotated[
        str,
        typer.Argument(
            metavar="ALERT",
            help="The id of an alert or an incident; or an SLO, or a rule such as shop/requests.",
        ),
    ],
    at: Annotated[
        str | None,
        typer.Option("--at", help="For an SLO or a rule: when, as 2026-11-21T14:00Z or now-2h."),
    ] = None,
    server: ServerOption = SERVER,
    output: OutputOption = Output.TEXT,
) -> None:
    """Say why somebody was told of an alert, or was not; or which condition a rule was short of.

    The past is told from what was written down then, not from the configuration of now.
    """
    from nines.cli import explain as command

    raise typer.Exit(command.explain(server, of, at, as_json=output is Output.JSON))


@app.command()
def postmortem(
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="The id of an incident.")],
    server: ServerOption = SERVER,
) -> None:
    """Print the draft of a post-mortem in Markdown: the facts, and room for the rest."""
    from nines.cli import postmortem as command

    raise typer.Exit(command.postmortem(server, incident))


app.add_typer(user, name="user")
app.add_typer(token, name="token")


@app.command()
def migrate(config: ConfigOption = CONFIG) -> None:
    """Bring the database's schema up to date; `serve` does so by itself."""
    from nines.cli import migrate as command

    raise typer.Exit(command.migrate(config))


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write.")],
    config: ConfigOption = CONFIG,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Write all counts, incidents and notifications into one file; Nines may run meanwhile.

    Secrets are in the configuration alone, so not in the file.
    """
    from nines.cli import backup as command

    raise typer.Exit(command.backup(config, file, force=force, as_json=output is Output.JSON))


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `nines backup` wrote.")],
    config: ConfigOption = CONFIG,
    force: Annotated[
        bool, typer.Option("--force", help="Replace what the database holds.")
    ] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Put a backup into the database, SQLite or PostgreSQL; Nines may run meanwhile."""
    from nines.cli import backup as command

    raise typer.Exit(command.restore(config, file, force=force, as_json=output is Output.JSON))


@app.command()
def doctor(config: ConfigOption = CONFIG, output: OutputOption = Output.TEXT) -> None:
    """Examine the configuration and the database. Exit code 1 when something is wrong."""
    from nines.cli import doctor as command

    raise typer.Exit(command.doctor(config, as_json=output is Output.JSON))


def main() -> None:
    """Run the command that was asked for."""
    app()
