"""Whether this kernel confines commands: tried, with a command that does nothing."""

import os
import sys
from collections.abc import Mapping

from llmcap.confine.egress import read_egress
from llmcap.confine.inward import Inward
from llmcap.confine.start import start
from llmcap.words.errors import LLMCapError

ELSEWHERE = (
    "needs Linux; here, `mitmdump --mode local:PROGRAM` with LLMCap leads a program's connections "
    "to it without a variable, as far as mitmproxy's local mode does"
)
HERE = "this kernel gives a command a network of its own, without root"


def confined_here(environ: Mapping[str, str]) -> tuple[bool, str, str]:
    """Whether nothing is in the way, what to say of it, and what mends it."""
    if sys.platform != "linux":
        return True, ELSEWHERE, ""
    reason = reason_not(environ)
    text, *hints = reason.split("\nhint: ")
    return not reason, text or HERE, "; ".join(hints)


def reason_not(environ: Mapping[str, str]) -> str:
    """Why not, with what an administrator can do about it; nothing where it does."""
    handed: list[Inward] = []
    egress = read_egress(ports=(), reach=(), allow_hosts=(), deny_others=False)
    command = ("true",) if environ.get("PATH") else ("/bin/true",)
    try:
        process = start(command, environ, egress=egress, mounts=(), serve=handed.append)
        code = process.wait()
    except (LLMCapError, OSError) as error:
        return str(error).removeprefix("--confine: ")
    finally:
        for inward in handed:
            inward.close()
    return "" if code == os.EX_OK else f"a command that does nothing ended with {code}"
