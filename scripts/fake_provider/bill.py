"""What was really generated, request by request: the provider's own books."""

from dataclasses import dataclass, field

from fake_provider import tariff


@dataclass(slots=True)
class Record:
    """
    One billable request, counted while it runs.

    `output` grows with each token that is generated, whether or not it ever reaches the client.
    """

    number: int
    endpoint: str
    model: str  # the tariff's name
    fresh: int  # input tokens at the full price
    cached: int = 0
    written: int = 0
    output: int = 0
    reasoning: int = 0  # part of output
    spoken: int = 0  # characters read aloud
    heard_millis: int = 0  # of a recording
    searches: int = 0  # of the web, by tools of the provider's
    halved: bool = False  # one of a batch
    stream: bool = False
    protocol: str = "1.1"
    ended: str = ""  # whole | error | reset | eof | hung up | refused; empty while it runs

    @property
    def input(self) -> int:
        """All input tokens."""
        return self.fresh + self.cached + self.written

    def nanos(self) -> int:
        """What the client owes for it by now."""
        return tariff.searched(self.model, self.searches) + tariff.nanos(
            self.model,
            fresh=self.fresh,
            cached=self.cached,
            written=self.written,
            output=self.output,
            spoken=self.spoken,
            heard_millis=self.heard_millis,
            halved=self.halved,
        )


@dataclass(slots=True)
class Bill:
    """All records since the start, or since the last reset, and the requests that cost nothing."""

    records: list[Record] = field(default_factory=list)
    requests: dict[str, int] = field(default_factory=dict)  # by path, billable or not
    heads: list[str] = field(default_factory=list)  # what requests said, with their credentials

    def nanos(self) -> int:
        """The total."""
        return sum(record.nanos() for record in self.records)

    def open(self) -> int:
        """How many requests still run."""
        return sum(not record.ended for record in self.records)

    def document(self) -> dict[str, object]:
        """The whole of it as JSON; amounts are decimal strings of nano-dollars."""
        return {
            "nanos": str(self.nanos()),
            "open": self.open(),
            "requests": self.requests,
            "heads": self.heads,
            "records": [
                {
                    "number": record.number,
                    "endpoint": record.endpoint,
                    "model": record.model,
                    "fresh": record.fresh,
                    "cached": record.cached,
                    "written": record.written,
                    "output": record.output,
                    "reasoning": record.reasoning,
                    "stream": record.stream,
                    "protocol": record.protocol,
                    "ended": record.ended,
                    "nanos": str(record.nanos()),
                }
                for record in self.records
            ],
        }
