"""pipeline/files/urls.py and pipeline/layout.py: which URLs are taken, and where."""

import pytest

from pipeline.config import validate
from pipeline.errors import UserError
from pipeline.files.urls import checked, is_url
from pipeline.layout import Layout


@pytest.mark.parametrize(
    "text", ["s3://bucket/runs/mine", "gs://bucket/a b/ä", "gcs://b/x", "file:///data/x", "s3://b"]
)
def test_urls_of_stores_are_taken(text):
    assert checked(text, "out") == text
    assert checked(f"{text}/", "out") == text


@pytest.mark.parametrize("text", ["runs/mine", "/data/x", "a:b/c", "s3:/b", "./s3/x", "~/x?y#z"])
def test_a_path_is_a_path(text):
    assert not is_url(text)
    assert checked(text, "out") == text


@pytest.mark.parametrize(
    "text, words",
    [
        ("http://host/x", "only s3://, gs://, gcs://, file:// and paths"),
        ("ftp://host/x", "only s3://"),
        ("simplecache::s3://bucket/x", "chained"),
        ("zip://x.zip::s3://bucket/x", "chained"),
        ("s3://", "not a URL like"),
        ("s3://bucket//x", "not a URL like"),
        ("s3://bucket/../x", "not a URL like"),
        ("s3://bucket/a\nb", "not a URL like"),
        ("S3://bucket/x", "only s3://"),
    ],
)
def test_other_urls_are_refused(text, words):
    with pytest.raises(UserError, match=words) as caught:
        checked(text, "datasets.msu.root")
    assert str(caught.value).startswith("datasets.msu.root: ")


@pytest.mark.parametrize(
    "text",
    [
        "s3://key:SECRET@bucket/x",
        "s3://bucket/x?X-Amz-Signature=SECRET",
        "s3://bucket/x#SECRET",
        "http://me:SECRET@host/x",
        "a::s3://me:SECRET@host/x",
    ],
)
def test_a_login_in_a_url_is_refused_and_not_repeated(text):
    with pytest.raises(UserError) as caught:
        checked(text, "out")
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("key", ["out", "root", "table", "overrides"])
def test_the_configuration_names_the_key_of_a_bad_url(key):
    values = {key: "http://host/x"}
    if key != "out":
        dataset = {"adapter": "table", "root": "data", **values}
        values = {"datasets": {"own": dataset}}
    with pytest.raises(UserError, match=rf"mine.yaml: (datasets\.own\.)?{key}: http://host/x"):
        validate(values, "mine.yaml")


def test_what_reads_files_of_this_machine_says_how_to_copy_the_bundle():
    with pytest.raises(UserError) as caught:
        Layout("s3://bucket/runs/mine")
    assert "ocim bundle fetch s3://bucket/runs/mine/bundle -o DIR" in str(caught.value)
