"""What a run will take, before it is started: videos, frames, samples, bytes and time."""
