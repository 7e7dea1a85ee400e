"""What a user wrote, in its three forms; each mistake is one sentence."""

import re

import numpy as np
import pytest

from attention_jax.data.pointing import Hulls, Sorting, Tours, Triangulations
from attention_jax.data.pointing.tsplib import parse, read_tour
from attention_jax.data.pointing.written import read
from attention_jax.errors import UserError

HULLS, TOURS = Hulls(), Tours()
TSPLIB = """NAME : four
TYPE: TSP
COMMENT: a square: of side 30
DIMENSION: 4
EDGE_WEIGHT_TYPE : EUC_2D
NODE_COORD_SECTION
1 10.0 10
3 40 10

4 4e1 40
2 10 40
EOF
""".splitlines()


def tsplib(old, new):
    return [line.replace(old, new) for line in TSPLIB]


def test_json_lines_are_sets_and_columns_are_one_set():
    lines = ["[[0.5, 0.1], [0.2, 0.9], [1, 0]]", "", "[[0, 0], [1, 0], [1, 1]]"]
    points, frames = read(lines, HULLS, 9)
    np.testing.assert_array_equal(points[0], np.float32([[0.5, 0.1], [0.2, 0.9], [1, 0]]))
    assert len(points) == 2
    assert frames.tolist() == [[1, 0, 0], [1, 0, 0]]
    for columns in (["0,0", "1, 0", "1,1"], ["x,y", "0,0", "1,0", "1 , 1"], ["0 0", "1 0", "1 1"]):
        ((one,), _) = read(columns, HULLS, 9)
        np.testing.assert_array_equal(one, points[1])


def test_points_beyond_the_unit_square_are_moved_into_it_and_keep_their_shape():
    ((points,), frames) = read(["[[-10, 5], [30, 5], [10, 25]]"], HULLS, 9)
    np.testing.assert_allclose(points, [[0, 0], [1, 0], [0.5, 0.5]])
    assert frames.tolist() == [[40, -10, 5]]
    ((numbers,), _) = read(["[3, 7, 5]"], Sorting(), 9)
    np.testing.assert_allclose(numbers, [[0], [1], [0.5]])


def test_a_file_of_tsplib_is_one_set_in_the_files_order():
    ((points,), frames) = read(TSPLIB, TOURS, 9)
    np.testing.assert_array_equal(points, [[0, 0], [1, 0], [1, 1], [0, 1]])
    assert frames.tolist() == [[30, 10, 10]]


@pytest.mark.parametrize(
    ("lines", "problem", "sentence"),
    [
        (["[[0, 0], [1, 1]]"], HULLS, "input 1 has too few points, 2: give 3 or more"),
        (["[]"], HULLS, "input 1 is no list of points of 2 numbers"),
        (["[[0, 0], [1, 1], [2, 2]]"], HULLS, "the points of input 1 lie on one line"),
        (["[[0, 0], [1, 1], [2, 2]]"], Triangulations(), "lie on one line"),
        (["[[0, 0], [1, 1], [0, 1], [1, 1]]"], TOURS, "points 2 and 4 of input 1 are the same"),
        (["[[0, 0], [1, NaN], [0, 1]]"], TOURS, "point 2 of input 1 is not finite"),
        (["[[0, 0], [1, 1e999], [0, 1]]"], TOURS, "point 2 of input 1 is not finite"),
        (["[[0, 0, 0], [1, 1, 1], [0, 1, 0]]"], TOURS, "no list of points of 2 numbers"),
        (["[[0, 0], [1, 1, 1], [0, 1]]"], TOURS, "no list of points of 2 numbers"),
        (["[[0, 0], [1, 1]"], TOURS, "input 1 is no JSON"),
        (["[[0, 0], [1, 0], [0, 1]]", '["a"]'], TOURS, "input 2 is no list of points"),
        (["[0.5, [1]]"], Sorting(), "no list of numbers"),
        (["0,0", "1,0", "one,1"], TOURS, "the line 'one,1' is no point like the others"),
        (["0,0", "1,0", "1"], TOURS, "the line '1' is no point like the others"),
        (["0,0", "1,0", "1,inf"], TOURS, "point 3 of the input is not finite"),
        ([str([[n, n * n] for n in range(10)])], TOURS, "has 10 points and the limit is 9"),
        (tsplib("EUC_2D", "GEO"), TOURS, "the file has EDGE_WEIGHT_TYPE GEO: only EUC_2D"),
        (tsplib("TYPE: TSP", "TYPE: CVRP"), TOURS, "the file is a problem of TYPE CVRP"),
        (tsplib("3 40 10", "3 40 ten"), TOURS, "a line '3 40 ten' among its coordinates"),
        (tsplib("2 10 40", "3 10 40"), TOURS, "two of its cities the same number"),
        (tsplib("2 10 40", ""), TOURS, "the file has 3 cities and its DIMENSION is 4"),
    ],
)
def test_points_without_an_answer_are_one_sentence(lines, problem, sentence):
    with pytest.raises(UserError, match=re.escape(sentence)):
        read(lines, problem, 9)


def test_cities_on_one_line_and_equal_numbers_have_an_answer():
    read(["[[0, 0], [1, 1], [2, 2]]"], TOURS, 9)
    read(["[1, 1, 2]"], Sorting(), 9)


def test_a_tour_file_names_cities_by_the_files_numbers(tmp_path):
    cities = parse(TSPLIB, "four.tsp")
    assert cities.name == "four"
    path = tmp_path / "four.opt.tour"
    path.write_text("NAME : four\nTYPE : TOUR\nTOUR_SECTION\n1\n2 4\n3\n-1\nEOF\n")
    assert read_tour(path, cities).tolist() == [0, 3, 2, 1]
    path.write_text("TOUR_SECTION\n1 2 4 4\n-1\n")
    with pytest.raises(UserError, match="is no tour through the 4 cities of four"):
        read_tour(path, cities)
