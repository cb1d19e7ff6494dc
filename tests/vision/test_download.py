"""Downloads from a server in the same process: whole and verified, or not at all."""

import functools
import hashlib
import http.server
import multiprocessing
import os
import threading

import pytest

from argand.vision.datasets import MNIST
from argand.vision.datasets.download import checksum, decompress, download


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.files`; a `str` as content is an order to misbehave."""

    def do_GET(self):
        self.server.requests.append(self.path)
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        broken = content == "break off"
        content = b"half" if broken else content
        self.send_header("Content-Length", str(len(content) * (1 + broken)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.files, server.requests = {}, []
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=functools.partial(server.serve_forever, 0.01))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def md5(content):
    return hashlib.md5(content).hexdigest()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_fetched_once(server, tmp_path):
    server.files["/a"] = b"content"
    path = tmp_path / "a"
    for _ in range(2):
        download([f"{server.url}/a"], path, md5(b"content"))
        assert path.read_bytes() == b"content"
    assert server.requests == ["/a"]
    assert names(tmp_path) == ["a"]


def test_a_damaged_file_is_fetched_anew(server, tmp_path):
    server.files["/a"] = b"content"
    path = tmp_path / "a"
    path.write_bytes(b"cont")
    download([f"{server.url}/a"], path, md5(b"content"))
    assert path.read_bytes() == b"content"


def test_the_next_mirror_is_tried(server, tmp_path):
    server.files.update({"/damaged": b"c0ntent", "/short": "break off", "/good": b"content"})
    urls = [f"{server.url}/{name}" for name in ("missing", "damaged", "short", "good")]
    download(urls, tmp_path / "a", md5(b"content"))
    assert (tmp_path / "a").read_bytes() == b"content"
    assert len(server.requests) == 4
    assert names(tmp_path) == ["a"]


def test_every_failure_is_named_and_nothing_left(server, tmp_path):
    server.files.update({"/damaged": b"c0ntent", "/short": "break off"})
    urls = [f"{server.url}/{name}" for name in ("missing", "damaged", "short")]
    with pytest.raises(RuntimeError) as caught:
        download([*urls, "http://127.0.0.1:1/closed"], tmp_path / "a", md5(b"content"))
    text = str(caught.value)
    assert "404" in text
    assert f"must be {md5(b'content')}, but got {md5(b'c0ntent')}" in text
    for url in urls:
        assert url in text
    assert "/closed" in text
    assert names(tmp_path) == []


def test_a_failed_download_keeps_what_was_there(server, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError):
        download([f"{server.url}/missing"], path, md5(b"content"))
    assert path.read_bytes() == b"old"


def test_decompressing_a_damaged_file_leaves_nothing(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(b"no gzip")
    with pytest.raises(OSError, match="gzip"):
        decompress(path)
    assert names(tmp_path) == ["a.gz"]


def test_checksum(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    assert checksum(tmp_path / "a") == md5(b"x" * 3_000_000)


@pytest.fixture
def mnist_server(server, mnist_files, monkeypatch):
    server.files.update({f"/good/{name}": data for name, data in mnist_files.packed.items()})
    monkeypatch.setattr(MNIST, "mirrors", [f"{server.url}/bad/", f"{server.url}/good/"])
    monkeypatch.setattr(MNIST, "resources", mnist_files.resources())
    return server


def test_mnist_is_downloaded_once(mnist_server, mnist_files, tmp_path):
    for _ in range(2):
        dataset = MNIST(tmp_path, download=True)
        assert dataset.data.numpy().tobytes() == mnist_files.arrays["train"][0].tobytes()
    assert len(mnist_server.requests) == 8
    everything = sorted([*mnist_files.packed, *mnist_files.content])
    assert names(tmp_path / "MNIST" / "raw") == everything


def test_only_what_is_missing_is_downloaded(mnist_server, mnist_files, tmp_path):
    MNIST(tmp_path, download=True)
    folder = tmp_path / "MNIST" / "raw"
    for name in list(mnist_files.packed)[:2]:
        (folder / name).unlink()
        (folder / name.removesuffix(".gz")).unlink()
    mnist_server.requests.clear()
    MNIST(tmp_path, download=True)
    assert len(mnist_server.requests) == 4


def test_a_broken_download_does_not_count(mnist_server, mnist_files, tmp_path):
    last = list(mnist_files.packed)[-1]
    mnist_server.files[f"/good/{last}"] = "break off"
    with pytest.raises(RuntimeError, match=last):
        MNIST(tmp_path, download=True)
    with pytest.raises(RuntimeError, match="download=True"):
        MNIST(tmp_path)
    mnist_server.files[f"/good/{last}"] = mnist_files.packed[last]
    assert len(MNIST(tmp_path, download=True)) == 40


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_two_processes_may_download_at_once(mnist_server, mnist_files, tmp_path):
    context = multiprocessing.get_context("fork")
    both = [
        context.Process(target=MNIST, args=(tmp_path,), kwargs={"download": True}) for _ in range(2)
    ]
    for process in both:
        process.start()
    for process in both:
        process.join()
        assert process.exitcode == 0
    assert len(MNIST(tmp_path)) == 40
    assert len(names(tmp_path / "MNIST" / "raw")) == 8
