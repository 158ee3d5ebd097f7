"""Work side by side: in order, and never far ahead of who takes the results."""

from concurrent.futures import ThreadPoolExecutor

from molvae.run.parallel import map_in_order, processes


def test_results_come_in_order_and_items_are_taken_as_they_are_needed():
    taken = []

    def items():
        for number in range(20):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(3) as executor:
        results = map_in_order(lambda number: number**2, items(), executor, ahead=4)
        assert next(results) == 0
        assert len(taken) == 4
        assert list(results) == [number**2 for number in range(1, 20)]


def test_one_process_is_none():
    with processes(1) as executor:
        assert executor is None
    assert list(map_in_order(abs, [-1, 2])) == [1, 2]
