"""Working ahead: in order, bounded, and ending cleanly."""

from __future__ import annotations

import threading

import pytest

from mobilefaceswap.errors import UserInputError
from mobilefaceswap.threads import cores, in_order


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_the_order_of_their_items(threads: int) -> None:
    # The first waits for the second, where there is a thread for it.
    second = threading.Event()

    def work(item: int) -> int:
        if item == 0 and threads > 1:
            assert second.wait(10)
        if item == 1:
            second.set()
        return item * item

    assert [(item, result()) for item, result in in_order(work, range(9), threads)] == [(n, n * n) for n in range(9)]


@pytest.mark.parametrize("threads", [1, 3])
def test_few_items_are_under_way(threads: int) -> None:
    begun: list[int] = []
    most = 0
    for item, result in in_order(lambda item: begun.append(item), range(40), threads):
        result()
        most = max(most, len(begun) - item)
    assert sorted(begun) == list(range(40))
    assert most <= threads + 2


def test_an_error_comes_in_its_place_and_ends_the_work() -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 3:
            raise ValueError("three")
        return item

    before, taken = threading.active_count(), []

    def take() -> None:
        for _, result in in_order(work, range(100), 2):
            taken.append(result())

    with pytest.raises(ValueError, match="three"):
        take()
    assert taken == [0, 1, 2]
    assert max(begun) < 8
    assert threading.active_count() == before


def test_the_number_of_threads_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOBILEFACESWAP_THREADS", raising=False)
    assert cores() >= 1
    monkeypatch.setenv("MOBILEFACESWAP_THREADS", "3")
    assert cores() == 3
    for wrong in ("0", "-1", "many", "1.5"):
        monkeypatch.setenv("MOBILEFACESWAP_THREADS", wrong)
        with pytest.raises(UserInputError, match="MOBILEFACESWAP_THREADS to be a whole number"):
            cores()
