"""Names of files and folders made to hurt, and a dataset whose videos have them."""

import csv
import shutil
from pathlib import Path

PLACE = "a 'project' {x} $HOME; touch pwned & * % [1] ünï -"
ROOT = '-data "of" {config} $(touch pwned)'
OUT = "-runs $HOME '1' `touch pwned` 🎭 #%41"
"""Of the project's folder, of a dataset's root, of OUT."""

NAMES = (
    " blanks  inside and before",
    'it\'s "quoted"',
    "{braces} {config} {wildcards.dataset} {0} {{x}}",
    "[brackets] * ? ~ ! ^ | <>",
    "-rf",
    "--config=x",
    "<script>document.title='pwned'</script",
    "<img src=x onerror=document.title='pwned'>",
    "&lt;b&gt;&amp;",
    "$(touch pwned) `touch pwned`; touch pwned",
    "$HOME ${PATH} %PATH% %s %(x)s %41",
    "back\\slash\\",
    "caf\u00e9 composed",
    "cafe\u0301 apart",
    "right-to-left \u202egpj.live",
    "emoji \U0001f3ad\U0001f468\u200d\U0001f469",
    "\u4e2d\u6587 \u0627\u0644\u0639\u0631\u0628\u064a\u0629",
    "=1+1,'cmd'!A1",
    "# a: comment, 'yaml' !!python",
    "new\nline\nocim: forged",
    "longest x" + "\u00e4" * 121,
)
"""Stems of files; the last gives a name of 255 bytes with its suffix."""


def fill(root: Path, clip: Path) -> list[str]:
    """A tree of split/class/person/file below `root`, every file a copy of the video `clip`; the
    paths below root.

    Both splits and both classes have every kind of name, as a folder and as a file.
    """
    paths = []
    for number, name in enumerate(NAMES):
        split, live = ("train", "test")[number % 2], ("live", "spoof")[number // 2 % 2]
        folder = root / split / live / _part(f"{name} of {split}")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / (_part(name, 251) + ".avi")
        shutil.copy(clip, path)
        paths.append(path.relative_to(root).as_posix())
    return paths


def _part(name: str, size: int = 255) -> str:
    """A name as one part of a path: at most so many bytes, no slash."""
    return name.replace("/", "").encode()[:size].decode(errors="ignore")


def fits_a_table(video: str) -> bool:
    """A backslash is a slip there, and refused; `bundle export` makes one name of a whole path, for
    which the longest leaves no room.
    """
    return "\\" not in video and "longest" not in video


def table(path: Path, videos: list[str]) -> None:
    """Write the CSV of a `table` dataset for the paths that `fill` gave."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "split", "live", "subject", "session"])
        for video in filter(fits_a_table, videos):
            split, live, person, _ = video.split("/")
            rows.writerow([video, split, live, person, person[:200].replace("\n", " ")])


REFUSED = ("\ttab", "\x1b[31mred", "line\u2028separator", "next\u0085line")
"""Stems that no file of a dataset may have: they would forge lines in lists and in what is told."""
