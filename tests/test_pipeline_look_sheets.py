"""Which samples a contact sheet shows."""

from types import SimpleNamespace

import numpy as np

from pipeline.look.sheets import choose


def test_samples_to_look_at_are_of_all_kinds_in_turn_and_one_a_video():
    kinds = [("print", "printer1")] * 8 + [("print", "printer2")] * 2 + [("replay", "ipad")] * 2
    shard = SimpleNamespace(
        live=np.zeros(12, np.uint8),
        video=np.array([str(number // 2) for number in range(12)]),
        attack=np.array([attack for attack, _ in kinds]),
        instrument=np.array([instrument for _, instrument in kinds]),
    )
    chosen = choose([shard], 0)
    assert [sample.row for sample in chosen] == [0, 8, 10, 2, 4, 6]
    assert choose([shard], 1) == []
