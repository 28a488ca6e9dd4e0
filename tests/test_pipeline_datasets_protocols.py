"""The column `protocols`: OULU-NPU's files, Replay-Attack's lists, MSU-MFSD's subject lists."""

import hashlib
from collections import Counter
from itertools import product
from pathlib import Path

import pytest
from dataset_names import at, oulu_names, replay_names, touch

from pipeline.datasets.base import Video
from pipeline.errors import UserError
from pipeline.index import index

FOLDS = ["1", "2", *(f"{protocol}.{fold}" for protocol in (3, 4) for fold in range(1, 7))]
SIZES = {  # train, dev, test: live and spoof, from the paper of OULU-NPU
    "1": ((240, 960), (180, 720), (120, 480)),
    "2": ((360, 720), (270, 540), (360, 720)),
    "3": ((300, 1200), (225, 900), (60, 240)),
    "4": ((200, 400), (150, 300), (20, 40)),
}
LABELS = {"1": "+1", "2": "-1", "3": "-1", "4": "-2", "5": "-2"}

# sha256 of sorted lines, made by a script of its own from the lists of other people's packages on
# PyPI. bob.db.oulunpu 0.1.2, lists/Protocol_{1,2,3_k,4_k}/{train,dev,eval}/for_{real,attack}.lst:
# all lines "PROTOCOL[.FOLD] SPLIT LIVE STEM", and "PATH VALUE" with the value of this column.
OULU_LINES = "30f466c858b1de7049049479c764c7902ccc964499e9e57b04f1661a619dcb6a"
OULU_COLUMN = "e4e62301c7c5e45879573a6e95f1ce5f382da0d45e91092620cdf87916ffdbdb"
# bob.db.replay 2.0.5, db.sql3: "PATH VALUE", but for the protocol smalltest.
REPLAY_COLUMN = "40f9b26da864dbf4e39ba9fab748c152c57c2be1c14f16eca85d2b327a983a25"


def digest(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def oulu_lists() -> dict[str, list[str]]:
    """The protocol files after the rules of OULU-NPU's paper (Boulkenafet et al., FG 2017).

    1: another session in the test; 2: other printer and display; 3: another phone; 4: all three.
    """
    out: dict[str, list[str]] = {}
    for name, protocol in product(oulu_names(), range(1, 5)):
        folder, stem = name.removesuffix(".avi").split("/")
        phone, session, _, access = stem.split("_")
        split = folder.removesuffix("_files")
        test = split == "Test"
        if protocol in (1, 4) and (session == "3") != test:
            continue
        if protocol in (2, 4) and access not in (("1", "3", "5") if test else ("1", "2", "4")):
            continue
        folds = [""]
        if protocol in (3, 4):
            folds = [f"_{k}" for k in range(1, 7) if (int(phone) == k) == test]
        for fold in folds:
            path = f"Protocols/Protocol_{protocol}/{split}{fold}.txt"
            out.setdefault(path, []).append(f"{LABELS[access]},{stem}")
    return out


def write(root: Path, lists: dict[str, list[str]], form: str = "{}\n") -> None:
    for name, lines in lists.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes("".join(form.format(line) for line in lines).encode())


@pytest.fixture(scope="module")
def oulu(tmp_path_factory: pytest.TempPathFactory) -> list[Video]:
    root = touch(tmp_path_factory.mktemp("oulu"), list(oulu_names()))
    write(root, oulu_lists())
    return index("oulu", at(root))


def parts(row: Video) -> list[list[str]]:
    return [part.split(":") for part in row.protocols.split(";") if part]


def test_every_protocol_and_fold_of_oulu_has_its_official_size(oulu):
    found = Counter((name, split, row.live) for row in oulu for name, split in parts(row))
    expected = {}
    for name in FOLDS:
        for split, (live, spoof) in zip(("train", "dev", "test"), SIZES[name[0]], strict=True):
            expected |= {(name, split, 1): live, (name, split, 0): spoof}
    assert found == expected


def test_oulus_protocols_are_those_that_others_published(oulu):
    lines = [
        f"{name} {split} {row.live} {row.path.split('/')[1][:-4]}"
        for row in oulu
        for name, split in parts(row)
    ]
    assert digest(lines) == OULU_LINES
    assert digest([f"{row.path[:-4]} {row.protocols}" for row in oulu]) == OULU_COLUMN


def test_the_value_is_sorted_by_protocol_and_fold(oulu):
    values = {row.path: row.protocols for row in oulu}
    assert values["Train_files/1_1_01_1.avi"] == (
        "1:train;2:train;3.2:train;3.3:train;3.4:train;3.5:train;3.6:train;"
        "4.2:train;4.3:train;4.4:train;4.5:train;4.6:train"
    )
    assert values["Test_files/2_3_36_5.avi"] == "1:test;2:test;3.2:test;4.2:test"
    assert values["Dev_files/6_3_35_3.avi"] == "3.1:dev;3.2:dev;3.3:dev;3.4:dev;3.5:dev"


def small(root: Path) -> Path:
    return touch(root, ["Train_files/1_1_01_1.avi", "train_files/1_1_01_2.AVI",
                        "Dev_files/1_1_21_4.avi"])  # fmt: skip


@pytest.mark.parametrize(
    "form", ["{}\r\n", "  {}  \n", "{}.avi\n", "{}.AVI\r", "{}\n\n", "\ufeff\n{}\n"]
)
def test_lists_of_oulu_may_have_spaces_marks_suffixes_and_any_line_end(tmp_path, form):
    small(tmp_path)
    mark, form = form.startswith("\ufeff"), form.removeprefix("\ufeff")
    write(tmp_path, {"PROTOCOLS/protocol_1/TRAIN.TXT": ["+1,1_1_01_1", "-1 , 1_1_01_2"]}, form)
    write(tmp_path, {"PROTOCOLS/Protocol_3/dev_4.txt": ["-2,\t1_1_21_4"]}, form)
    if mark:
        for path in tmp_path.rglob("*.[tT]*"):
            path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert [row.protocols for row in index("oulu", at(tmp_path))] == [
        "3.4:dev", "1:train", "1:train"
    ]  # fmt: skip


def test_without_its_protocols_the_column_is_empty_and_nothing_else_changes(tmp_path):
    assert [row.protocols for row in index("oulu", at(small(tmp_path)))] == ["", "", ""]


def test_listed_videos_that_are_not_there_and_other_files_are_no_error(tmp_path):
    small(tmp_path)
    write(tmp_path, {"Protocols/Protocol_1/Train.txt": ["+1,1_1_01_1", "+1,1_2_20_1"],
                     "Protocols/Protocol_1/Train_1.txt": ["nonsense"],
                     "Protocols/Protocol_3/Train.txt": ["nonsense"],
                     "Protocols/Protocol_3/Train_7.txt": ["nonsense"],
                     "Protocols/Protocol_1/._Train.txt": ["nonsense"],
                     "Protocols/Readme.txt": ["nonsense"],
                     "Protocols/old/Protocol_1/Train.txt": ["nonsense"]})  # fmt: skip
    rows = {row.path: row.protocols for row in index("oulu", at(tmp_path))}
    assert rows.pop("Train_files/1_1_01_1.avi") == "1:train"
    assert set(rows.values()) == {""}


@pytest.mark.parametrize(
    "files, words",
    [
        ({"1/Train": ["+1,1_1_01_1", "nonsense"]}, r"1.Train\.txt: line 2: 'nonsense' is not"),
        ({"1/Train": ["", "1_1_01_1"]}, r"Train\.txt: line 2: '1_1_01_1' is not"),
        ({"1/Train": ["+2,1_1_01_1"]}, "line 1: .* is not"),
        ({"1/Train": ["-1,7_1_01_1"]}, "line 1: .* is not"),
        ({"1/Train": ["-1,1_1_01_2,x\x1b[2J\x07"]}, "line 1: '-1,1_1_01_2,x.x1b"),
        ({"2/Dev": ["-2,1_1_21_4", "+1,1_1_21_5"]}, r"Dev\.txt: line 2: 1_1_21_5 is replay"),
        ({"1/Train": ["-1,1_1_01_1"]}, "line 1: 1_1_01_1 is live .* label is -1; correct"),
        ({"1/Train": ["-2,1_1_01_2"]}, "line 1: 1_1_01_2 is print .* label is -2"),
        (
            {"3/Train_2": ["-1,1_1_01_2", "-1,1_1_01_2"]},
            r"line 2: 1_1_01_2 .* 3\.2 twice, .*line 1",
        ),
        ({"1/Train": ["-1,1_1_09_2"], "1/Dev": ["-1,1_1_09_2"]}, "stands in protocol 1 twice"),
        ({"1/Dev": ["-1,1_1_01_2"]}, "1_1_01_2 lies in the folder of train .* listed for dev"),
    ],
)
def test_a_wrong_list_of_oulu_is_told_with_file_and_line(tmp_path, files, words):
    small(tmp_path)
    write(tmp_path, {f"Protocols/Protocol_{name}.txt": lines for name, lines in files.items()})
    with pytest.raises(UserError, match=words) as caught:
        index("oulu", at(tmp_path))
    assert str(caught.value).isprintable()


def test_a_copy_in_the_wrong_folder_does_not_take_part_for_the_right_one(tmp_path):
    touch(tmp_path, ["Train_files/1_1_01_1.avi", "Test_files/1_1_01_1.avi"])
    write(tmp_path, {"Protocols/Protocol_1/Train.txt": ["+1,1_1_01_1"]})
    assert [row.protocols for row in index("oulu", at(tmp_path))] == ["", "1:train"]


def test_a_list_that_a_link_brings_from_outside_is_not_read(tmp_path):
    root = small(tmp_path / "oulu")
    write(tmp_path, {"Protocols/Protocol_1/Train.txt": ["+1,1_1_01_1"]})
    (root / "Protocols").symlink_to(tmp_path / "Protocols")
    assert {row.protocols for row in index("oulu", at(root))} == {""}


# Replay-Attack: a protocol is the attacks whose names have such devices and such forms.
KINDS = {
    "grandtest": ("print mobile highdef", "photo video"),
    "print": ("print", "photo"),
    "mobile": ("mobile", "photo video"),
    "highdef": ("highdef", "photo video"),
    "photo": ("print mobile highdef", "photo"),
    "digitalphoto": ("mobile highdef", "photo"),
    "video": ("mobile highdef", "video"),
}


def replay_lists(suffix: str = ".mov") -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for name in replay_names():
        folder, kind = name.split("/")[:2]
        line = name.removesuffix(".mov") + suffix
        if kind == "real":
            out.setdefault(f"protocols/real-{folder}.txt", []).append(line)
            continue
        words = name.rpartition("/")[2].split("_")
        for protocol, (devices, forms) in KINDS.items():
            if words[1] in devices.split() and words[5] in forms.split():
                list_name = f"protocols/attack-{protocol}-allsupports-{folder}.txt"
                out.setdefault(list_name, []).append(line)
    return out


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["", "replayattack-"])
@pytest.mark.parametrize("suffix", ["", ".mov"])
def test_replays_protocols_are_those_that_others_published(tmp_path, prefix, suffix):
    touch(tmp_path, [prefix + name for name in replay_names()])
    write(tmp_path, replay_lists(suffix))
    rows = index("replay", at(tmp_path))
    lines = [f"{row.path.removeprefix(prefix)[:-4]} {row.protocols}" for row in rows]
    assert digest(lines) == REPLAY_COLUMN


LIVE = "train/real/client001_session01_webcam_authenticate_adverse_{}"
SPOOF = "train/attack/hand/attack_print_client001_session01_highdef_photo_{}"
DEV = "devel/attack/hand/attack_print_client003_session01_highdef_photo_adverse"


def few(root: Path) -> Path:
    names = [LIVE.format(1), LIVE.format(2), SPOOF.format("adverse"), SPOOF.format("controlled")]
    return touch(root, [f"{name}.mov" for name in (*names, DEV)])


def test_a_protocol_may_have_live_videos_of_its_own_and_devel_becomes_dev(tmp_path):
    few(tmp_path)
    spoof = SPOOF.format("adverse")
    write(
        tmp_path,
        {
            "Protocols/REAL-train.txt": [LIVE.format(1), LIVE.format(2)],
            "Protocols/Attack-Print-Allsupports-train.TXT": [f"./{spoof}.MOV", "train/" + SPOOF.
                format("controlled").removeprefix("train/").replace("/", "\\")],
            "Protocols/attack-smalltest-allsupports-train.txt": [spoof.upper()],
            "Protocols/real-smalltest-allsupports-train.txt": [LIVE.format(2)],
            "Protocols/attack-print-allsupports-devel.txt": [DEV],
            "Protocols/real-devel.txt": [],
            "Protocols/attack-print-fixed-train.txt": ["of fixed supports alone"],
            "Protocols/recognition-train.txt": ["enrolment"],
            "Protocols/clients.txt": ["1 train"],
        },
        "{}\r\n",
    )  # fmt: skip
    assert {row.path[:-4]: row.protocols for row in index("replay", at(tmp_path))} == {
        LIVE.format(1): "print:train",
        LIVE.format(2): "print:train;smalltest:train",
        spoof: "print:train;smalltest:train",
        SPOOF.format("controlled"): "print:train",
        DEV: "print:dev",
    }


def test_replay_without_lists_or_with_those_of_live_videos_alone_has_an_empty_column(tmp_path):
    few(tmp_path)
    assert {row.protocols for row in index("replay", at(tmp_path))} == {""}
    write(tmp_path, {"protocols/real-train.txt": [LIVE.format(1)]})
    assert {row.protocols for row in index("replay", at(tmp_path))} == {""}


ATTACK_LIST = "attack-print-allsupports-train"


@pytest.mark.parametrize(
    "files, words",
    [
        ({ATTACK_LIST: [SPOOF.format("adverse")]}, "real-train.txt, .* is missing; put it"),
        ({ATTACK_LIST: [], "real-train": [LIVE.format(1), "x"]}, r"real-train\.txt: line 2: 'x'"),
        ({ATTACK_LIST: [], "real-train": [SPOOF.format("adverse")]}, "line 1: .* is a spoof video"),
        ({ATTACK_LIST: [LIVE.format(1)], "real-train": []}, r"train\.txt: line 1: .* a live video"),
        ({ATTACK_LIST: [DEV], "real-train": []}, "line 1: .* of dev by its name, .* of train"),
        ({ATTACK_LIST: [], "real-train": [LIVE.format(1)] * 2}, "line 2: .* in line 1 already"),
        ({ATTACK_LIST: ["/etc/passwd"], "real-train": []}, "line 1: '/etc/passwd' is not"),
        (
            {ATTACK_LIST: [], ATTACK_LIST.upper(): [], "real-train": []},
            "the same list as .*; keep one",
        ),
    ],
)
def test_a_wrong_list_of_replay_is_told_with_file_and_line(tmp_path, files, words):
    few(tmp_path)
    write(tmp_path, {f"protocols/{name}.txt": lines for name, lines in files.items()})
    with pytest.raises(UserError, match=words) as caught:
        index("replay", at(tmp_path))
    assert "\n" not in str(caught.value)
