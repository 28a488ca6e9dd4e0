"""Pseudo-depth of one face: 1 at the point nearest to the camera, 0 where there is no face.

Each back end is a module with `load(device)`: facemesh.py (MediaPipe's mesh, the default),
prnet.py (PRNet; its network is prnet_network.py, what that sees prnet_square.py, what it gives
position_map.py) and fan3d.py (FAN's 68 landmarks in space). All draw a surface by labels.zbuffer
and bring it to one range by maps.py.
"""
