"""
Tables of many small rows, each table as one test.

pytest needs some milliseconds for a test, however little it checks, and the suite has tables of a
thousand rows that take microseconds each. A row that needs no fixture needs no test of its own.
"""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

type Check = Callable[..., None]


def each_row(
    names: str, rows: Iterable[Any], *, ids: Callable[[Any], object] = str
) -> Callable[[Check], Check]:
    """
    As `pytest.mark.parametrize`, but all rows are one test, which tries each and names what fails.

    `names` are the arguments that a row has values for, as words; with one of them, a row is its
    value. Other arguments of the test are left to pytest.
    """
    wanted = names.split()
    table = [(ids(row), (row,) if len(wanted) == 1 else row) for row in rows]
    assert table, "a table without rows checks nothing"

    def decorate(check: Check) -> Check:
        def test(**given: Any) -> None:
            failed = []
            for name, row in table:
                try:
                    check(**dict(zip(wanted, row, strict=True)), **given)
                except Exception as error:  # noqa: BLE001  the other rows are tried all the same
                    error.add_note(f"The row: {name}")
                    failed.append((name, error))
            if failed:
                told = f"{len(failed)} of {len(table)} rows: {', '.join(str(n) for n, _ in failed)}"
                raise ExceptionGroup(told, [error for _, error in failed])

        parameters = inspect.signature(check).parameters
        assert parameters.keys() >= set(wanted), f"{check.__name__} does not take {names}"
        left = [kept for name, kept in parameters.items() if name not in wanted]
        test.__signature__ = inspect.Signature(left)
        for kept in ("__module__", "__name__", "__qualname__", "__doc__"):
            setattr(test, kept, getattr(check, kept))
        return test

    return decorate
