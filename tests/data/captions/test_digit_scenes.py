"""Scenes of digits: what their caption says stands there, and nothing depends on a batch."""

import jax
import ml_collections
import numpy as np
import pytest
from PIL import Image

from attention_jax.data.captions import CaptionData, default_data, digits, scenes
from attention_jax.data.memory_sequences import dice
from attention_jax.data.tokenizers import BOS, EOS, PAD
from attention_jax.errors import UserError

FOUR = {"data.max_digits": 4}


def make(folder=None, **values):
    data = default_data()
    data.update(validation_size=6, test_size=7)
    config = ml_collections.ConfigDict({"seed": 0, "batch_size": 4, "data": data})
    config.update_from_flattened_dict(values)
    return CaptionData(config, folder, workdir=folder)


def drawn(count=500, fewest=2, most=4):
    return scenes.layout(dice.random_words(5, 0, 0, count, scenes.WORDS), fewest, most)


@pytest.fixture(scope="module")
def layouts():
    return drawn()


def boxes_of(caption):
    """[(numeral's word, box in pixels)] in the order of naming."""
    named = zip(caption.words, caption.named, strict=True)
    return [(word, np.array(boxes[0]) * scenes.SIDE) for word, boxes in named if boxes]


def test_no_digit_is_in_two_splits_and_none_is_left_out():
    found = [digits.instances(split).images for split in digits.SPLITS]
    assert sum(map(len, found)) == 1797
    looks = [{bytes(image) for image in images} for images in found]
    assert sum(map(len, looks)) == len(set().union(*looks)) == 1797


def test_a_digit_is_as_it_was_at_twice_the_size():
    from sklearn.datasets import load_digits

    every = load_digits()
    made = digits.instances("test")
    own = every.images[np.flatnonzero(every.target == 3)[9]]
    image = made.images[made.starts[3]].astype(float)
    # A pixel is now four; cubic edges are steeper, their mean stays near.
    np.testing.assert_allclose(
        image.reshape(8, 2, 8, 2).mean((1, 3)) / 255 * 16, own, atol=2.5, rtol=0
    )
    assert image.max() <= 255
    for numeral in range(10):
        chosen = made.chosen(np.array([numeral] * 2), np.array([0, 0.999]))
        np.testing.assert_array_equal(chosen[0], made.images[made.starts[numeral]])
        np.testing.assert_array_equal(chosen[1], made.images[made.starts[numeral + 1] - 1])


def test_digits_never_overlap_and_never_leave_the_canvas(layouts):
    for caption in scenes.tell(layouts):
        ink = np.zeros((scenes.SIDE, scenes.SIDE), int)
        for _, box in boxes_of(caption):
            y0, x0, y1, x1 = np.round(box).astype(int)
            assert min(y0, x0) >= 0
            assert max(y1, x1) <= scenes.SIDE
            ink[y0:y1, x0:x1] += 1
        assert ink.max() == 1


def test_a_relation_is_true_and_no_other_would_be(layouts):
    ways = {"left": (0, -1), "right": (0, 1), "above": (-1, 0)}
    said = {way: 0 for way in ways}
    for caption in scenes.tell(layouts):
        relations = [word for word in caption.words if word in ways]
        centres = [(box[:2] + box[2:]) / 2 for _, box in boxes_of(caption)]
        assert len(relations) == len(centres) - 1
        for relation, first, second in zip(relations, centres, centres[1:], strict=False):
            along, across = ways[relation], ways[relation][::-1]
            assert (first - second) @ along >= digits.SIDE
            assert abs((first - second) @ across) <= digits.SIDE / 2
            said[relation] += 1
    # Of one, two and three relations a half, a half and a third.
    assert said["above"] / sum(said.values()) == pytest.approx(5 / 12, abs=0.05)
    assert min(said["left"], said["right"]) > 0


def test_numerals_are_different_and_all_alike_often(layouts):
    counts, values = {2: 0, 3: 0, 4: 0}, []
    for caption in scenes.tell(layouts):
        numerals = [word for word, _ in boxes_of(caption)]
        assert len(set(numerals)) == len(numerals)
        counts[len(numerals)] += 1
        values += numerals
    np.testing.assert_allclose(np.array([*counts.values()]) / 500, 1 / 3, atol=0.06)
    shares = [values.count(numeral) / len(values) for numeral in scenes.NUMERALS]
    np.testing.assert_allclose(shares, 1 / 10, atol=0.03)


def test_where_digits_stand_alone_says_which_is_named_first(layouts):
    for caption in scenes.tell(layouts):
        centres = np.array([(box[:2] + box[2:]) / 2 for _, box in boxes_of(caption)])
        if len(centres) == 2:
            apart = centres[1] - centres[0]
            assert apart[np.abs(apart).argmax()] > 0
            continue
        # Of three or more some are on each side of both cuts.
        quarters = (centres > (centres.min(0) + centres.max(0)) / 2).astype(int)
        if len(centres) == 4:
            assert quarters.tolist() == [[0, 0], [0, 1], [1, 1], [1, 0]]
        else:
            assert quarters[0].tolist() < quarters[-1].tolist()


def test_a_caption_fits_its_time_and_leaves_no_word_out():
    captions = {" ".join(caption.words) for caption in scenes.tell(drawn(300, 4, 4))}
    assert max(len(text.split()) for text in captions) <= scenes.longest(4)
    assert {word for text in captions for word in text.split()} == set(scenes.VOCABULARY)


def test_each_box_holds_the_digit_that_its_word_names_and_there_is_ink_nowhere_else():
    made = drawn(40)
    of = digits.instances("test")
    for image, caption in zip(scenes.draw(made, of), scenes.tell(made), strict=True):
        rest = image[..., 0].copy()
        for word, box in boxes_of(caption):
            y0, x0, y1, x1 = np.round(box).astype(int)
            start, end = of.starts[scenes.NUMERALS.index(word) :][:2]
            found = (of.images[start:end] == image[y0:y1, x0:x1, 0]).all((1, 2))
            assert found.sum() == 1
            rest[y0:y1, x0:x1] = 0
        assert not rest.any()


def test_a_batch_is_shifted_inputs_and_targets_with_the_boxes_of_their_words():
    data = make(**FOUR)
    batch = data.train()[0]
    assert batch["images"].shape == (4, 40, 40, 1)
    assert batch["images"].dtype == np.uint8
    assert batch["targets"].shape == (4, 11)
    assert batch["boxes"].shape == (4, 11, 1, 4)
    for row in range(4):
        length = batch["targets_mask"][row].sum()
        targets, inputs = batch["targets"][row], batch["inputs"][row]
        assert targets[length - 1] == EOS
        assert inputs[0] == BOS
        np.testing.assert_array_equal(inputs[1:length], targets[: length - 1])
        assert (targets[length:] == PAD).all()
        assert (inputs[length:] == PAD).all()
        words = data.tokenizer.tokens(targets)
        assert [word in scenes.NUMERALS for word in words] == batch["boxed"][row, :, 0].tolist()
        assert not batch["boxes"][row][~batch["boxed"][row]].any()


def test_a_scene_never_depends_on_its_batch():
    large, small = make(batch_size=8).train()[1], make(batch_size=2).train()
    for position in range(4):
        for name, array in small[4 + position].items():
            np.testing.assert_array_equal(array, large[name][2 * position : 2 * position + 2])


def test_each_process_reads_its_own_rows(monkeypatch):
    whole = make().train()[3]
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    for process in range(2):
        monkeypatch.setattr(jax, "process_index", lambda process=process: process)
        for name, array in make().train()[3].items():
            np.testing.assert_array_equal(array, whole[name][2 * process : 2 * process + 2])
    monkeypatch.setattr(jax, "process_count", lambda: 3)
    with pytest.raises(UserError, match="use a multiple of 3"):
        make()


def test_splits_never_change_with_the_runs_seed_and_training_does():
    seen = {}
    for seed in (0, 1):
        data = make(seed=seed)
        for name in ("train", *data.splits):
            batches = [data.train()[n] for n in range(2)] if name == "train" else data.split(name)
            seen[name, seed] = {bytes(image) for batch in batches for image in batch["images"]}
    assert seen["test", 0] == seen["test", 1]
    assert seen["validation", 0] == seen["validation", 1]
    assert not seen["train", 0] & seen["train", 1]
    assert not seen["test", 0] & seen["validation", 0]


def test_a_split_has_as_many_scenes_as_asked_and_its_references_are_its_targets():
    data = make()
    batches = list(data.split("test"))
    assert len(batches) == len(data.split("test")) == 2
    index = np.concatenate([batch["index"] for batch in batches])
    mask = np.concatenate([batch["mask"] for batch in batches])
    np.testing.assert_array_equal(index, [0, 1, 2, 3, 4, 5, 6, -1])
    np.testing.assert_array_equal(mask, index >= 0)
    targets = np.concatenate([batch["targets"] for batch in batches])
    told = [(data.tokenizer.decode(tokens),) for tokens in targets[mask].tolist()]
    assert data.references("test") == told
    assert data.names("test") == ()
    assert not np.concatenate([batch["targets_mask"] for batch in batches])[~mask].any()


def test_a_split_of_any_number_of_digits_is_had_by_its_name():
    data = make()
    for number in (2, 3, 4):
        batch = data.split(f"test_{number}")[0]
        assert (batch["boxed"][batch["mask"]].sum((1, 2)) == number).all()
    for name in ("tset", "test_5", "test_", "validation_3", "train"):
        with pytest.raises(UserError, match=f"no split '{name}'.*test_3 for"):
            data.split(name)
        with pytest.raises(UserError, match=f"no split '{name}'"):
            data.references(name)


def test_the_vocabulary_is_kept_once_and_read_again(tmp_path):
    data = make(tmp_path)
    data.keep()
    file = tmp_path / "tokenizers" / "captions.json"
    kept = file.read_bytes()
    again = make(tmp_path)
    again.keep()
    assert again.tokenizer == data.tokenizer
    assert file.read_bytes() == kept
    file.write_text("no vocabulary")
    with pytest.raises(UserError, match="not a whole vocabulary"):
        make(tmp_path).train()


def test_a_user_gives_a_file_or_the_number_of_a_scene(tmp_path):
    data = make()
    scene = next(iter(data.split("test")))["images"][2]
    file = tmp_path / "mine.png"
    Image.fromarray(scene[..., 0]).save(file)
    first, second = make(batch_size=2).inputs([str(file), "2", "6"])
    np.testing.assert_array_equal(first["images"], [scene, scene])
    np.testing.assert_array_equal(second["mask"], [True, False])
    np.testing.assert_array_equal(second["index"], [2, -1])
    assert set(first) == {"images", "index", "mask"}
    data.inputs([str(file)])
    assert data.names("input") == [str(file)]
    assert data.references("input") == ()


def test_the_example_has_the_kinds_of_a_batch():
    data = make()
    example, batch = data.example(), data.train()[0]
    assert example.keys() == batch.keys()
    for name, array in example.items():
        assert array.dtype == batch[name].dtype
        assert array.ndim == batch[name].ndim


def test_the_hash_changes_with_what_is_made_and_with_nothing_else():
    data = make()
    assert data.hash() == make(seed=5).hash()
    assert data.hash() != make(**{"data.seed": 1}).hash()
    assert data.hash() != make(**FOUR).hash()
    assert "scenes of 2 digits" in data.report()
    assert "18 words" in data.report()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"data.name": "coco"}, "'coco': choose digit_scenes, nlvr, folder"),
        ({"data.min_digits": 1}, "min_digits is 1 .* 2 to 4 digits"),
        ({"data.max_digits": 5}, "max_digits is 5"),
        ({"data.test_size": 0}, "test_size is 0"),
        ({"batch_size": 0}, "batch size of 0"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(values, sentence):
    with pytest.raises(UserError, match=sentence):
        make(**values)


def test_an_image_that_cannot_be_used_is_one_sentence(tmp_path):
    broken, small = tmp_path / "broken.png", tmp_path / "small.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    Image.new("L", (40, 39)).save(small)
    data = make()
    for line, sentence in (
        (str(broken), "broken.png cannot be read as an image"),
        (str(tmp_path / "none.png"), "none.png cannot be read"),
        (str(small), "40 x 39 pixels .* 40 x 40 are asked for"),
        ("7", "no image 7 of test"),
    ):
        with pytest.raises(UserError, match=sentence):
            data.inputs([line])
