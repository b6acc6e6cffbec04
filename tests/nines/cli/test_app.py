"""The command itself: its version, its exit codes, its frame."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from nines.version import VERSION
from tests.nines.cli.running import run
from tests.nines.config.files import SHOP

ROOT = Path(__file__).parents[3]


def nines(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `python -m nines` as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "nines", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_version_is_said() -> None:
    assert run("--version").out == f"nines {VERSION}\n"


@pytest.mark.parametrize(
    "arguments", [("serv",), ("check", "--nope"), ("check", "a", "b")], ids=str
)
def test_wrong_use_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).code == 2


def test_help_names_every_command() -> None:
    said = run("--help").out

    assert all(f" {name} " in said for name in ("check", "serve", "demo", "probe", "status"))


def test_migrate_brings_a_new_database_up_to_date(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        SHOP + f"server: {{database: 'sqlite:///{tmp_path}/n.db'}}\n"
    )

    first = run("migrate", "--config", tmp_path / "config.yaml")
    second = run("migrate", "--config", tmp_path / "config.yaml")

    assert first.code == second.code == 0
    assert "went from schema none to" in first.out
    assert "nothing to do" in second.out


def test_migrate_without_a_database_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        SHOP + "server: {database: 'sqlite:////proc/nowhere/n.db'}\n"
    )

    ran = run("migrate", "--config", tmp_path / "config.yaml")

    assert ran.code == 1
    assert ran.err.startswith("nines: ")


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_faulty_configuration_is_exit_code_2_with_its_place(tmp_path: Path, command: str) -> None:
    (tmp_path / "config.yaml").write_text("servces: {}\n")

    ran = nines(command, folder=tmp_path)

    assert ran.returncode == 2
    assert ran.stderr == "config.yaml:1:1: unknown key `servces`; did you mean `services`?\n"


def test_serve_says_so_when_its_port_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (tmp_path / "config.yaml").write_text(f"server: {{listen: '127.0.0.1:{port}'}}\n")
        ran = nines("serve", "--log-format", "json", folder=tmp_path)

    assert ran.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in ran.stderr.splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_serve_runs_until_it_is_told_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "config.yaml").write_text("server: {listen: '127.0.0.1:0'}\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "nines", "serve", "--log-format", "logfmt"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if "event=serving" in line:
                    break
            process.send_signal(number)
            code = process.wait(timeout=30)
        finally:
            process.kill()

    assert code == 0
