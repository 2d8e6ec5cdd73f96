"""`python -m llmcap.cli`: the command from a bare checkout."""

from llmcap.cli import main

main(prog_name="llmcap")
