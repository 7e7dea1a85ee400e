"""Prepared sets as batches: what a set depends on, and what padding holds."""

import numpy as np
import pytest

from attention_jax import pointings
from attention_jax.data.pointing import Hulls, PointingData, Tours, load, sets
from attention_jax.data.pointing.tours import tour_length
from attention_jax.errors import UserError

SIZES = {"batch_size": 4, "data.train_size": 11, "data.validation_size": 5, "data.test_size": 6}


def make(problem, folder, manual_dir=None, **values):
    config = pointings.default_config("toy", f"{problem.min_points}-{problem.max_points}")
    config.update_from_flattened_dict(SIZES | {"data.buckets": (4, problem.max_points)} | values)
    return PointingData(problem, config, folder, manual_dir)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("prepared")


def test_a_set_follows_from_its_number_and_never_from_those_beside_it():
    problem = Hulls(4, 6)
    whole, sizes = sets.draw(problem, 0, "train", 0, 8)
    part, part_sizes = sets.draw(problem, 0, "train", 5, 2)
    np.testing.assert_array_equal(part, whole[5:7])
    np.testing.assert_array_equal(part_sizes, sizes[5:7])
    other, _ = sets.draw(problem, 0, "test", 0, 8)
    assert not np.isin(whole[whole > 0], other).any()


def test_log_uniform_sizes_have_the_stated_chances_and_all_lie_between():
    problem = Hulls(5, 50, log_uniform=True)
    _, sizes = sets.draw(problem, 0, "train", 0, 20_000)
    sizes, counts = np.unique(sizes, return_counts=True)
    assert sizes.tolist() == [*range(5, 51)]
    chances = np.log((sizes + 1) / sizes) / np.log(51 / 5)
    deviations = np.sqrt(20_000 * chances)
    assert (np.abs(counts - 20_000 * chances) < 5 * deviations).all()


def test_the_largest_log_uniform_draw_stays_below_what_rounding_makes_of_it(monkeypatch):
    # 3 * (7 / 3) ** u is 7.0 for the last u below 1.
    ones = np.full((1, 13), 2**64 - 1, np.uint64)
    monkeypatch.setattr(sets.dice, "random_words", lambda *args: ones)
    _, sizes = sets.draw(Hulls(3, 6, log_uniform=True), 0, "train", 0, 1)
    assert sizes.tolist() == [6]


def test_sets_of_one_size_are_the_same_however_sizes_are_drawn():
    assert Hulls(5, 50, log_uniform=True).of_size(10) == Hulls(10, 10)


def test_what_was_prepared_is_what_was_drawn_and_is_not_prepared_again(tmp_path, monkeypatch):
    monkeypatch.setattr(load, "BLOCK", 4)
    drawn = load.Drawn(Hulls(4, 6), 11, 0, "train")
    made = load.load(drawn, tmp_path)
    for ours, now in zip(made, sets.answered(drawn.problem, 0, "train", 0, 11), strict=True):
        np.testing.assert_array_equal(ours, now)
    assert list((tmp_path / "point_sets").glob("*/1.0.0/*.array_record*"))
    monkeypatch.setattr(load, "_prepare", None)
    for one, other in zip(made, load.load(drawn, tmp_path), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_damaged_file_and_a_folder_that_cannot_be_written_are_one_sentence(tmp_path):
    drawn = load.Drawn(Hulls(4, 6), 11, 0, "train")
    file = tmp_path / "point_sets" / "arrays" / f"{drawn.name}.npz"
    file.parent.mkdir(parents=True)
    for content in (b"", b"PK\x03\x04 and no more", b"plain text"):
        file.write_bytes(content)
        with pytest.raises(UserError, match="is damaged: delete it"):
            load.load(drawn, tmp_path)
    with pytest.raises(UserError, match="cannot prepare data in"):
        load.load(drawn, file)


def test_batches_hold_every_set_once_with_its_answer_and_padding_of_zeros(folder):
    found = {}
    for batch in make(Hulls(3, 8), folder).split("test"):
        inputs, outputs = batch["points"].shape[1], batch["targets"].shape[1]
        assert inputs in (4, 8)
        assert outputs <= inputs + 1
        for row, number in enumerate(batch["index"]):
            count = batch["points_mask"][row].sum()
            assert batch["points_mask"][row, :count].all()
            assert not batch["points"][row, count:].any()
            if not batch["mask"][row]:
                assert number == -1
                assert not batch["targets_mask"][row].any()
                continue
            length = batch["targets_mask"][row].sum() - 1
            assert batch["targets_mask"][row, : length + 1].all()
            assert not batch["targets"][row, length:].any()
            found[number] = batch["points"][row, :count], batch["targets"][row, :length] - 1
    assert sorted(found) == list(range(6))
    for points, corners in found.values():
        assert corners.tolist() == Hulls().solve([points])[0].tolist()


def test_a_split_of_another_size_has_sets_of_that_size(folder):
    data = make(Hulls(3, 8), folder)
    for batch in data.split("test_10"):
        assert (batch["points_mask"].sum(-1) == 10).all()
    with pytest.raises(UserError, match="test_30 for sets of 30 points"):
        data.split("tset")
    with pytest.raises(UserError, match="min_points is 2"):
        data.split("test_2")


def test_a_varied_batch_has_the_same_lengths_and_comes_again_from_the_same_position(folder):
    plain, varied = (
        make(Tours(4, 6), folder, **{"data.vary": vary}).train() for vary in (False, True)
    )

    def lengths(batch):
        sizes = batch["points_mask"].sum(-1)
        rows = zip(batch["points"], batch["targets"], sizes, strict=True)
        return [tour_length(points, tour[:size] - 1) for points, tour, size in rows]

    first, later = varied[1], varied[1 + len(varied)]
    np.testing.assert_allclose(lengths(first), lengths(plain[1]), rtol=1e-5)
    np.testing.assert_array_equal(first["points"], varied[1]["points"])
    assert not np.array_equal(first["points"], later["points"])
    assert (first["targets"][:, 0] == 1).all()


def test_sets_without_answers_are_drawn_as_they_are_needed(tmp_path):
    batch = make(Tours(5, 20), tmp_path, **{"data.answers": False}).train()[3]
    assert "targets" not in batch
    assert batch["points"].shape == (4, 20, 2)
    assert batch["index"].tolist() == [12, 13, 14, 15]
    assert not batch["points"][~batch["points_mask"]].any()
    assert not list(tmp_path.iterdir())


def test_files_of_tsplib_are_a_split_with_the_tours_beside_them(folder, tmp_path):
    header = "TYPE: TSP\nEDGE_WEIGHT_TYPE: EUC_2D\nNODE_COORD_SECTION\n"
    (tmp_path / "one.tsp").write_text(header + "1 0 0\n2 9 0\n3 9 9\n4 0 9\n5 4 5\n")
    (tmp_path / "two.tsp").write_text(header + "1 0 0\n2 0 8\n3 6 0\n4 6 8\n")
    (tmp_path / "two.opt.tour").write_text("TOUR_SECTION\n1\n2\n4\n3\n-1\n")
    data = make(Tours(3, 6), folder, tmp_path)
    assert data.splits == ("validation", "test", "tsplib")
    rows = {}
    for batch in data.split("tsplib"):
        for row in np.flatnonzero(batch["mask"]):
            rows[int(batch["index"][row])] = {name: array[row] for name, array in batch.items()}
    assert data.names("tsplib") == ["one", "two"]
    assert rows[0]["frame"].tolist() == [9, 0, 0]
    assert rows[1]["targets"][:5].tolist() == [1, 3, 4, 2, 0]
    with pytest.raises(UserError, match=r"no file \*\.tsp"):
        make(Tours(3, 6), folder, folder).split("tsplib")
    with pytest.raises(UserError, match="there is no split 'tsplib'"):
        make(Hulls(3, 6), folder, tmp_path).split("tsplib")


def test_the_hash_knows_problem_and_sizes(folder):
    made = [make(Hulls(3, 8), folder), make(Hulls(4, 8), folder), make(Tours(3, 8), folder)]
    made.append(make(Hulls(3, 8), folder, **{"data.test_size": 7}))
    assert len({data.hash() for data in made}) == len(made)


@pytest.mark.parametrize(
    ("problem", "values", "sentence"),
    [
        (lambda: Hulls(2, 5), {}, "min_points is 2 and max_points is 5"),
        (lambda: Hulls(7, 6), {}, "min_points is 7 and max_points is 6"),
        (lambda: Hulls(3, 8), {"data.buckets": (4, 6)}, "buckets is 6 and sets have up to 8"),
        (lambda: Hulls(3, 8), {"data.test_size": 0}, "test_size is 0"),
        (lambda: Hulls(3, 8), {"batch_size": 0}, "batch size of 0"),
        (lambda: Hulls(3, 8), {"data.vary": True}, "vary is for tours"),
    ],
)
def test_sizes_that_cannot_be_are_one_sentence(problem, values, sentence, folder):
    with pytest.raises(UserError, match=sentence):
        make(problem(), folder, **values)
