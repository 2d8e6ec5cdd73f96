"""Which LLMCap this is."""


def version() -> str:
    """As its package says; a checkout has none."""
    # It takes a third of the time that a command needs to start.
    from importlib import metadata  # noqa: PLC0415

    try:
        return metadata.version("llmcap-mitmproxy")
    except metadata.PackageNotFoundError:
        return "(from a checkout)"
