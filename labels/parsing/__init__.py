"""The thirteen face-parsing classes of each pixel of a picture of one face.

Each back end is a module with `load(...)`. facemesh.py, the default, draws the mesh's outlines
(polygons.py) and takes hair off the skin by its colour (skin.py).

bisenet.py runs a network: bisenet_network.py is BiSeNet, runtimes.py chooses what runs it
(by_torch.py, by_ncnn.py, by_onnxruntime.py, by_openvino.py; networks.py is what these share) and
enlarge.py turns its coarse logits into a class for each pixel. orders.py brings a weight file's 19
classes to the thirteen, order_check.py notices a wrong order, sides.py puts left and right right,
and cut.py brings the map to the picture that is asked for.
"""
