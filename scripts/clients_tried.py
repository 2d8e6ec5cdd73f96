"""Which clients are tried by `scripts/works_with`, in the order of their rows."""

from commands_tried import COMMANDS
from libraries_tried import LIBRARIES

TRIED = (*LIBRARIES, *COMMANDS)
