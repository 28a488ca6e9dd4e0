"""A graph of MediaPipe that runs on the calling thread, one picture at a time."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

# Handing a few calculators to other threads costs more than they take, the more so where other
# processes use every core.
_HERE = """
executor { type: "ApplicationThreadExecutor" }
"""


class Graph:
    """A graph with an input stream `image`; use `run` for one picture after the other."""

    def __init__(self, text: str, output: str, booleans: Mapping[str, bool] | None = None) -> None:
        """text: its CalculatorGraphConfig. output: the stream that is read. booleans: its side
        packets.
        """
        # Importing solution_base registers the messages that options of graphs are made of.
        import mediapipe
        from mediapipe.python import CalculatorGraph, ImageFormat, packet_creator
        from mediapipe.python import solution_base as solution_base
        from mediapipe.python._framework_bindings import resource_util

        resource_util.set_resource_dir(str(Path(mediapipe.__file__).parents[1]))
        self._rgb, self._create = ImageFormat.SRGB, packet_creator
        self._output: list[Any] = []
        self._time = 0
        self._graph = CalculatorGraph(graph_config=text + _HERE)
        self._graph.observe_output_stream(output, self._keep)
        self._graph.start_run(
            {name: packet_creator.create_bool(value) for name, value in (booleans or {}).items()}
        )

    def run(self, image: np.ndarray, **messages: Any) -> Any:
        """The packet that comes of a picture (H, W, 3) uint8 RGB, contiguous, and of protocol
        messages for other streams; None where none comes, as where there is no face.
        """
        self._time += 1
        self._output.clear()
        packets = {name: self._create.create_proto(part) for name, part in messages.items()}
        packets["image"] = self._create.create_image_frame(image, image_format=self._rgb)
        for name, packet in packets.items():
            self._graph.add_packet_to_input_stream(name, packet.at(self._time))
        self._graph.wait_until_idle()
        return self._output[0] if self._output else None

    def close(self) -> None:
        """Free it."""
        self._graph.close()

    def _keep(self, stream: str, packet: Any) -> None:
        self._output.append(packet)
