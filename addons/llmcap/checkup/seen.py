"""What a probe has seen of one command: the witness writes it down, the doctor reads it."""

from dataclasses import dataclass, field

from llmcap.checkup import bypass


@dataclass(slots=True)
class Seen:
    """What was seen of one command."""

    connects: list[str] = field(default_factory=list)  # hosts that it asked the proxy for
    requests: list[str] = field(default_factory=list)  # `POST host/path` of those on providers
    refused: list[str] = field(default_factory=list)  # those of them that no budget lets through
    distrusted: list[str] = field(default_factory=list)  # hosts whose certificate it refused
    direct: set[bypass.Direct] = field(default_factory=set)
    programs: set[str] = field(default_factory=set)  # the files that were run
    attempts: int = 0  # past the proxy, where it was confined
    ended: bool = False  # by itself
    screen: str = ""  # the end of what it printed
