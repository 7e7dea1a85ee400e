"""Sorting against the definition of an order."""

import itertools

import numpy as np
import pytest

from attention_jax.data.pointing import Sorting

NUMBERS = np.array([[0.3], [0.1], [0.7], [0.3]])


def test_an_order_says_every_number_once_and_none_before_a_smaller_one():
    problem = Sorting(4, 4)
    right = [
        said
        for said in itertools.product(range(4), repeat=4)
        if problem.measure(NUMBERS, np.array(said), None)["exact_match"]
    ]
    # The equal ones may stand in either order.
    assert right == [(1, 0, 3, 2), (1, 3, 0, 2)]
    assert problem.solve([NUMBERS])[0].tolist() == [1, 0, 3, 2]
    assert problem.measure(NUMBERS, np.array([1, 0, 3]), None) == {"exact_match": 0}


def test_exact_match_is_the_share_of_sets_without_a_mistake():
    measured = [{"exact_match": float(n == 0)} for n in range(4)]
    assert Sorting().score(measured).metrics == {"exact_match": pytest.approx(0.25)}
