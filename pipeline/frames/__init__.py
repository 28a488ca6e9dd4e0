"""Video and picture files to upright RGB frames, and which frames are taken."""
