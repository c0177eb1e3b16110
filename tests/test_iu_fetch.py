"""Open-i's archive of images, fetched from a server on this machine and unpacked."""

import io
import shutil
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
import trees
from test_corpora_archive import tar_gz

from mrg_r1_lib.corpora import download, iu_fetch, load_corpus
from mrg_r1_lib.corpora.download import download as fetch_file
from mrg_r1_lib.corpora.iu_fetch import fetch

STUDIES = 6
REPORTS = [(f"ecgen-radiology/{n}.xml", trees.xml_report(n).encode()) for n in range(1, 7)]


def png(seed):
    data = io.BytesIO()
    trees.picture(seed=seed).save(data, "PNG")
    return data.getvalue()


IMAGES = [
    (f"./CXR{n}_1_IM-{n:04}-{view}001.png", png(n))
    for n in range(1, STUDIES + 1)
    for view in (1, 2)
]
ARCHIVE = tar_gz(("./._CXR1.png", b"a Mac was here"), ("./read.me", b"?"), *IMAGES)


@pytest.fixture
def server(monkeypatch):
    """A server of one file: `cut` bytes per answer, `ranges` or none, `size` as it says."""
    monkeypatch.setattr(download, "PAUSE", 0.0)
    served = SimpleNamespace(data=ARCHIVE, cut=None, ranges=True, size=None, head=None, asked=[])

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200)
            size = len(served.data) if served.head is None else served.head
            self.send_header("Content-Length", str(size))
            self.end_headers()

        def do_GET(self):
            served.asked.append(self.headers["Range"])
            start = int(self.headers["Range"][6:-1]) if served.ranges else 0
            size = served.size or len(served.data)
            self.send_response(206 if served.ranges else 200)
            if served.ranges:
                self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
            self.send_header("Content-Length", str(size - start))
            self.end_headers()
            end = len(served.data) if served.cut is None else start + served.cut
            self.wfile.write(served.data[start:end])

        def log_message(self, *_):
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    served.url = f"http://127.0.0.1:{http.server_port}/collections/NLMCXR_png.tgz"
    yield served
    http.shutdown()
    http.server_close()


def names(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(".lock"))


def test_images_and_reports_are_fetched_once_and_load_as_a_corpus(tmp_path, server):
    assert fetch(tmp_path, REPORTS, server.url) is True
    assert names(tmp_path) == ["NLMCXR_png", "ecgen-radiology"]  # the archive is not kept
    assert names(tmp_path / "NLMCXR_png") == sorted(name[2:] for name, _ in IMAGES)
    studies = load_corpus("iu_xray", root=tmp_path, images="files")
    assert len(studies) == STUDIES and studies[0].images[0]().size == (96, 96)
    asked = len(server.asked)
    assert fetch(tmp_path, REPORTS, server.url) is False
    assert len(server.asked) == asked


def test_a_download_goes_on_where_the_connection_was_cut(tmp_path, server):
    server.cut = len(ARCHIVE) // 3
    fetch_file(server.url, tmp_path / "a.tgz")
    assert (tmp_path / "a.tgz").read_bytes() == ARCHIVE
    starts = [int(asked[6:-1]) for asked in server.asked]
    assert starts == [held for held in range(0, len(ARCHIVE), server.cut)]
    assert names(tmp_path) == ["a.tgz"]


def test_a_server_that_sends_no_more_is_named_and_the_next_call_continues(tmp_path, server):
    whole, server.data = ARCHIVE, ARCHIVE[:100]
    server.head = server.size = len(whole)
    with pytest.raises(RuntimeError, match=rf"100 of {len(whole)} bytes came.*goes on from there"):
        fetch_file(server.url, tmp_path / "a.tgz")
    assert len(server.asked) == 1 + download.TRIES and not (tmp_path / "a.tgz").exists()
    server.data = whole
    fetch_file(server.url, tmp_path / "a.tgz")
    assert (tmp_path / "a.tgz").read_bytes() == whole and server.asked[-1] == "bytes=100-"


def test_a_server_without_ranges_sends_the_whole_file_anew(tmp_path, server):
    partial = tmp_path / f"a.tgz.{len(ARCHIVE)}.partial"
    partial.write_bytes(b"the bytes of a call that was cut")
    server.ranges = False
    fetch_file(server.url, tmp_path / "a.tgz")
    assert (tmp_path / "a.tgz").read_bytes() == ARCHIVE


@pytest.mark.parametrize("ranges", [True, False])
def test_a_file_that_changes_its_size_is_refused(tmp_path, server, ranges):
    server.ranges, server.size = ranges, len(ARCHIVE) + 1
    with pytest.raises(RuntimeError, match=rf"sends .*{len(ARCHIVE) + 1}, expected .*has changed"):
        fetch_file(server.url, tmp_path / "a.tgz")
    assert not (tmp_path / "a.tgz").exists()


def test_a_server_that_names_no_size_is_refused(tmp_path, server):
    server.head = 0
    with pytest.raises(RuntimeError, match=r"names no size .*browser and put it at .*a\.tgz"):
        fetch_file(server.url, tmp_path / "a.tgz")


def test_without_room_nothing_is_fetched(tmp_path, server, monkeypatch):
    usage = SimpleNamespace(free=2 * len(ARCHIVE))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(RuntimeError, match=r"GiB free, .* GiB are needed.*MRG_R1_DATA="):
        fetch(tmp_path, REPORTS, server.url)
    assert not server.asked
    usage.free = 2.2 * len(ARCHIVE)
    assert fetch(tmp_path, REPORTS, server.url)


def test_without_room_an_archive_is_not_unpacked(tmp_path, server, monkeypatch):
    (tmp_path / "NLMCXR_png.tgz").write_bytes(ARCHIVE)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=len(ARCHIVE)))
    with pytest.raises(RuntimeError, match=r"GiB are needed"):
        fetch(tmp_path, REPORTS, server.url)
    assert names(tmp_path) == ["NLMCXR_png.tgz"]
    monkeypatch.undo()
    assert fetch(tmp_path, REPORTS, server.url)


def test_offline_an_archive_that_a_browser_fetched_is_unpacked(tmp_path):
    nowhere = "http://127.0.0.1:9/NLMCXR_png.tgz"
    (tmp_path / "NLMCXR_png (1).tgz").touch()
    expected = (
        r"could not be reached .*put it at .*NLMCXR_png\.tgz\. .* holds NLMCXR_png \(1\)\.tgz"
    )
    with pytest.raises(RuntimeError, match=expected):
        fetch(tmp_path, REPORTS, nowhere)
    (tmp_path / "NLMCXR_png.tgz").write_bytes(ARCHIVE)
    assert fetch(tmp_path, REPORTS, nowhere)
    assert len(names(tmp_path / "NLMCXR_png")) == 2 * STUDIES


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (tar_gz(*IMAGES[:-2]), r"NLMCXR_png\.tgz lacks 2 of the 12 images .* CXR6_1_IM-0006-1001"),
        (tar_gz(*IMAGES, ("../CXR9_1.png", b"x")), r"climbs out"),
        (tar_gz(*IMAGES, ("/CXR9_1.png", b"x")), r"climbs out"),
        (tar_gz(("CXR9_1.png", b""), type=tarfile.SYMTYPE, linkname="/etc"), r"link or device"),
        (tar_gz(*IMAGES, ("again/" + IMAGES[0][0][2:], b"x")), r"has two files CXR1_1_IM-0001-1"),
        (ARCHIVE[: len(ARCHIVE) // 2], r"truncated or damaged .* Delete it and run"),
        (b"<html>not found</html>", r"truncated or damaged"),
    ],
)
def test_a_wrong_archive_leaves_no_images_and_says_what_is_wrong(tmp_path, server, data, reason):
    server.data = data
    with pytest.raises(ValueError, match=reason):
        fetch(tmp_path / "iu_xray", REPORTS, server.url)
    assert names(tmp_path) == ["iu_xray"]
    assert names(tmp_path / "iu_xray") == ["NLMCXR_png.tgz"]


def test_images_that_a_user_unpacked_are_counted_and_never_replaced(tmp_path, server):
    fetch(tmp_path, REPORTS, server.url)
    lost = tmp_path / "NLMCXR_png" / IMAGES[3][0][2:]
    lost.unlink()
    with pytest.raises(ValueError, match=rf"lacks 1 of the 12 .*{lost.name}\. Move .* away"):
        fetch(tmp_path, REPORTS, server.url)
    assert len(server.asked) == 1


def test_a_folder_of_another_layout_is_left_alone(tmp_path, server):
    trees.r2gen(tmp_path, 2)
    with pytest.raises(ValueError, match=r"annotation\.json belongs to the layout r2gen"):
        fetch(tmp_path, REPORTS, server.url)
    assert not server.asked


def test_the_command_says_where_the_images_are(tmp_path, server, monkeypatch, capsys):
    monkeypatch.setenv("MRG_R1_DATA", str(tmp_path))
    monkeypatch.setattr(iu_fetch, "published_reports", lambda: REPORTS)
    monkeypatch.setattr(sys, "argv", ["iu_fetch", "--url", server.url])
    iu_fetch.main(), iu_fetch.main()
    said = capsys.readouterr().out.splitlines()
    assert [line.split("(")[-1] for line in said] == ["fetched).", "already there)."]
    shutil.rmtree(tmp_path / "iu_xray")
    monkeypatch.setattr(sys, "argv", ["iu_fetch", "--url", "http://127.0.0.1:9/a.tgz"])
    with pytest.raises(SystemExit) as stopped:
        iu_fetch.main()
    assert stopped.value.code == 1 and "could not be reached" in capsys.readouterr().err
    (tmp_path / "iu_xray" / "a.tgz").mkdir(parents=True)  # what cannot be opened is one line, too
    with pytest.raises(SystemExit) as stopped:
        iu_fetch.main()
    assert stopped.value.code == 1 and "Is a directory" in capsys.readouterr().err


def test_the_published_reports_list_the_published_number_of_images(indiana):
    reports = iu_fetch.published_reports()
    listed = sum(xml.count(b"<parentImage id=") for _, xml in reports)
    assert (len(reports), listed) == (3955, 7470)
