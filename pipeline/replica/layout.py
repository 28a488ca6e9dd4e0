"""Which videos the replica has: the names of the four datasets, for so many subjects a split."""

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath

DATASETS = ("oulu", "casia", "replay", "msu")
OULU_SUBJECTS = {"train": range(1, 21), "dev": range(21, 36), "test": range(36, 56)}
CASIA_SUBJECTS = {"train": range(1, 21), "test": range(1, 31)}
REPLAY_SUBJECTS = {
    "train": (1, 2, 4, 6, 7, 8, 12, 16, 18, 25, 27, 103, 105, 108, 110),
    "dev": (3, 5, 10, 15, 17, 22, 29, 30, 101, 111, 113, 114, 116, 118, 119),
    "test": (9, 11, 13, 14, 19, 20, 21, 23, 24, 26, 28, 31, 102, 104, 106, 107, 109, 112, 115, 117),
}
# The upside-down clients come early, so that a small replica has them.
MSU_SUBJECTS = {
    "train": (3, 5, 2, 6, 7, 8, 9, 11, 12, 21, 22, 34, 53, 54, 55),
    "test": (1, 13, 14, 23, 24, 26, 28, 29, 30, 32, 33, 35, 36, 37, 39, 42, 48, 49, 50, 51),
}
MSU_UPSIDE_DOWN = (3, 5, 6, 7, 8, 9)
MAX_SUBJECTS = 15


@dataclass(frozen=True)
class Video:
    """One video to be made. `path` is below the dataset's folder; `attack` is empty for live,
    else print, bent, warped, cut or replay; `medium` names the instrument; `camera` a camera.

    `room` is the room it is taken in; `moving` whether a shown clip moves; `held` whether the
    sheet is hand-held; `upside_down` and `matrix` (a display matrix says so) are MSU's trap.
    """

    dataset: str
    path: str
    person: str
    camera: str
    room: int
    attack: str = ""
    medium: str = ""
    moving: bool = True
    held: bool = True
    upside_down: bool = False
    matrix: bool = False

    @property
    def live(self) -> bool:
        """True for a real face."""
        return not self.attack


def pick(count: int, *words: object) -> int:
    """A number below `count` that depends on the words alone."""
    text = "\0".join(str(word) for word in words)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % count


def _oulu(subjects: int, seed: int) -> list[Video]:
    folders = {"train": "Train_files", "dev": "Dev_files", "test": "Test_files"}
    attacks = {
        2: ("print", "printer1"),
        3: ("bent", "printer2"),
        4: ("replay", "display1"),
        5: ("replay", "display2"),
    }
    out = []
    for split, numbers in OULU_SUBJECTS.items():
        for order, subject in enumerate(list(numbers)[:subjects]):
            person = f"{subject:02d}"
            # Two visits: one of sessions 1 and 2, and session 3; each on a phone, less one attack.
            for visit in range(2):
                session = 3 if visit else 1 + pick(2, seed, "session", person)
                phone = 1 + (pick(6, seed, "phone", person) + 3 * visit + order) % 6
                left_out = 2 + (pick(4, seed, "left out", split) + 2 * order + visit) % 4
                for access in range(1, 6):
                    if access == left_out:
                        continue
                    attack, medium = attacks.get(access, ("", ""))
                    path = f"{folders[split]}/{phone}_{session}_{person}_{access}.avi"
                    room = session - 1
                    out.append(Video("oulu", path, person, "oulu", room, attack, medium))
    return out


def _casia(subjects: int, seed: int) -> list[Video]:
    kinds = {
        ("1", "2", "HR_1"): ("", ""),
        ("3", "4", "HR_2"): ("warped", "photo"),
        ("5", "6", "HR_3"): ("cut", "photo"),
        ("7", "8", "HR_4"): ("replay", "screen"),
    }
    out = []
    for split, numbers in CASIA_SUBJECTS.items():
        for subject in list(numbers)[:subjects]:
            person = f"{split}_{subject}"
            for names, (attack, medium) in kinds.items():
                for quality, name in zip(("low", "normal", "high"), names, strict=True):
                    path = f"{split}_release/{subject}/{name}.avi"
                    room = pick(3, seed, "room", person, quality)
                    out.append(
                        Video("casia", path, person, f"casia-{quality}", room, attack, medium)
                    )
    return out


def _replay(subjects: int, seed: int) -> list[Video]:
    folders = {"train": "train", "dev": "devel", "test": "test"}
    attacks = [
        ("print", "highdef", "photo"),
        ("mobile", "mobile", "photo"),
        ("mobile", "mobile", "video"),
        ("highdef", "highdef", "photo"),
        ("highdef", "highdef", "video"),
    ]
    lights = ("controlled", "adverse")
    out = []
    for split, numbers in REPLAY_SUBJECTS.items():
        for client in numbers[:subjects]:
            person = f"{client:03d}"
            for room, light in enumerate(lights):
                take = 1 + pick(2, seed, "take", person, light)
                path = (
                    f"{folders[split]}/real/client{person}_session01_webcam_authenticate_"
                    f"{light}_{take}.mov"
                )
                out.append(Video("replay", path, person, "replay", room))
            first = pick(2, seed, "light", person)
            for i, (kind, device, form) in enumerate(attacks):
                room = (first + i) % 2
                held = bool(pick(2, seed, "held", person, kind, form))
                path = (
                    f"{folders[split]}/attack/{'hand' if held else 'fixed'}/attack_{kind}_client"
                    f"{person}_session01_{device}_{form}_{lights[room]}.mov"
                )
                attack = "print" if kind == "print" else "replay"
                moving = form == "video"
                out.append(
                    Video("replay", path, person, "replay", room, attack, kind, moving, held)
                )
    # The trap: enrolment belongs to face verification.
    for split, folder in folders.items():
        person = f"{REPLAY_SUBJECTS[split][0]:03d}"
        path = f"enrollment/{folder}/client{person}_session01_webcam_authenticate_controlled_1.mov"
        out.append(Video("replay", path, person, "replay", 0))
        break
    return out


def _msu(subjects: int, seed: int) -> list[Video]:
    attacks = {
        "ipad_video": ("replay", "ipad"),
        "iphone_video": ("replay", "iphone"),
        "printed_photo": ("print", "printed_photo"),
    }
    out = []
    for numbers in MSU_SUBJECTS.values():
        for client in numbers[:subjects]:
            person = f"{client:03d}"
            for device, suffix in (("android", "mp4"), ("laptop", "mov")):
                camera = f"msu-{device}"
                room = pick(3, seed, "room", person, device)
                down = device == "android" and client in MSU_UPSIDE_DOWN
                matrix = down and MSU_UPSIDE_DOWN.index(client) % 2 == 0
                path = f"scene01/real/real_client{person}_{device}_SD_scene01.{suffix}"
                out.append(
                    Video("msu", path, person, camera, room, upside_down=down, matrix=matrix)
                )
                for name, (attack, medium) in attacks.items():
                    path = (
                        f"scene01/attack/attack_client{person}_{device}_SD_{name}_scene01.{suffix}"
                    )
                    out.append(Video("msu", path, person, camera, room, attack, medium))
    return out


def all_videos(subjects: int, seed: int) -> list[Video]:
    """All videos of a replica with `subjects` subjects in each split of each dataset."""
    return [
        *_oulu(subjects, seed),
        *_casia(subjects, seed),
        *_replay(subjects, seed),
        *_msu(subjects, seed),
    ]


def oulu_protocols(stems: dict[str, list[str]]) -> dict[str, str]:
    """OULU-NPU's protocol files, as far as these videos go: path below the root -> text.

    `stems` holds the stems P_S_UU_F of each split (train, dev, test). Protocol 1 keeps session 3
    for the test; 2 keeps printer 2 and display 2; 3 keeps phone k; 4 all three.
    """
    out = {}
    label = {1: "+1", 2: "-1", 3: "-1", 4: "-2", 5: "-2"}
    names = {"train": "Train", "dev": "Dev", "test": "Test"}

    def keep(protocol: int, k: int, test: bool, stem: str) -> bool:
        phone, session, _, access = (int(part) for part in stem.split("_"))
        if protocol in (1, 4) and (session == 3) != test:
            return False
        if protocol in (2, 4) and access not in ((1, 3, 5) if test else (1, 2, 4)):
            return False
        return protocol not in (3, 4) or (phone == k) == test

    for protocol in (1, 2, 3, 4):
        for k in range(1, 7) if protocol > 2 else [0]:
            for split, name in names.items():
                lines = [
                    f"{label[int(stem[-1])]},{stem}\n"
                    for stem in sorted(stems[split])
                    if keep(protocol, k, split == "test", stem)
                ]
                end = f"{name}_{k}.txt" if k else f"{name}.txt"
                out[f"Protocols/Protocol_{protocol}/{end}"] = "".join(lines)
    return out


def replay_protocols(paths: list[str]) -> dict[str, str]:
    """Replay-Attack's lists, as far as these videos go: path below the root -> text.

    `paths` holds the paths of its videos. Each protocol is a kind of attack; its live videos are
    all of the split.
    """
    screens, both = ("mobile", "highdef"), ("photo", "video")
    protocols = {
        "grandtest": (("print", *screens), both),
        "print": (("print",), both),
        "mobile": (("mobile",), both),
        "highdef": (("highdef",), both),
        "photo": (("print", *screens), ("photo",)),
        "video": (screens, ("video",)),
        "digitalphoto": (screens, ("photo",)),
    }
    out = {}
    for folder in ("train", "devel", "test"):
        live = sorted(path for path in paths if path.startswith(f"{folder}/real/"))
        out[f"protocols/real-{folder}.txt"] = "".join(f"{path}\n" for path in live)
        spoof = sorted(path for path in paths if path.startswith(f"{folder}/attack/"))
        for name, (kinds, forms) in protocols.items():
            words = [PurePosixPath(path).stem.split("_") for path in spoof]
            lines = [
                f"{path}\n"
                for path, word in zip(spoof, words, strict=True)
                if word[1] in kinds and word[5] in forms
            ]
            out[f"protocols/attack-{name}-allsupports-{folder}.txt"] = "".join(lines)
    return out
