"""A dataset in a store, indexed from its names: as the same dataset in a folder."""

import uuid
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFile

from pipeline.config import DatasetSettings
from pipeline.errors import UserError
from pipeline.index import dataset_root, index, objects_passed_over, shipped_file
from pipeline.places.names import names_of

LIVE = "scene01/real/real_client001_laptop_SD_scene01.mov"
SPOOF = "scene01/attack/attack_client001_android_SD_ipad_video_scene01.mp4"


@pytest.fixture(autouse=True)
def _scratch(tmp_path, monkeypatch):
    monkeypatch.setenv("OCIM_SCRATCH", str(tmp_path / "scratch"))


def put(objects: dict[str, bytes]) -> str:
    """The URL of a new folder in memory with these objects."""
    where = f"/{uuid.uuid4().hex}/data"
    store = fsspec.filesystem("memory")
    # Not by the store's functions, which would make other names of odd ones.
    for key, data in objects.items():
        store.store[f"{where}/{key}"] = MemoryFile(store, f"{where}/{key}", data)
    return f"memory://{where}"


def written(folder: Path, objects: dict[str, bytes]) -> str:
    for key, data in objects.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(data)
    return str(folder)


MSU = {
    LIVE: b"a video",
    SPOOF: b"another",
    LIVE.replace(".mov", ".face"): b"1 2 3 4 5\n",
    "train_sub_list.txt": b"01\n02\n",
    "overrides.csv": b"video,frames,action,value,reason\n" + LIVE.encode() + b",3,exclude,,x\n",
    "notes.pdf": b"%PDF",
}


def test_the_index_is_that_of_the_same_files_in_a_folder(tmp_path):
    here = DatasetSettings(root=written(tmp_path / "msu", MSU))
    there = DatasetSettings(root=put(MSU))
    rows = index("msu", there)
    assert rows == index("msu", here)
    assert [row.path for row in rows] == [SPOOF, LIVE]
    assert rows[1].split == "train" and "exclude" in rows[1].corrections


def test_a_root_one_level_above_is_found(tmp_path):
    objects = {f"MSU-MFSD/{key}": data for key, data in MSU.items()}
    there = DatasetSettings(root=put(objects))
    assert [row.path for row in index("msu", there)] == [SPOOF, LIVE]
    assert dataset_root("msu", there).name == "MSU-MFSD"


def test_a_table_its_videos_and_its_corrections_may_each_lie_in_a_store():
    root = put({"v/1.mp4": b"1", "v/2.png": b"2"})
    lists = put(
        {
            "mine.csv": b"path,split,live\nv/1.mp4,train,1\nv/2.png,test,0\nv/gone.png,test,0\n",
            "fix.csv": b"video,frames,action,value,reason\nv/2.png,,exclude,,blurred\n",
        }
    )
    settings = DatasetSettings(
        root=root, adapter="table", table=f"{lists}/mine.csv", overrides=f"{lists}/fix.csv"
    )
    rows = index("own", settings)
    assert [row.path for row in rows] == ["v/1.mp4", "v/2.png", "v/gone.png"]
    assert [bool(row.corrections) for row in rows] == [False, True, False]
    missing = settings.model_copy(update={"table": f"{lists}/none.csv"})
    with pytest.raises(UserError, match=r"none\.csv: no such object"):
        index("own", missing)


def test_face_positions_are_found_in_the_root_and_beside_it():
    video = "train/real/client001_session01_webcam_authenticate_adverse_1.mov"
    faces = f"face-locations/{video.replace('.mov', '.face')}"
    above = put({f"within/{video}": b"v", f"within/{faces}": b"f", f"beside/{video}": b"v"})
    store = fsspec.filesystem("memory")
    for name, place in (("within", f"{above}/within/{faces}"), ("beside", f"{above}/{faces}")):
        if name == "beside":
            store.pipe_file(place.removeprefix("memory://"), b"f")
        settings = DatasetSettings(root=f"{above}/{name}")
        found = shipped_file("replay", settings, dataset_root("replay", settings))(video)
        assert found is not None
        assert names_of(settings.root, with_faces=False).objects[found][0] == place


HOSTILE = ["../out.mp4", "a//b.mp4", "/abs.mp4", "c/../../d.mp4", "e\n.mp4", "f\\g.mp4",
           "h" * 256 + ".mp4", "train/live/x"]  # fmt: skip


def test_no_key_leads_out_of_the_folder_and_what_is_no_file_is_listed_with_its_reason(tmp_path):
    good = {"train/live/x/1.mp4": b"1", "train/live/日本 <b>.mp4": b"2"}
    root = put({**good, **dict.fromkeys(HOSTILE, b"bad")})
    settings = DatasetSettings(root=root, adapter="table")
    rows = index("own", settings)
    assert [row.path for row in rows] == sorted(good, key=str.encode)
    lines = objects_passed_over(root)
    # A leading slash makes of it another object than one below the folder.
    assert len(lines) == len(HOSTILE) and all("\n" not in line for line in lines)
    assert any("a file and a folder" in line for line in lines)
    files = {p for p in tmp_path.rglob("*") if p.is_file()}
    assert files == {names_of(root).root / key for key in good}


def test_errors_name_the_url(tmp_path):
    root = put({"other/x.mp4": b"1"})
    with pytest.raises(UserError) as caught:
        index("msu", DatasetSettings(root=root))
    assert f"{root}: none of the folders scene01 is here" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    root = put({**MSU, "train_sub_list.txt": b"one\n"})
    with pytest.raises(UserError) as caught:
        index("msu", DatasetSettings(root=root))
    assert str(caught.value).startswith(f"{root}/train_sub_list.txt: line 1: 'one'")


def test_an_empty_root_is_one_line():
    root = f"memory:///{uuid.uuid4().hex}"
    with pytest.raises(UserError, match="no object here; correct the root"):
        index("msu", DatasetSettings(root=root))
