"""Numbers of copies as runs: [[0, 500], [510, 512]] instead of five hundred and two numbers. Values only."""

from collections.abc import Iterable, Sequence


def runs(numbers: Iterable[int]) -> list[list[int]]:
    """The numbers as [from, up to] pairs, in order; `up to` is not included."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number:
            found[-1][1] = number + 1
        else:
            found.append([number, number + 1])
    return found


def is_one_run(numbers: Sequence[int]) -> bool:
    """Whether ascending numbers have no gap. An empty sequence has none to speak of."""
    return bool(numbers) and numbers[-1] - numbers[0] + 1 == len(numbers)


def halves(numbers: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    """Two parts that differ by at most one."""
    middle = (len(numbers) + 1) // 2
    return numbers[:middle], numbers[middle:]
