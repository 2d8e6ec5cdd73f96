"""`llmcap confine`: a container, or any process with a network of its own, through `llmcap up`."""

import os
import shlex

import click

from llmcap.cli.options import TAKEN_PORT, Number
from llmcap.cli.output import echo, tell
from llmcap.confine.container import Given, command, compose, inside, named, options
from llmcap.confine.egress import read_egress
from llmcap.confine.places import resolver_file
from llmcap.launch import environment, standing
from llmcap.launch.behind import prepare
from llmcap.launch.throughup import attend
from llmcap.words import paths
from llmcap.words.errors import ConfigError

PID = Number[int]("process id", click.IntRange(min=1))


@click.command()
@click.option("--pid", type=PID, help="A process that runs in that network.")
@click.option("--container", metavar="NAME", help="Print how to start a container of this name.")
@click.option("--compose", "as_compose", is_flag=True, help="With --container: a compose file.")
@click.option("--project", default="", metavar="NAME", help="The project that the calls count for.")
@click.option(
    "--port", "ports", multiple=True, type=TAKEN_PORT, metavar="PORT",
    help="The ports that lead out, in the place of 22, 80 and 443.",
)  # fmt: skip
@click.option(
    "--allow-host", "allow_hosts", multiple=True, metavar="GLOB",
    help="A host that may be reached, or an IPv4 address or network without a name.",
)  # fmt: skip
@click.option(
    "--deny-other-hosts", is_flag=True,
    help="Nothing but model providers and the hosts that were allowed.",
)  # fmt: skip
def confine(
    pid: int | None,
    container: str | None,
    project: str,
    ports: tuple[int, ...],
    allow_hosts: tuple[str, ...],
    *,
    as_compose: bool,
    deny_other_hosts: bool,
) -> None:
    """
    Let a container reach the proxy of `llmcap up`, and nothing else. Linux.

    With --container it prints the options of `docker run` and `podman run` that leave the container
    without a network, and give it LLMCap's certificate. With --pid it joins the network of that
    process from outside, makes every name in it lead to LLMCap, and stays until the process ends.
    It is refused for a process that has any other way out.

    \b
    $ llmcap confine --container agent
    $ llmcap confine --pid "$(docker inspect --format '{{.State.Pid}}' agent)"
    """  # noqa: D301 - click reads the control character
    if (pid is None) == (container is None):
        raise click.UsageError("name a process with --pid, or a container with --container")
    container = None if container is None else named(container)
    found = standing.find()
    if found is None:
        raise ConfigError("no proxy is up\nhint: `llmcap up` starts one")
    egress = read_egress(
        ports=ports, reach=(), allow_hosts=allow_hosts, deny_others=deny_other_hosts
    )
    if pid is not None:
        attend(pid, egress, project=project, tell=tell)
        return
    assert container is not None
    place = prepare(os.environ, found.hosts)
    resolver = resolver_file(paths.data_folder() / "confine")
    folder = place.trust.bundle.parent
    confined = environment.confined({}, trust=place.trust)
    given = Given(folder, place.trust.bundle, resolver, inside(confined, folder))
    if as_compose:
        echo(compose(container, given))
    else:
        for engine in ("docker", "podman"):
            echo(command(engine, options(container, given)))
    more = _words(project, ports, allow_hosts, deny_others=deny_other_hosts)
    tell("then: llmcap confine --pid \"$(docker inspect --format '{{.State.Pid}}' "
         f'{shlex.quote(container)})"{more}, or the same of podman')  # fmt: skip


def _words(
    project: str, ports: tuple[int, ...], allow_hosts: tuple[str, ...], *, deny_others: bool
) -> str:
    """The same options again, for the command that is to follow."""
    words = [f"--project {shlex.quote(project)}"] if project else []
    words += [f"--port {port}" for port in ports]
    words += [f"--allow-host {shlex.quote(host)}" for host in allow_hosts]
    words += ["--deny-other-hosts"] if deny_others else []
    return "".join(f" {word}" for word in words)
