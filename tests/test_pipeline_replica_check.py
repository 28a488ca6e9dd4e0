"""What can be told of live and spoof without a look at the face."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.replica.check import check_replica, shortcut_auc


def four(shift: float) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    generator = np.random.default_rng(0)
    out = {}
    for i, name in enumerate(("oulu", "casia", "replay", "msu")):
        live = np.arange(200) % 4 == 0
        features = generator.normal(i, 1, (200, 3))
        features[:, 1] += shift * live
        out[name] = features, live.astype(int)
    return out


def test_alike_files_cannot_be_told_apart() -> None:
    assert all(0.4 < auc < 0.6 for auc in shortcut_auc(four(0)).values())


def test_brighter_live_videos_are_found_out() -> None:
    assert all(auc > 0.8 for auc in shortcut_auc(four(3)).values())


def test_a_folder_without_videos_is_a_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no videos"):
        check_replica(tmp_path)
