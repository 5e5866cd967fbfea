"""What is committed of an execution."""

import numpy as np
import pytest
from PIL import Image

from smai_nn.files import load_json, save_json
from smai_nn.submission import collect


@pytest.fixture
def execution(tmp_path):
    """A folder such as an execution leaves, with two runs, a search and figures."""
    folder = tmp_path / "runs" / "x-notebook-full"
    for run in ("a-border-s0", "b-cat", "c-search-s0"):
        (folder / run / "wandb").mkdir(parents=True)
        save_json(folder / run / "settings.json", {"seed": 0})
        save_json(folder / run / "metrics.json", {"status": "completed"})
        (folder / run / "wandb" / "run.wandb").write_bytes(bytes(1000))
        (folder / run / "parameters.npz").write_bytes(bytes(30_000 if run == "b-cat" else 500))
    (folder / "b-cat" / "frames.npz").write_bytes(bytes(100))
    (folder / "c-search-s0" / "00-start.npz").write_bytes(bytes(300))
    rng = np.random.default_rng(0)
    for name in ("a-border-s0/map-ada.png", "a-border-s0/loss-ada.png", "b-cat/loss-ada.png"):
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8)).save(folder / name)
    (folder / "figures").mkdir()
    Image.fromarray(rng.integers(0, 9, (40, 40, 3), np.uint8)).convert("RGBA").save(
        folder / "figures" / "1.1-mask-ada.png", compress_level=1)
    save_json(folder / "results.json", {"xor.runs": 3})
    (folder / "assignment3.ipynb").write_text("{}")
    return folder


def names_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_everything_but_what_is_told_elsewhere_is_kept(execution, tmp_path):
    total = collect(execution, tmp_path / "submission")
    kept = names_in(tmp_path / "submission")
    every = {f"{run}/{name}" for run in ("a-border-s0", "b-cat", "c-search-s0")
             for name in ("settings.json", "metrics.json", "parameters.npz")}
    assert kept == every | {"results.json", "contents.json", "figures/1.1-mask-ada.png", "a-border-s0/map-ada.png",
                            "a-border-s0/loss-ada.png", "b-cat/loss-ada.png", "c-search-s0/00-start.npz"}
    contents = load_json(tmp_path / "submission" / "contents.json")
    assert contents["bytes"] == total == sum((tmp_path / "submission" / name).stat().st_size for name in kept
                                             if name != "contents.json")
    assert contents["files of the execution"]["W&B"] == 3 and "W&B" not in contents["files here"]


def test_a_figure_keeps_its_pixels_and_a_runs_map_gets_fewer_colours(execution, tmp_path):
    collect(execution, tmp_path / "submission")
    for name in ("figures/1.1-mask-ada.png", "a-border-s0/map-ada.png"):
        before, after = execution / name, tmp_path / "submission" / name
        assert after.stat().st_size < before.stat().st_size
        pixels = [np.asarray(Image.open(path).convert("RGB"), int) for path in (before, after)]
        assert pixels[0].shape == pixels[1].shape
        assert np.array_equal(*pixels) == name.startswith("figures")


def test_what_comes_last_has_to_stay_behind_if_there_is_no_room(execution, tmp_path):
    everything = collect(execution, tmp_path / "submission")
    assert collect(execution, tmp_path / "submission", everything - 1) <= everything - 1
    kept = names_in(tmp_path / "submission")
    assert "b-cat/parameters.npz" not in kept
    assert {"a-border-s0/parameters.npz", "b-cat/metrics.json", "b-cat/loss-ada.png"} <= kept
    least = everything - 30_000 - 500  # room for neither array that may stay behind, nor for the pictures' last bytes
    collect(execution, tmp_path / "submission", least)
    assert {"a-border-s0/parameters.npz", "a-border-s0/map-ada.png"} <= names_in(tmp_path / "submission")


def test_what_was_there_is_replaced_or_left_alone(execution, tmp_path):
    old = tmp_path / "submission" / "old.txt"
    old.parent.mkdir()
    old.write_text("old")
    with pytest.raises(ValueError, match="expected at most 100 bytes of figures and settings, got more"):
        collect(execution, tmp_path / "submission", 100)
    assert names_in(tmp_path / "submission") == {"old.txt"}
    collect(execution, tmp_path / "submission")
    assert not old.exists() and not list(tmp_path.glob(".submission-*"))


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected the folder of an execution, with results.json in it, found none"):
        collect(tmp_path, tmp_path / "submission")
    assert not (tmp_path / "submission").exists()
