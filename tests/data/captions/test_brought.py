"""What the user brings: NLVR's scenes, folders of images, features; and what is refused."""

import gzip
import io
import itertools
import json
import re
import zipfile

import ml_collections
import numpy as np
import pytest
from PIL import Image, ImageDraw

from attention_jax.data.captions import CaptionData, default_data, naming, plain
from attention_jax.data.captions.naming import Thing
from attention_jax.errors import UserError

SMALL = {"data.height": 10, "data.width": 20}


def make(name, manual_dir, data_dir, workdir=None, **values):
    config = ml_collections.ConfigDict({"seed": 0, "batch_size": 4, "data": default_data(name)})
    config.update_from_flattened_dict({"data.min_count": 1, **values})
    return CaptionData(config, data_dir, manual_dir, workdir)


# NLVR

NUMBERS = (0, 1, 2, 3, 15, 17)
"""Of the scenes of dev; the hashes of the last two's sentences hold them out."""
COLOURS = {"Black": (0, 0, 0), "Yellow": (255, 255, 0), "#0099ff": (0, 153, 255)}


def thing(x, y, colour="Yellow", kind="square", size=20):
    return {"x_loc": x, "y_loc": y, "size": size, "type": kind, "color": colour}


def example(number, sentence, boxes, label="true"):
    return {"identifier": number, "sentence": sentence, "label": label, "structured_rep": boxes}


def scene_image(boxes):
    image = Image.new("RGBA", (400, 100), (128, 128, 128))
    pen = ImageDraw.Draw(image)
    for slot, box in enumerate(boxes):
        pen.rectangle([150 * slot, 0, 150 * slot + 99, 99], fill=(211, 211, 211))
        for each in box:
            x, y, side = 150 * slot + each["x_loc"], each["y_loc"], each["size"]
            pen.rectangle([x, y, x + side - 1, y + side - 1], fill=COLOURS[each["color"]])
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def pictures_of(part, row):
    for order, places in enumerate(itertools.permutations(range(3))):
        boxes = [row["structured_rep"][place] for place in places]
        yield f"{part}-{row['identifier']}-{order}.png", scene_image(boxes)


def nlvr_examples():
    """Scenes of dev with a sentence each, the first of them of test too; two of test."""
    dev = []
    for n in NUMBERS:
        boxes = [[thing(4 * n, 30)], [thing(40, 80, "Black")], [thing(10, 10, "#0099ff", "circle")]]
        dev.append(example(f"{n}-0", f"Box {n} has 1 Yellow block.", boxes))
    shared = [dev[0]["structured_rep"][place] for place in (2, 0, 1)]
    twice = [[thing(33, 33)], [thing(60, 10, "Black", "triangle")], []]
    test = [
        example("0-0", "There is a blue circle", shared),
        example("1-0", "there is a yellow square", twice),
        example("1-1", "there is no blue circle", twice),
        example("2-0", "there is nothing", [[], [], [thing(0, 0)]], label="false"),
    ]
    return {"dev": dev, "test": test}


def nlvr_packed(folder):
    folder = folder / "nlvr"
    folder.mkdir(parents=True)
    for part, rows in nlvr_examples().items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{part}.json.gz").write_bytes(gzip.compress(text.encode()))
        with zipfile.ZipFile(folder / f"{part}_images.zip", "w") as archive:
            for row in rows:
                for name, content in pictures_of(part, row):
                    archive.writestr(name, content)
    return folder.parent


def nlvr_original(folder):
    for part, rows in nlvr_examples().items():
        images = folder / part / "images" / "7"
        images.mkdir(parents=True)
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / part / f"{part}.json").write_text(text)
        for row in rows:
            for name, content in pictures_of(part, row):
                (images / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def nlvr(tmp_path_factory):
    root = tmp_path_factory.mktemp("nlvr")
    return make("nlvr", nlvr_packed(root / "raw"), root / "prepared")


def test_each_box_holds_the_objects_that_its_word_names(nlvr):
    batch = nlvr.split("test")[0]
    assert nlvr.references("test")[1] == ("there is a yellow square", "there is no blue circle")
    assert nlvr.names("test")[0] == "test-0-0-0.png"
    assert batch["images"].shape == (4, 50, 200, 3)
    for row, (text, *_) in enumerate(nlvr.references("test")):
        for step, word in enumerate(text.split()):
            boxes = batch["boxes"][row, step][batch["boxed"][row, step]]
            assert len(boxes) == (word in ("blue", "circle", "yellow", "square"))
            for y0, x0, y1, x1 in boxes * [50, 200, 50, 200]:
                inside = batch["images"][row, int(y0) + 3 : int(y1) - 3, int(x0) + 3 : int(x1) - 3]
                colour = COLOURS["#0099ff" if "blue" in text else "Yellow"]
                assert np.abs(inside.astype(int) - colour).max() < 8


def test_training_has_all_orders_of_a_scene_and_boxes_go_with_them(nlvr):
    # All scenes less those held out, and the one that is in test too.
    batches = [nlvr.train()[position] for position in range(len(nlvr.train()))]
    index = np.concatenate([batch["index"][batch["mask"]] for batch in batches])
    assert sorted(index) == list(range(6 * 3))
    assert len(nlvr.references("validation")) == 2
    for batch in batches:
        for row in np.flatnonzero(batch["mask"]):
            words = nlvr.tokenizer.tokens(batch["targets"][row])
            (box,) = batch["boxes"][row, words.index("yellow")][:1] * [50, 200, 50, 200]
            middle = ((box[:2] + box[2:]) / 2).astype(int)
            assert np.abs(batch["images"][row][tuple(middle)].astype(int) - [255, 255, 0]).max() < 8


def test_no_scene_and_no_sentence_of_validation_is_in_training(nlvr):
    collection = nlvr._collection
    known = {split: collection._held(split).entries for split in ("train", "validation", "test")}
    sentences = {split: {e.captions for e in entries} for split, entries in known.items()}
    assert not sentences["train"] & sentences["validation"]
    assert "box 0 has 1 yellow block" not in {c for (c,) in sentences["train"]}
    scenes = {split: {e.name.rpartition("-")[0] for e in of} for split, of in known.items()}
    assert not scenes["train"] & scenes["validation"]


def test_the_form_as_published_gives_the_same(nlvr, tmp_path):
    original = make("nlvr", nlvr_original(tmp_path / "raw"), tmp_path / "prepared")
    ours, theirs = original.train()[0], nlvr.train()[0]
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name])


def test_what_was_prepared_needs_no_raw_files(nlvr, tmp_path):
    data_dir = nlvr._collection._stored._data_dir
    again = make("nlvr", None, data_dir)
    assert again.hash() == nlvr.hash()
    np.testing.assert_array_equal(again.split("test")[0]["boxes"], nlvr.split("test")[0]["boxes"])
    with pytest.raises(UserError, match=r"not prepared yet for images of 50 x 200 x 3.*manual_dir"):
        make("nlvr", None, tmp_path).train()


def test_a_users_image_may_be_any_file(nlvr, tmp_path):
    Image.new("RGB", (640, 480), (9, 99, 199)).save(tmp_path / "a.png")
    (batch,) = nlvr.inputs([str(tmp_path / "a.png"), "1"])
    assert (batch["images"][0] == [9, 99, 199]).all()
    np.testing.assert_array_equal(batch["images"][1], nlvr.split("test")[0]["images"][1])


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        (lambda f: (f / "dev.json.gz").unlink(), r"has no dev.json\[.gz\] of NLVR"),
        (lambda f: (f / "dev.json.gz").write_bytes(b"{}"), "dev.json.gz is not NLVR's"),
        (lambda f: (f / "test_images.zip").unlink(), "neither test_images.zip nor test/images"),
        (lambda f: (f / "test_images.zip").write_bytes(b"PK"), "test_images.zip cannot be read"),
        (lambda f: rewrite(f, None), "NLVR's image test-0-0-0.png is missing"),
        (lambda f: rewrite(f, b"no image"), "test-0-0-0.png cannot be read as an image"),
        (lambda f: rewrite(f, png((40, 100))), "40 x 100 pixels .*, not 400 x 100"),
    ],
)
def test_raw_files_that_cannot_be_used_are_one_sentence(break_it, sentence, tmp_path):
    raw = nlvr_packed(tmp_path / "raw")
    break_it(raw / "nlvr")
    with pytest.raises(UserError, match=sentence) as error:
        make("nlvr", raw, tmp_path / "prepared").split("test")
    assert "\n" not in str(error.value)


def png(size, colour="red"):
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, "PNG")
    return stream.getvalue()


def rewrite(folder, content):
    """The first image of test replaced, or left out."""
    with zipfile.ZipFile(folder / "test_images.zip", "w") as archive:
        if content is not None:
            archive.writestr("test-0-0-0.png", content)


YELLOW, BLACK = Thing((0, 0, 1, 1), "yellow", "square"), Thing((0, 0, 1, 2), "black", "square")
CIRCLE = Thing((0, 0, 1, 3), "yellow", "circle")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("yellow items", [[YELLOW, CIRCLE], []]),
        ("the yellow block", [[], [YELLOW], [YELLOW]]),
        ("black and yellow squares", [[BLACK], [], [YELLOW], [YELLOW]]),
        ("a square that is black", [[], [YELLOW, BLACK], [], [], [BLACK]]),
        ("no black circle", [[], [], []]),
        ("each grey square", [[], [], []]),
        ("a yelow box", [[], [], []]),
    ],
)
def test_a_colour_and_its_shape_name_what_is_both(text, named):
    found = naming.named(text.split(), [YELLOW, BLACK, CIRCLE])
    assert [list(boxes) for boxes in found] == [[one.box for one in of] for of in named]


# Folders

SPLITS = ("train",) * 3 + ("restval", "val", "test")


def folder_of_images(root, count=6):
    (root / "images").mkdir(parents=True)
    for n in range(count):
        place = root / "images" if n % 2 else root
        Image.new("RGB", (40, 30), (40 * n, 0, 0)).save(place / f"{n}.png")
    return root


def karpathy(count=6):
    return {
        "images": [
            {
                "filename": f"{n}.png",
                "split": SPLITS[n],
                "sentences": [
                    {"tokens": ["image", "number", str(n)]},
                    {"raw": f"It's no. {n}, a!"},
                ],
            }
            for n in range(count)
        ]
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("folder")
    raw = folder_of_images(root / "raw")
    (raw / "dataset_mine.json").write_text(json.dumps(karpathy()))
    return make("folder", raw, root / "prepared", **SMALL)


def test_training_pairs_every_image_with_each_of_its_captions(folder):
    found = set()
    for position in range(len(folder.train())):
        batch = folder.train()[position]
        for row in np.flatnonzero(batch["mask"]):
            text = folder.tokenizer.decode(batch["targets"][row])
            red = round(float(batch["images"][row, ..., 0].mean()) / 40)
            assert f" {red}" in text
            found.add(text)
    expected = {f"image number {n}" for n in range(4)} | {f"it s no {n} a" for n in range(4)}
    assert found == expected
    assert not batch["boxed"].any()
    assert "train: 4 images, 8 captions" in folder.report()


def test_an_epoch_is_shuffled_by_the_seed_and_comes_again(folder):
    def order(data, position):
        return data.train()[position]["index"].tolist()

    same = make("folder", None, folder._collection._stored._data_dir, **SMALL)
    other = make("folder", None, folder._collection._stored._data_dir, seed=1, **SMALL)
    assert [order(folder, n) for n in range(4)] == [order(same, n) for n in range(4)]
    assert [order(folder, n) for n in range(4)] != [order(other, n) for n in range(4)]


def test_evaluation_has_every_image_once_and_all_its_references(folder):
    (batch,) = folder.split("validation")
    assert batch["index"].tolist() == [0, -1, -1, -1]
    assert folder.references("validation") == [("image number 4", "it s no 4 a")]
    assert folder.names("test") == ["5.png"]
    assert batch["targets_mask"].sum(1).tolist() == [4, 0, 0, 0]
    assert folder.tokenizer.unknown("image number 4") == ["4"]
    with pytest.raises(UserError, match="no split 'tset': choose validation or test"):
        folder.split("tset")


def test_a_caption_longer_than_the_last_bucket_is_left_out_of_training_only(folder):
    data_dir = folder._collection._stored._data_dir
    short = make("folder", None, data_dir, **SMALL, **{"data.buckets": (4,)})
    batches = [short.train()[position] for position in range(len(short.train()))]
    assert sum(batch["mask"].sum() for batch in batches) == 4
    assert "4 left out of training" in short.report()
    assert len(list(short.split("test"))) == 1


def test_lines_of_captions_are_split_by_the_image_and_never_by_the_caption(tmp_path):
    raw = folder_of_images(tmp_path / "raw", 0)
    lines = []
    for n in range(40):
        Image.new("L", (20, 10)).save(raw / f"{n}.jpg")
        lines += [f"{n}.jpg#{k}\tCaption {k} of {n}." for k in range(2)]
    (raw / "captions.tsv").write_text("\n".join([*lines, ""]))
    data = make("folder", raw, tmp_path / "prepared", **SMALL, **{"data.channels": 1})
    held_out = [name for split in data.splits for name in data.names(split)]
    assert 2 <= len(held_out) <= 20
    assert len(held_out) == len(set(held_out))
    assert all(len(texts) == 2 for texts in data.references("test"))
    epoch = [data.train()[position] for position in range(len(data.train()))]
    assert sum(batch["mask"].sum() for batch in epoch) == 2 * (40 - len(held_out))
    assert epoch[0]["images"].shape == (4, 10, 20, 1)


def refused(raw, tmp_path, **values):
    with pytest.raises(UserError) as error:
        make("folder", raw, tmp_path / "prepared", **{**SMALL, **values}).train()
    assert "\n" not in str(error.value)
    return str(error.value)


def without(key):
    content = karpathy()
    del content["images"][2][key]
    return content


def with_sentences(*sentences):
    content = karpathy()
    content["images"][2]["sentences"] = list(sentences)
    return content


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "not in Karpathy's form"),
        (json.dumps([]), "not in Karpathy's form"),
        (json.dumps(without("split")), "not in Karpathy's form"),
        (json.dumps(without("filename")), "not in Karpathy's form"),
        (json.dumps(with_sentences()), "2.png has no caption in"),
        (json.dumps(with_sentences({"raw": " ."})), "a caption of 2.png of .* is empty: write"),
        (json.dumps(karpathy(5)), "has no images for test"),
    ],
)
def test_captions_that_cannot_be_used_are_one_sentence(content, sentence, tmp_path):
    raw = folder_of_images(tmp_path / "raw")
    (raw / "captions.json").write_text(content)
    assert re.search(sentence, refused(raw, tmp_path))


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("0.png a red image", "line 2 of .* has no tab"),
        ("0.png\t ", "a caption in line 2 of .* is empty"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(line, sentence, tmp_path):
    raw = folder_of_images(tmp_path / "raw")
    (raw / "captions.tsv").write_text(f"1.png\tan image\n{line}\n")
    assert re.search(sentence, refused(raw, tmp_path))


def test_an_image_that_cannot_be_used_is_named(tmp_path):
    raw = folder_of_images(tmp_path / "raw")
    (raw / "captions.json").write_text(json.dumps(karpathy()))
    assert "0.png has 40 x 30 pixels" in refused(raw, tmp_path, **{"data.height": 31})
    (raw / "0.png").write_bytes(b"no image")
    assert "0.png cannot be read as an image" in refused(raw, tmp_path)
    (raw / "0.png").unlink()
    sentence = refused(raw, tmp_path)
    assert "captions.json has captions of 0.png, which is not in" in sentence
    assert "1 channel (grey) or 3 (colour)" in refused(raw, tmp_path, **{"data.channels": 2})


def test_a_folder_without_captions_or_with_two_files_of_them_is_refused(tmp_path):
    raw = folder_of_images(tmp_path / "raw")
    assert "no captions.json or captions.tsv" in refused(raw, tmp_path)
    for name in ("a.json", "b.tsv"):
        (raw / name).write_text("")
    assert "has a.json, b.tsv: put one file" in refused(raw, tmp_path)
    assert "no captions.json" in refused(tmp_path / "none", tmp_path)


# Features


def with_features(raw, path, tmp_path, **values):
    return make("folder", raw, tmp_path / "prepared", **{"data.features": str(path), **values})


@pytest.fixture
def raw(tmp_path):
    raw = folder_of_images(tmp_path / "raw", 0)
    (raw / "captions.json").write_text(json.dumps(karpathy()))
    return raw


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("shape", [(2, 3, 5), (6, 5)])
def test_features_stand_in_for_images_without_any_image_there(save, shape, raw, tmp_path):
    path = tmp_path / "features.npz"
    save(path, **{f"{n}.png": np.full(shape, n, np.float16) for n in range(7)})
    data = with_features(raw, path, tmp_path)
    assert data.grid == (shape[:2] if len(shape) == 3 else None)
    batch = data.train()[0]
    assert batch["features"].shape == (4, 6, 5)
    assert batch["features"].dtype == np.float32
    assert "images" not in batch
    for row in np.flatnonzero(batch["mask"]):
        text = data.tokenizer.decode(batch["targets"][row])
        assert f" {int(batch['features'][row, 0, 0])}" in text
    (given,) = data.inputs(["6.png", "0"])
    np.testing.assert_array_equal(given["features"][:, 0, 0], [6, 5])
    assert data.example().keys() == batch.keys()
    with pytest.raises(UserError, match=r"no features of 9\.png"):
        data.inputs(["9.png"])


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"5.png": np.zeros((6, 4))}, r"features of 5\.png .* \(6, 4\) and those of .* \(6, 5\)"),
        ({"0.png": np.zeros(5)}, r"features of 0\.png .* shape \(5,\)"),
        ({"0.png": np.zeros((0, 5))}, r"shape \(0, 5\)"),
        ({"0.png": np.array([["a"]])}, "give numbers"),
        ({"0.png": None}, r"has no features of 0\.png"),
    ],
)
def test_features_of_a_wrong_shape_are_one_sentence(arrays, sentence, raw, tmp_path):
    every = {f"{n}.png": np.zeros((6, 5), np.float32) for n in range(6)} | arrays
    path = tmp_path / "features.npz"
    np.savez(path, **{name: array for name, array in every.items() if array is not None})
    with pytest.raises(UserError, match=sentence) as error:
        with_features(raw, path, tmp_path)
    assert "\n" not in str(error.value)


def test_a_file_that_holds_no_features_is_one_sentence(raw, tmp_path):
    path = tmp_path / "features.npz"
    with pytest.raises(UserError, match=r"features\.npz cannot be read"):
        with_features(raw, path, tmp_path)
    for content in (b"", b"text", b"PK\x03\x04"):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"is no \.npz file"):
            with_features(raw, path, tmp_path)
    with path.open("wb") as stream:
        np.save(stream, np.zeros((6, 5)))
    with pytest.raises(UserError, match=r"is no \.npz file"):
        with_features(raw, path, tmp_path)
    with pytest.raises(UserError, match="give the folder of its"):
        with_features(None, path, tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A dog, (brown) runs.", "a dog brown runs"),
        ("the dog's t-shirt", "the dog s t-shirt"),
        (" 3rd\tÉCOLE\u202f! ", "3 rd école"),
        ("... !", ""),
    ],
)
def test_a_plain_caption_is_words_in_lower_case_and_stays_so(text, words):
    assert plain(text) == words
    assert plain(words) == words
