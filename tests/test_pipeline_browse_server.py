"""A really running server: who is answered, and what becomes of garbage."""

import http.client
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from made_browse import got, make_columns, opened_site, served
from made_bundle import make_bundle

from pipeline.browse.server import host_name, listen
from pipeline.errors import UserError


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of a bundle of twelve samples."""
    folder = make_bundle(tmp_path_factory.mktemp("served") / "b", ("casia",), videos=1, frames=2)
    with served(opened_site(folder)) as server:
        yield server


def spoken(server, data: bytes) -> bytes:
    """What comes back for some bytes, until the server closes."""
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


def request(server, path="/api/query", host="", more="", method="GET"):
    host = host or f"127.0.0.1:{server.server_port}"
    text = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{more}Connection: close\r\n\r\n"
    return spoken(server, text.encode())


def status(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 "), answer[:200]
    return int(answer.split()[1])


def test_it_listens_on_the_loopback_interface_alone(server):
    assert server.socket.getsockname()[0] == "127.0.0.1"
    assert server.address == f"http://127.0.0.1:{server.server_port}/"


def test_the_page_and_its_answers_carry_headers_that_shut_others_out(server):
    for path in ("", "api/query", "picture/0/crop", "nothing"):
        _, headers, _ = got(server.address + path)
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Referrer-Policy"] == "no-referrer"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:9000", "127.0.0.1:1"])
def test_its_own_names_are_answered_whatever_port_a_tunnel_has(server, host):
    assert status(request(server, host=host)) == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "127.0.0.1@evil.example",
     "0.0.0.0", "[::1]", "localhost:x", "localhost.evil:80", ":80", "127.0.0.1:80:80"],
)  # fmt: skip
def test_any_other_name_is_refused(server, host):
    answer = request(server, host=host)
    assert status(answer) == 403 and b'"samples"' not in answer


def test_no_name_or_two_are_refused(server):
    assert status(spoken(server, b"GET /api/query HTTP/1.1\r\n\r\n")) == 403
    assert status(request(server, more="Host: evil.example\r\n")) == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
def test_pages_of_others_get_nothing_but_may_link_to_the_page(server, site):
    more = f"Sec-Fetch-Site: {site}\r\n"
    assert status(request(server, "/picture/0/crop", more=more)) == 403
    assert status(request(server, "/api/samples", more=more)) == 403
    assert status(request(server, "/?sample=1", more=more)) == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get"])
def test_only_get_and_head_are_answered(server, method):
    answer = request(server, method=method)
    assert status(answer) == 405 and b"only GET and HEAD" in answer


def test_a_get_with_a_body_is_refused_and_its_body_is_no_second_request(server):
    body = "GET /api/query HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    answer = request(server, more=f"Content-Length: {len(body)}\r\n") + b""
    assert status(answer) == 400
    head = f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
    answer = spoken(server, head.encode())
    assert status(answer) == 400 and answer.count(b"HTTP/1.1 ") == 1


def test_head_is_the_same_without_what_is_in_it(server):
    head = request(server, "/picture/0/crop", method="HEAD")
    body = request(server, "/picture/0/crop").split(b"\r\n\r\n", 1)[1]
    assert status(head) == 200 and head.endswith(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head


@pytest.mark.parametrize(
    "path",
    ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/picture/../bundle.json",
     "/picture/0/../../../x", "/browse.html", "/casia-dev-00000-of-00001.h5", "/picture/1e3/crop",
     "/picture/" + "9" * 1000 + "/crop", "/picture/0/crop%00", "http://evil.example/api/query",
     "*", "/api/sample/-0", "/\\..\\x"],
)  # fmt: skip
def test_paths_that_are_none_are_not_found(server, path):
    answer = request(server, path)
    assert status(answer) == 404 and b"Traceback" not in answer


def test_too_long_an_address_is_refused(server):
    assert status(request(server, "/?" + "a" * 9000)) == 414
    assert status(request(server, "/?" + "a" * 70000)) == 414


@pytest.mark.parametrize(
    "data",
    [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\0" * 100, b"GET\r\n\r\n",
     b"GET / / / /\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
     b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n",
     b"GET / HTTP/1.1\r\nHost 127\r\n\r\n", b"\xff\xfe /\xff HTTP/1.1\r\n\r\n", b"", b"\r\n\r\n",
     b"GET /", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: x\r\n\r\n"],
)  # fmt: skip
def test_garbage_is_refused_without_a_word_on_the_console(server, data, capfd):
    answer = spoken(server, data)
    assert b"Traceback" not in answer
    assert not answer.startswith(b"HTTP/1.1 2")
    assert got(server.address + "api/query")[0] == 200
    assert capfd.readouterr() == ("", "")


def test_refusals_are_one_line_and_no_page(server):
    for answer in (request(server, "/<script>"), request(server, method="BAD<b>")):
        head, body = answer.split(b"\r\n\r\n", 1)
        assert b"application/json" in head
        assert list(json.loads(body)) == ["error"] and b"<script>" not in body


def test_who_goes_away_in_the_middle_leaves_no_word(server, capfd):
    for _ in range(20):
        connection = socket.create_connection(("127.0.0.1", server.server_port))
        connection.sendall(b"GET /picture/0/crop HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 20)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()  # with a reset
    assert got(server.address + "api/query")[0] == 200
    assert capfd.readouterr() == ("", "")


def test_one_connection_serves_many_requests(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
    for path in ("/api/query", "/nothing", "/picture/0/depth", "/api/query?nose=1", "/"):
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.read() and not answer.will_close


def test_many_at_once_get_each_what_they_asked_for(server):
    alone = {n: got(f"{server.address}picture/{n}/crop?exact=1")[2] for n in range(12)}
    with ThreadPoolExecutor(8) as pool:
        numbers = [n % 12 for n in range(36)]
        pictures = pool.map(lambda n: got(f"{server.address}picture/{n}/crop?exact=1")[2], numbers)
        assert all(picture == alone[n] for n, picture in zip(numbers, pictures, strict=True))


def test_a_mistake_of_ours_is_one_line_and_the_server_goes_on(tmp_path, capfd):
    site = opened_site(make_columns(tmp_path / "b", ["a.mp4"]))
    del site.search  # as if something of the program were missing
    with served(site) as server:
        with pytest.raises(OSError):
            got(server.address + "api/query")
        assert got(server.address)[0] == 200
    _, errors = capfd.readouterr()
    assert errors.startswith("ocim: ") and "AttributeError" in errors
    assert len(errors.splitlines()) == 1


def test_a_port_that_is_taken_is_told_and_without_one_another_is_found(server, monkeypatch):
    with pytest.raises(UserError, match="--port"):
        listen(server.site, server.server_port)
    monkeypatch.setattr("pipeline.browse.server.PORT", server.server_port)
    other = listen(server.site, None)
    assert other.server_port not in (0, server.server_port)
    other.server_close()


def test_a_server_ends_while_connections_are_open(tmp_path):
    site = opened_site(make_columns(tmp_path / "b", ["a.mp4"]))
    with served(site) as server:
        idle = socket.create_connection(("127.0.0.1", server.server_port))
        assert got(server.address + "api/query")[0] == 200
        before = threading.active_count()
    idle.close()
    assert before >= 2


@pytest.mark.parametrize(
    ("host", "name"),
    [("localhost:80", "localhost"), ("localhost", "localhost"), (" A:1 ", "a"), ("a:b", "a:b"),
     (":1", ""), ("[::1]:80", "[::1]")],
)  # fmt: skip
def test_a_host_s_name_is_without_its_port(host, name):
    assert host_name(host) == name
