"""
Who a proxy's clients are, looked up in a thread, so that the loop never waits and a call not long.

One lookup for each connection, one at a time; the answer is kept until the connection closes.
"""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

from llmcap.shell.addresses import is_local
from llmcap.shell.process import Address, Owner, Owners
from llmcap.walk.attributes import Facts
from llmcap.words.records import Policy, ProcessPolicy

# A lookup takes milliseconds. Where it hangs, a call goes on without a name, under whose budget
# everything falls that has none.
PATIENCE_SECONDS = 2

# What a budget or a breaker can only know by the process.
_NEEDED_FOR = frozenset({"client", "cwd", "project"})

Find = Callable[[Address, Address], Owner | None]


class Callers:
    """
    What is known of client connections. Belongs to the thread of one event loop.

    `of_all` holds for every client: what the proxy was started for.
    """

    def __init__(self, of_all: Facts, *, find: Find | None = None) -> None:
        self._of_all = of_all
        self._find = find or Owners().find
        self._policy: Policy | None = None  # the last one, and whether it wants callers identified
        self._wanted = False
        self._users: dict[str, str] = {}
        self._heard: set[str] = set()  # connections over which a call came
        self._tasks: dict[str, asyncio.Future[Owner | None]] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="llmcap-callers")

    def greeted(self, connection: str, user: str) -> None:
        """The connection was opened by this proxy user, for all of its calls."""
        if user:
            self._users[connection] = user

    def is_first(self, connection: str) -> bool:
        """Whether this is asked for the first time of that connection."""
        first = connection not in self._heard
        self._heard.add(connection)
        return first

    def facts(
        self,
        connection: str,
        client: Address,
        server: Address,
        *,
        user: str,
        port: str,
        policy: Policy,
    ) -> Facts | Awaitable[Facts]:
        """
        What is known of the maker of a call; its process only where the policy asks for it, and
        then that may have to be waited for. `server` is what the client's socket is connected to,
        `port` where it came in.
        """
        facts = self._facts_of(self._users.get(connection) or user, port)
        # A proxy that was started for one program knows it, also where others call for that one.
        if facts.cwd or not self._identifies(policy):
            return facts
        return self._with_process(facts, connection, client, server)

    async def _with_process(
        self, facts: Facts, connection: str, client: Address, server: Address
    ) -> Facts:
        owner = await self.of(connection, client, server)
        if owner is None:
            return facts
        return dataclasses.replace(
            facts,
            process=owner.program,
            pid=str(owner.pid),
            cwd=owner.cwd,
            project=owner.project,
        )

    def _identifies(self, policy: Policy) -> bool:
        if policy is not self._policy:
            self._policy, self._wanted = policy, are_wanted(policy)
        return self._wanted

    @lru_cache(maxsize=256)  # noqa: B019 - one of these lives as long as its proxy
    def _facts_of(self, user: str, port: str) -> Facts:
        """What a proxy user's calls on a port have in common."""
        known = user or self._of_all.proxy_user
        return dataclasses.replace(self._of_all, proxy_user=known, port=port)

    async def of(self, connection: str, client: Address, server: Address) -> Owner | None:
        """The program at the other end of a connection; None where that cannot be known."""
        task = self._tasks.get(connection)
        if task is None:
            if not is_local(client[0]):
                return None
            loop = asyncio.get_running_loop()
            task = loop.run_in_executor(self._pool, self._find, client, server)
            self._tasks[connection] = task
        done, _ = await asyncio.wait([task], timeout=PATIENCE_SECONDS)
        return task.result() if done and task.exception() is None else None

    def gone(self, connection: str) -> None:
        """The connection is closed: its port may be another program's next."""
        self._users.pop(connection, None)
        self._heard.discard(connection)
        self._tasks.pop(connection, None)

    def close(self) -> None:
        """No more lookups."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def are_wanted(policy: Policy) -> bool:
    """Whether anything asks who makes a call."""
    if policy.identify_processes is not ProcessPolicy.AUTO:
        return policy.identify_processes is ProcessPolicy.ON
    named: set[str] = set()
    for budget in policy.budgets:
        named.update(budget.per, budget.match)
        for exception in budget.allow:
            named.update(exception)
    rules = policy.breakers
    for rule in (rules.errors, rules.latency, rules.burn, rules.repeats, rules.parallel):
        named.update(rule.per if rule is not None else ())
    return not named.isdisjoint(_NEEDED_FOR)
