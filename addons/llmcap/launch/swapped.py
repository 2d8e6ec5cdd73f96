"""The keys of a run: read from where the config says, and what stands for them."""

from collections.abc import Mapping
from pathlib import Path

from llmcap.keys.sources import file_of, read_key
from llmcap.keys.standins import stand_in_for
from llmcap.keys.swap import Key, Keys
from llmcap.keys.variables import variables
from llmcap.words.records import Policy


class Swapped:
    """Those of one run. Raises `ConfigError` when made, for a key that is not where it is said."""

    def __init__(self, policy: Policy, environ: Mapping[str, str]) -> None:
        found = []
        for provider, source in policy.keys.items():
            real = read_key(source, named=provider, environ=environ)
            found.append(Key(provider, real, stand_in_for(real, named=provider)))
        self.keys = Keys(found)
        self.files = [file for file in map(file_of, policy.keys.values()) if file is not None]

    def environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The command's variables, with stand-ins."""
        return self.keys.environ(environ, variables) if self.keys.keys else dict(environ)

    def hidden(self) -> list[Path]:
        """Files that a confined command is not to see."""
        return [file.resolve() for file in self.files if file.is_file()]
