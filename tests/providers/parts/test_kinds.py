"""
Promise: every part that the vendors' own packages can send is known, so none is held as unknown.

The types are read out of the sources of the packages, which the clients' environment has.
"""

import re
from functools import cache
from pathlib import Path

import pytest

from llmcap.providers.parts.kinds import MEDIA_TYPES, TEXT_TYPES, WALKED_TYPES

ROOT = Path(__file__).resolve().parents[3]
KNOWN = TEXT_TYPES | WALKED_TYPES | MEDIA_TYPES.keys()

# The files that say what may stand in a conversation.
UNIONS = (
    "openai/types/responses/response_input_item_param.py",
    "openai/types/responses/response_input_content_param.py",
    "openai/types/responses/response_function_call_output_item_param.py",
    "openai/types/responses/response_output_message_param.py",
    "openai/types/chat/chat_completion_content_part_param.py",
    "openai/types/chat/chat_completion_assistant_message_param.py",
    "openai/types/beta/threads/message_content_part_param.py",
    "anthropic/types/content_block_param.py",
    "anthropic/types/tool_result_block_param.py",
    "anthropic/types/document_block_param.py",
    "anthropic/types/beta/beta_content_block_param.py",
    "anthropic/types/beta/beta_tool_result_block_param.py",
    "anthropic/types/beta/beta_request_document_block_param.py",
    "groq/types/chat/chat_completion_content_part_param.py",
)
# Types of what is no part: of a cache, of who called a tool, of actions and of their environments.
OTHERS = frozenset((
    "ephemeral", "direct", "program", "auto", "local", "container_reference", "custom", "grammar",
    "screenshot", "click", "double_click", "drag", "keypress", "move", "scroll", "type", "wait",
    "search", "open_page", "find_in_page", "exec", "exit", "timeout", "create_file", "delete_file",
    "update_file", "url", "logs", "exit", "approximate",
    # Tools that are defined, and what went wrong with one.
    "code_interpreter", "local_shell", "programmatic_tool_calling", "http_error", "mcp",
    "mcp_protocol_error", "mcp_tool_execution_error", "image_generation",
))  # fmt: skip

_TYPE = re.compile(r"\btype: (?:Required\[|Annotated\[|Optional\[)*Literal\[\s*\"([^\"]+)\"")
_IMPORT = re.compile(r"^from \.+(?:[\w.]*\.)?(\w+) import", re.MULTILINE)


@cache
def packages() -> Path:
    """Where the packages are."""
    found = sorted((ROOT / ".venv-clients").glob("lib/python3*/site-packages"))
    if not found:
        pytest.skip("the clients' environment is not made: run scripts/test once")
    return found[0]


def types_of(path: Path) -> set[str]:
    """The types that a file names, and those of the files that it imports."""
    source = path.read_text(encoding="utf-8")
    found = set(_TYPE.findall(source))
    for name in _IMPORT.findall(source):
        for folder in (path.parent, path.parent.parent):
            other = folder / f"{name}.py"
            if other.exists():
                found |= set(_TYPE.findall(other.read_text(encoding="utf-8")))
    return found


@pytest.mark.parametrize("union", UNIONS)
def test_every_part_of_the_packages_is_known(union: str):
    """As text, as a medium, or as what holds further parts."""
    path = packages() / union
    if not path.exists():
        pytest.skip(f"the package of today has no {union}")
    found = types_of(path)
    assert found, union
    assert found - OTHERS <= KNOWN


def test_no_type_is_two_things():
    """What is text is no medium."""
    assert not (TEXT_TYPES & WALKED_TYPES)
    assert not (MEDIA_TYPES.keys() & (TEXT_TYPES | WALKED_TYPES))
