"""Which videos the replica has: the names of the four datasets, for so many subjects a split."""

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from pipeline.datasets import casia, msu, oulu, replay

DATASETS = ("oulu", "casia", "replay", "msu")
# The upside-down clients come early, so that a small replica has them.
MSU_SUBJECTS = {"train": tuple(sorted(msu.TRAIN, key=lambda client: client not in (3, 5))),
                "test": msu.TEST}  # fmt: skip
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

    @property
    def enrolment(self) -> bool:
        """True for what belongs to face verification: no index of anti-spoofing lists it."""
        return self.path.startswith("enrollment/")


def pick(count: int, *words: object) -> int:
    """A number below `count` that depends on the words alone."""
    text = "\0".join(str(word) for word in words)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % count


def generator_for(seed: int, *words: str) -> np.random.Generator:
    """A generator that depends on the seed (0 or more) and the words alone."""
    entropy = [seed, *("\0".join(words)).encode()]
    return np.random.default_rng(np.random.SeedSequence(entropy))


def _oulu(subjects: int, seed: int) -> list[Video]:
    attacks = {
        2: ("print", "printer1"),
        3: ("bent", "printer2"),
        4: ("replay", "display1"),
        5: ("replay", "display2"),
    }
    out = []
    for split, numbers in oulu.SUBJECTS.items():
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
                    path = f"{split.capitalize()}_files/{phone}_{session}_{person}_{access}.avi"
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
    for split, numbers in casia.SUBJECTS.items():
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
    attacks = [
        ("print", "highdef", "photo"),
        ("mobile", "mobile", "photo"),
        ("mobile", "mobile", "video"),
        ("highdef", "highdef", "photo"),
        ("highdef", "highdef", "video"),
    ]
    lights = ("controlled", "adverse")
    out = []
    for folder, clients in replay.CLIENTS.items():
        for client in clients[:subjects]:
            person = f"{client:03d}"
            for room, light in enumerate(lights):
                take = 1 + pick(2, seed, "take", person, light)
                path = (
                    f"{folder}/real/client{person}_session01_webcam_authenticate_{light}_{take}.mov"
                )
                out.append(Video("replay", path, person, "replay", room))
            first = pick(2, seed, "light", person)
            for i, (kind, device, form) in enumerate(attacks):
                room = (first + i) % 2
                held = bool(pick(2, seed, "held", person, kind, form))
                path = (
                    f"{folder}/attack/{'hand' if held else 'fixed'}/attack_{kind}_client"
                    f"{person}_session01_{device}_{form}_{lights[room]}.mov"
                )
                attack = "print" if kind == "print" else "replay"
                moving = form == "video"
                out.append(
                    Video("replay", path, person, "replay", room, attack, kind, moving, held)
                )
    # The trap: enrolment belongs to face verification.
    person = f"{replay.CLIENTS['train'][0]:03d}"
    path = f"enrollment/train/client{person}_session01_webcam_authenticate_controlled_1.mov"
    out.append(Video("replay", path, person, "replay", 0))
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
                down = device == "android" and client in msu.UPSIDE_DOWN
                matrix = down and msu.UPSIDE_DOWN.index(client) % 2 == 0
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
    for folder in replay.CLIENTS:
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
