"""Fetching weights from a server in this process: whole, interrupted, continued, wrong, absent."""

import dataclasses
import hashlib
import http.server
import io
import json
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest

from mrcnn import download

GOLDEN = Path(__file__).parents[1] / "golden"


def hdf5_bytes(shape=(100, 100)):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["conv1/conv1_W_1:0"] = np.ones(shape)
    return buffer.getvalue()


@pytest.fixture
def server():
    """A server of one file; set `.content`, `.cut_after` (bytes) and `.ranges` (supported?)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            start = int(self.headers.get("Range", "bytes=0-")[6:-1]) if running.ranges else 0
            running.starts.append(start)
            if start >= len(running.content):
                self.send_error(416)
                return
            body = running.content[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:running.cut_after])

        def log_message(self, *args):
            pass

    running = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    running.content, running.cut_after, running.ranges = hdf5_bytes(), None, True
    running.starts = []
    running.source = download.Published(
        f"http://127.0.0.1:{running.server_port}/weights.h5", "resnet50", None, "ones",
        {("conv1", "kernel"): (100, 100)})
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


def test_a_whole_file_arrives_under_its_name(server, tmp_path):
    md5 = hashlib.md5(server.content).hexdigest()
    source = dataclasses.replace(server.source, md5=md5)
    path = download.fetch(source, str(tmp_path / "new" / "weights.h5"))
    assert path.read_bytes() == server.content
    assert [file.name for file in path.parent.iterdir()] == ["weights.h5"]


@pytest.mark.parametrize("ranges", [True, False])
def test_an_interrupted_download_is_continued(server, tmp_path, ranges):
    path = tmp_path / "weights.h5"
    server.cut_after = 5000
    with pytest.raises(ConnectionError, match="weights.h5"):
        download.fetch(server.source, path)
    assert not path.exists() and (tmp_path / "weights.h5.part").stat().st_size == 5000
    server.cut_after, server.ranges = None, ranges
    download.fetch(server.source, path)
    assert path.read_bytes() == server.content
    assert server.starts == [0, 5000 if ranges else 0]


def test_a_complete_part_is_only_renamed(server, tmp_path):
    (tmp_path / "weights.h5.part").write_bytes(server.content)
    download.fetch(server.source, tmp_path / "weights.h5")
    assert (tmp_path / "weights.h5").read_bytes() == server.content


@pytest.mark.parametrize("content, md5, word", [
    (b"<html>Please log in</html>", None, "web page"),
    (hdf5_bytes()[:-100], None, "truncated"),
    (hdf5_bytes((3, 3)), None, r"conv1/kernel should be \(100, 100\) and is \(3, 3\)"),
    (hdf5_bytes(), "0" * 32, "MD5"),
])
def test_a_wrong_file_is_refused_and_removed(server, tmp_path, content, md5, word):
    server.content = content
    with pytest.raises(ValueError, match=word):
        download.fetch(dataclasses.replace(server.source, md5=md5), tmp_path / "weights.h5")
    assert list(tmp_path.iterdir()) == []


def test_offline_says_which_file_to_put_where(server, tmp_path):
    server.shutdown()
    server.server_close()
    with pytest.raises(OSError, match="weights.h5.*put it at") as error:
        download.fetch(server.source, tmp_path / "weights.h5")
    assert str(tmp_path / "weights.h5") in str(error.value)


def test_a_file_that_is_there_is_not_fetched(tmp_path):
    path = tmp_path / download.PUBLISHED["coco"].filename
    path.write_bytes(b"put here by hand")
    assert download.published_weights("coco", tmp_path) == path


def test_published_files_come_over_https():
    assert all(source.url.startswith("https://") for source in download.PUBLISHED.values())


@pytest.mark.parametrize("name, layout", [("coco", "resnet101_coco81"), ("imagenet", "resnet50")])
def test_the_published_files_are_told_by_layers_that_they_have(name, layout):
    groups = json.loads((GOLDEN / f"layout_{layout}.json").read_text(encoding="utf-8"))["groups"]
    shapes = {tuple(weight[:-2].split("/")): tuple(shape)
              for group in groups.values() for weight, shape in group.items()}
    source = download.PUBLISHED[name]
    assert source.tensors.items() <= shapes.items()


def test_the_bar_can_be_left_out(server, tmp_path, capsys):
    download.fetch(server.source, tmp_path / "quiet.h5", progress=False)
    assert capsys.readouterr().err == ""
    download.fetch(server.source, tmp_path / "bar.h5")
    assert "bar.h5" in capsys.readouterr().err
