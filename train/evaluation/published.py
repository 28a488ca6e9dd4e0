"""The numbers that the paper prints: Tables I and II, HTER and AUC in percent."""

from typing import Any

from train.protocols import Protocol, parse

RESULTS_SCHEMA = 3
"""Version of results.json, in which these numbers stand beside a run's own."""

PROTOCOLS = ("O&C&I to M", "O&M&I to C", "O&C&M to I", "I&C&M to O")
"""The columns of both tables."""

Row = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]

TABLE_I: dict[str, Row] = {
    "MADDG": ((17.69, 88.06), (24.50, 84.51), (22.19, 84.99), (27.98, 80.02)),
    "RFMetaFAS": ((13.89, 93.98), (20.27, 88.16), (17.30, 90.48), (16.45, 91.16)),
    "CCDD": ((15.42, 91.13), (17.41, 90.12), (15.87, 91.47), (14.72, 93.08)),
    "PAD-GAN": ((17.02, 90.10), (19.68, 87.43), (20.87, 86.72), (25.02, 81.47)),
    "NAS-FAS": ((16.85, 90.42), (15.21, 92.64), (11.63, 96.98), (13.16, 94.18)),
    "SSDG-M": ((16.67, 90.47), (23.11, 85.45), (18.21, 94.61), (25.17, 81.83)),
    "MT-FAS": ((11.67, 93.09), (18.44, 89.67), (11.93, 94.95), (16.23, 91.18)),
    "D2AM": ((12.70, 95.66), (20.98, 85.58), (15.43, 91.22), (15.27, 90.87)),
    "ANRL": ((10.83, 96.75), (17.85, 89.26), (16.03, 91.04), (15.76, 91.90)),
    "FGHV": ((9.17, 96.92), (12.47, 93.47), (16.29, 90.11), (13.58, 93.55)),
    "SSAN-M": ((10.42, 94.76), (16.47, 90.81), (14.00, 94.58), (19.51, 88.17)),
    "Ours": ((7.38, 96.66), (13.20, 94.27), (8.07, 96.85), (8.75, 95.95)),
}
"""Comparison of methods: for each of PROTOCOLS, (HTER, AUC)."""

TABLE_II: dict[str, Row] = {
    "without_parsing": ((10.17, 94.05), (20.43, 88.64), (13.12, 94.49), (17.26, 90.95)),
    "without_asc": ((9.31, 94.30), (26.68, 83.72), (9.13, 96.46), (15.01, 93.06)),
    "without_triplet": ((9.25, 95.72), (25.03, 83.97), (12.30, 95.08), (13.79, 93.51)),
    "without_meta": ((10.94, 95.30), (31.05, 75.78), (27.79, 79.26), (29.24, 77.70)),
    "normal_triplet": ((9.94, 95.43), (22.54, 87.17), (10.68, 95.59), (14.42, 92.78)),
    "ours": ((7.38, 96.66), (13.20, 94.27), (8.07, 96.85), (8.75, 95.95)),
}
"""Ablation, by variant."""


def column(protocol: Protocol) -> int | None:
    """Which of PROTOCOLS a protocol is, counted from 0, whatever the order of its sources; None
    where it is none of them.
    """
    for index, text in enumerate(PROTOCOLS):
        printed = parse(text)
        if (set(printed.sources), printed.target) == (set(protocol.sources), protocol.target):
            return index
    return None


def beside(protocol: Protocol) -> dict[str, Any] | None:
    """Both tables' numbers for one protocol; None where the paper has no such protocol.

    Returns {"unit": "percent", "protocol", "table_1": {method: {"hter", "auc"}}, "table_2": ...}.
    """
    index = column(protocol)
    if index is None:
        return None

    def cells(table: dict[str, Row]) -> dict[str, dict[str, float]]:
        return {name: dict(zip(("hter", "auc"), row[index], strict=True)) for name, row in
                table.items()}  # fmt: skip

    return {
        "unit": "percent",
        "protocol": PROTOCOLS[index],
        "table_1": cells(TABLE_I),
        "table_2": cells(TABLE_II),
    }
