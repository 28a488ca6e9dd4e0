"""The labels of one face: a picture in, its landmarks, pseudo-depth and face-parsing classes out.

Nothing here knows datasets, videos or result files: that is pipeline/, which calls this package.

In the order of the work:
    landmarks/      finds the faces of a frame and their mesh, by one of three runtimes
    view.py         one face as a back end is given it: its picture and its landmarks
    depth/          views to pseudo-depth, by one of three back ends
    parsing/        views to face-parsing classes, by one of two back ends
    backends.py     the back ends by the names that the configuration has for them
    classes.py      the thirteen classes of a parsing map

What these share:
    canonical.py, mesh_fit.py       MediaPipe's face model, and how it is laid through 68 points
    pose.py, flip.py                the head's angles and the mesh's tilt; mirroring
    boxes.py, patches.py, affines.py, frames.py, zbuffer.py     geometry in the picture's plane
    fan.py                          the networks of the package face-alignment
    weights.py, weights_fetch.py, tensors.py    weight files: which, where they lie, what they hold
    devices.py, openvino_runtime.py             what runs a network

docs/labels.md says what the numbers mean and how good they are.
"""
