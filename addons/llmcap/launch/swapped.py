"""The keys of a run: read from where the config says, and what stands for them."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from llmcap.keys.aws import SOURCE, Aws, Chain
from llmcap.keys.sources import file_of, read_key
from llmcap.keys.standins import stand_in_for
from llmcap.keys.swap import Key, Keys
from llmcap.keys.variables import variables
from llmcap.words.errors import ConfigError
from llmcap.words.records import Policy

# Looked at without asking anybody to unlock something.
_QUIET = ("env", "file")


class Swapped:
    """Those of one run. Raises `ConfigError` when made, for a key that is not where it is said."""

    def __init__(self, policy: Policy, environ: Mapping[str, str]) -> None:
        found: list[Key] = []
        aws: Aws | None = None
        for provider, source in policy.keys.items():
            if source.partition(":")[0] == SOURCE:
                if aws is not None:
                    raise ConfigError(
                        f"keys: {provider} and {aws.provider} are both {SOURCE}: a command has one "
                        "pair of AWS's variables, so name one of them"
                    )
                aws = Aws(provider, Chain(provider, source.partition(":")[2]))
                continue
            real = read_key(source, named=provider, environ=environ)
            found.append(Key(provider, real, stand_in_for(real, named=provider)))
        self.keys = Keys(found, [aws] if aws is not None else [])
        self.files = [file for file in map(file_of, policy.keys.values()) if file is not None]

    def environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The command's variables, with stand-ins."""
        return self.keys.environ(environ, variables) if self.keys else dict(environ)

    def hidden(self) -> list[Path]:
        """Files that a confined command is not to see."""
        signs = [file for signer in self.keys.signers for file in signer.hidden()]
        return [file.resolve() for file in (*self.files, *signs) if file.is_file()]


def missing(policy: Policy, environ: Mapping[str, str]) -> Iterator[str]:
    """What is not where `keys` says, a sentence each: what would stop a command from being run."""
    for provider, source in policy.keys.items():
        kind, _, place = source.partition(":")
        try:
            if kind == SOURCE:
                Chain(provider, place)
            elif kind in _QUIET:
                read_key(source, named=provider, environ=environ)
        except ConfigError as error:
            yield str(error)
