"""docs/stores.md: the programs that it shows do what it says, in a store on this machine."""

import subprocess
from pathlib import Path

import made_project
import pytest
from made_store import client, environment, objects, s3_server
from page_commands import ROOT, commands

PAGE = ROOT / "docs" / "stores.md"


@pytest.mark.slow
def test_the_programs_shown_fill_the_bucket_and_let_it_remove_parts_that_were_left(tmp_path: Path):
    programs = [one.text for one in commands(PAGE) if one.text.startswith("python -c")]
    assert len(programs) == 2
    video = tmp_path / "runs" / "demo" / "replica" / "msu" / "scene01" / "1.mp4"
    video.parent.mkdir(parents=True)
    video.write_bytes(b"a video")
    with s3_server(tmp_path / "server.log") as url:
        shell = environment(url, PATH=made_project.environment()["PATH"])
        for program in programs:
            subprocess.run(["bash", "-c", program], cwd=tmp_path, env=shell, check=True)
        store = client(url)
        assert objects(store, "bucket") == {"MSU-MFSD/scene01/1.mp4": b"a video"}
        (rule,) = store.get_bucket_lifecycle_configuration(Bucket="bucket")["Rules"]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert rule["Filter"] == {"Prefix": "runs/"}
