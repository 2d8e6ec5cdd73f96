"""PR-Agent: the review of a branch with one change, in a repository without a host."""

import os
import subprocess
import sys
from pathlib import Path


def git(*words: str) -> None:
    """One command of git's."""
    who = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.com")
    subprocess.run(["git", *who, *words], check=True)


git("init", "--quiet", "--initial-branch", "main")
Path("greeting.py").write_text("print('hello')\n", encoding="utf-8")
git("add", ".")
git("commit", "--quiet", "-m", "Greet")
git("checkout", "--quiet", "-b", "change")
Path("greeting.py").write_text("print('hello, world')\n", encoding="utf-8")
git("commit", "--quiet", "-a", "-m", "Greet the world")
pr_agent = str(Path(sys.executable).with_name("pr-agent"))
os.execv(pr_agent, [pr_agent, "--pr_url=main", "review"])
