"""A metric stands in both files under one name, and survives a kill."""

import json

from tensorboardX.proto.event_pb2 import Event

from attention_jax.training.writers import MetricFiles, read_rows


def write(workdir, steps, resumed=0):
    files = MetricFiles(workdir, resumed)
    for step in steps:
        files.write(step, "train", {"loss": step / 2})
    files.close()


def tags(workdir):
    """Tag and step of every scalar in the event files: length, crc, payload, crc."""
    found = []
    for path in sorted((workdir / "events").iterdir()):
        data = path.read_bytes()
        while data:
            size = int.from_bytes(data[:8], "little")
            event = Event.FromString(data[12 : 12 + size])
            found += [(value.tag, event.step) for value in event.summary.value]
            data = data[16 + size :]
    return found


def test_rows_and_events_carry_the_same_names(tmp_path):
    write(tmp_path, [1, 2])
    assert read_rows(tmp_path / "metrics.jsonl") == [
        {"step": 1, "split": "train", "loss": 0.5},
        {"step": 2, "split": "train", "loss": 1.0},
    ]
    assert tags(tmp_path) == [("train/loss", 1), ("train/loss", 2)]


def test_a_resumed_run_takes_back_what_came_after_its_checkpoint(tmp_path):
    write(tmp_path, [1, 2, 3])
    write(tmp_path, [3], resumed=2)
    assert [row["step"] for row in read_rows(tmp_path / "metrics.jsonl")] == [1, 2, 3]


def test_a_line_cut_short_is_left_out(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text(json.dumps({"step": 1}) + '\n{"step": 2, "lo')
    assert read_rows(path) == [{"step": 1}]
