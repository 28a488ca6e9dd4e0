"""train/evaluation/scores.py: scores of videos, and files of scores with their mistakes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UserError
from train.evaluation.scores import COLUMNS, Score, by_level, read_scores, scores_text, video_scores


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_video_is_the_mean_of_its_frames_that_have_a_score():
    scores = [
        Score("b", 0, 1, 0.25),
        Score("b", 5, 1, None),
        Score("b", 10, 1, 0.75),
        Score("a", -1, 0, None, "print", "printer1", "7", "oulu"),
    ]
    videos = [Score("b", 2, 1, 0.5), Score("a", 0, 0, None, "print", "printer1", "7", "oulu")]
    assert video_scores(scores) == videos
    assert by_level(scores) == {"frame": scores, "video": videos}


def test_videos_of_one_name_in_two_datasets_are_two():
    scores = [Score("a", 0, 1, 0.25, dataset="oulu"), Score("a", 0, 0, 0.75, dataset="casia")]
    assert [row.score for row in video_scores(scores)] == [0.75, 0.25]


def test_a_scores_file_may_have_more_columns_fewer_and_empty_scores(tmp_path: Path):
    path = write(
        tmp_path / "s.csv",
        "\ufeffscore,attack,live,frame,video,quality\r\n0.5,,1,0,a.avi,9\r\n,print,0,-1,b.avi,\r\n",
    )
    assert read_scores(path) == [Score("a.avi", 0, 1, 0.5), Score("b.avi", -1, 0, None, "print")]


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8)


@given(
    st.lists(
        st.builds(
            Score,
            *(TEXT.filter(bool), st.integers(-1, 99), st.sampled_from([0, 1])),
            *(st.none() | st.floats(allow_nan=False, allow_infinity=False), TEXT, TEXT, TEXT, TEXT),
        ),
        unique_by=lambda row: (row.dataset, row.video),
    )
)
def test_what_is_written_is_read_again_bit_by_bit(tmp_path_factory, rows: list[Score]):
    path = tmp_path_factory.mktemp("scores") / "s.csv"
    write(path, scores_text(rows))
    assert path.read_text("utf-8").startswith(",".join(COLUMNS) + "\n")
    assert read_scores(path) == rows


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: no column video, frame, live, score"),
        ("video,frame,live\na,0,1\n", "line 1: no column score"),
        ("video,frame,live,score\na,0,1,0.5\n,0,1,0.5\n", "line 3: no video"),
        ("video,frame,live,score\na,0,2,0.5\n", "line 2: live is '2'"),
        ("video,frame,live,score\na,x,1,0.5\n", "line 2: frame is 'x'"),
        ("video,frame,live,score\na,0,1,high\n", "line 2: score is 'high'"),
        ("video,frame,live,score\na,0,1,nan\n", "line 2: score is 'nan'"),
        ("video,frame,live,score\na,0,1,inf\n", "line 2: score is 'inf'"),
        ("video,frame,live,score\na,0,1\n", "line 2: the line ends"),
        ("video,frame,live,score\na,0,1,1\na,1,0,1\n", "line 3: video 'a' is live on one"),
        ("video,frame,live,score\na,0,1,1\na,0,1,1\n", "line 3: frame 0 of video 'a' is there"),
        (
            "video,frame,live,score,subject\na,0,1,1,7\na,1,1,1,8\n",
            "line 3: video 'a' has subject '7' on one line and '8' on another",
        ),
        (
            "video,frame,live,score,instrument\na,0,0,1,print\na,1,0,1,\n",
            "line 3: video 'a' has instrument 'print' on one line and '' on another",
        ),
    ],
)
def test_a_mistake_in_a_scores_file_is_told_with_its_line(tmp_path: Path, text: str, said: str):
    with pytest.raises(UserError, match=r"s\.csv") as caught:
        read_scores(write(tmp_path / "s.csv", text))
    assert said in str(caught.value)


def test_a_file_that_is_not_there_or_not_text_is_told(tmp_path: Path):
    with pytest.raises(UserError, match="cannot be read"):
        read_scores(tmp_path / "none.csv")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00video")
    with pytest.raises(UserError, match="not a CSV"):
        read_scores(tmp_path / "b.csv")


def test_the_mean_of_scores_whose_sum_is_too_large_is_found_all_the_same():
    rows = [Score("v", n, 1, score) for n, score in enumerate((1e308, 1e308, 1.6e308))]
    assert video_scores(rows)[0].score == pytest.approx(1.2e308)
