"""`llmcap ca`: the certificate authority, and where it is trusted."""

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from cryptography.hazmat.primitives.serialization import Encoding

from llmcap.authority import stores
from llmcap.authority.ca import CERTIFICATE_FILE, Authority
from llmcap.authority.stores import Kind, Machine, Step
from llmcap.cli.options import json_option
from llmcap.cli.output import echo, echo_json, tell
from llmcap.launch import behind
from llmcap.words.errors import ConfigError

store_argument = click.argument(
    "kinds",
    nargs=-1,
    required=True,
    type=click.Choice([str(kind) for kind in Kind]),
    metavar="STORE...",
)


# Tried with Java 17.0.15: it reads no name constraints of a certificate in its own store.
JAVA_WARNING = (
    "Java does not look at what this certificate is limited to: a Java program will trust whatever "
    "is signed with its key, for any name. `llmcap run` makes one command trust it instead."
)


def changes(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a command that changes a trust store."""
    command = click.option("--dry-run", is_flag=True, help="Only show what would be done.")(command)
    return click.option("--yes", "-y", is_flag=True, help="Do not ask.")(command)


@click.group()
def ca() -> None:
    """
    The certificate with which LLMCap reads calls to providers.

    It is limited to the providers' host names: clients refuse what it signs for any other name. Of
    twelve that were tried all do but Java 17, which does not look at that limit of an authority in
    its own store. `llmcap run` and `llmcap env` need no installation, as they name it in variables.
    """


@ca.command()
@json_option
def show(*, as_json: bool) -> None:
    """Show what it may sign for, until when, and its fingerprint. Makes it, if there is none."""
    authority = _authority()
    if as_json:
        echo_json({
            "file": str(_certificate_file()),
            "sha256": authority.fingerprint,
            "ends": authority.ends.isoformat(),
            "domains": list(authority.domains),
        })  # fmt: skip
        return
    echo(f"certificate  {_certificate_file()}")
    echo(f"sha256       {authority.fingerprint}")
    echo(f"ends         {authority.ends:%Y-%m-%d}")
    echo("signs for    these domains and what is below them, and nothing else:")
    for domain in authority.domains:
        echo(f"             {domain}")


@ca.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(["pem", "der"]), default="pem", show_default=True,
    help="How it is written.",
)  # fmt: skip
def export(file: Path | None, form: str) -> None:
    """Write the certificate, without its key, to FILE or to stdout."""
    encoding = Encoding.PEM if form == "pem" else Encoding.DER
    content = _authority().certificate.public_bytes(encoding)
    if file is None:
        sys.stdout.buffer.write(content)
        return
    try:
        file.write_bytes(content)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be written: {error.strerror}") from error
    tell(f"Wrote {file}")


@ca.command()
@store_argument
@changes
def install(kinds: tuple[str, ...], *, yes: bool, dry_run: bool) -> None:
    """
    Make trust stores trust it: `system`, `nss` (Firefox, Chrome), `java`.

    Only needed for programs that read no variable, behind `llmcap up`. Says what it will do first.
    """
    _authority()
    machine, certificate = Machine(), _certificate_file()
    steps = [step for kind in kinds for step in stores.install(Kind(kind), certificate, machine)]
    if Kind.JAVA in kinds:
        tell(JAVA_WARNING)
    _carry_out(steps, yes=yes, dry_run=dry_run)


@ca.command()
@store_argument
@changes
def uninstall(kinds: tuple[str, ...], *, yes: bool, dry_run: bool) -> None:
    """Take it out of trust stores: `system`, `nss` (Firefox, Chrome), `java`."""
    machine = Machine()
    steps = [step for kind in kinds for step in stores.uninstall(Kind(kind), machine)]
    _carry_out(steps, yes=yes, dry_run=dry_run)


def _authority() -> Authority:
    return behind.authority(os.environ)


def _certificate_file() -> Path:
    return behind.authority_folder(os.environ) / CERTIFICATE_FILE


def _carry_out(steps: Sequence[Step], *, yes: bool, dry_run: bool) -> None:
    tell("This would be done:" if dry_run else "This will be done:")
    for step in steps:
        tell(f"  {step.says}\n    $ {shlex.join(step.argv)}")
    if dry_run:
        return
    if not yes:
        click.confirm("Go on?", abort=True, err=True)
    stores.carry_out(steps, os.environ)
    tell("Done.")
