"""Tests of fetching and opening archives; pip is replaced, so no test needs a network."""

import gzip
import hashlib
import io
import subprocess
import tarfile

import pytest

from mrg_r1_lib.corpora import archive

WHEEL = b"a wheel"
SHA256 = hashlib.sha256(WHEEL).hexdigest()


def tar_gz(*members: tuple[str, bytes], **fields) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as file:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            for field, value in fields.items():
                setattr(member, field, value)
            file.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


class Pip:
    """Stands for `subprocess.run`: writes `data` to --dest as pip would, or fails with `said`."""

    def __init__(self, name: str, data: bytes | None = None, said: str = "") -> None:
        self.name, self.data, self.said, self.calls = name, data, said, []

    def __call__(self, command: list[str], **_) -> subprocess.CompletedProcess:
        self.calls.append(command)
        if self.data is not None:
            folder = command[command.index("--dest") + 1]
            with open(f"{folder}/{self.name}", "wb") as file:
                file.write(self.data)
        return subprocess.CompletedProcess(command, int(self.data is None), "", self.said)


def test_a_wheel_is_fetched_once_by_download_and_never_installed(tmp_path, monkeypatch):
    wheel, pip = tmp_path / "data" / "thing-1.whl", Pip("thing-1.whl", WHEEL)
    monkeypatch.setattr(subprocess, "run", pip)
    assert archive.fetch_wheel("thing==1", wheel, SHA256) is True
    assert archive.fetch_wheel("thing==1", wheel, SHA256) is False
    assert wheel.read_bytes() == WHEEL
    assert [path.name for path in wheel.parent.iterdir()] == ["thing-1.whl"]
    ((_, *command),) = pip.calls
    assert command[:3] == ["-m", "pip", "download"]
    assert {"--no-deps", "--only-binary", "thing==1"} < set(command)


def test_a_wheel_of_another_digest_never_takes_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "run", Pip("thing-1.whl", b"another"))
    with pytest.raises(
        ValueError, match=rf"thing-1\.whl: its SHA-256 is \w+, expected {SHA256}.*thrown away"
    ):
        archive.fetch_wheel("thing==1", tmp_path / "thing-1.whl", SHA256)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_wheel_in_place_is_named_and_kept(tmp_path, monkeypatch):
    (tmp_path / "thing-1.whl").write_bytes(WHEEL[:-1])
    monkeypatch.setattr(subprocess, "run", Pip("thing-1.whl", WHEEL))
    with pytest.raises(
        ValueError, match=r"expected .*damaged or another file: delete .* and fetch again"
    ):
        archive.fetch_wheel("thing==1", tmp_path / "thing-1.whl", SHA256)
    assert (tmp_path / "thing-1.whl").exists()


def test_offline_the_error_gives_pips_last_word_and_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(
        subprocess,
        "run",
        Pip("thing-1.whl", said="WARNING: retrying\nERROR: no matching distribution\n"),
    )
    with pytest.raises(
        RuntimeError, match=r"fetch thing==1 \(exit 1: ERROR: no matching.*Try again with a network"
    ):
        archive.fetch_wheel("thing==1", tmp_path / "thing-1.whl", SHA256)
    assert list(tmp_path.iterdir()) == []


def test_the_files_of_an_archive_are_read_with_their_paths():
    assert archive.read_tar_gz(tar_gz(("a/1.xml", b"one"), ("a/2.xml", b"")), "t") == [
        ("a/1.xml", b"one"),
        ("a/2.xml", b""),
    ]


@pytest.mark.parametrize("name", ["../1.xml", "/1.xml", "a/../../1.xml", "..\\1.xml"])
def test_a_member_that_climbs_out_refuses_the_archive(name):
    with pytest.raises(ValueError, match=r"reports\.tgz: member .* climbs out of the archive"):
        archive.read_tar_gz(tar_gz(("good.xml", b"x"), (name, b"x")), "reports.tgz")


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_a_link_or_device_refuses_the_archive(kind):
    with pytest.raises(ValueError, match=r"'1\.xml' is a link or device"):
        archive.read_tar_gz(
            tar_gz(("1.xml", b""), type=kind, linkname="/etc/hostname"), "reports.tgz"
        )


def test_a_member_or_an_archive_above_its_limit_is_refused():
    data = tar_gz(("1.xml", b"x" * 2000))
    with pytest.raises(ValueError, match=r"'1\.xml' has 2000 bytes, expected at most 1999"):
        archive.read_tar_gz(data, "reports.tgz", member_limit=1999)
    with pytest.raises(ValueError, match=r"reports\.tgz: unpacks to more than 5000 bytes"):
        archive.read_tar_gz(data, "reports.tgz", total_limit=5000)


def test_a_truncated_archive_is_named_wherever_it_was_cut():
    data = tar_gz(("1.xml", bytes(range(256)) * 40))
    inner = gzip.compress(gzip.decompress(data)[:5000])  # a whole gzip around half a tar
    for broken in (data[:5], data[: len(data) // 2], data[:-4], inner, b"no archive"):
        with pytest.raises(ValueError, match=r"reports\.tgz: is truncated or damaged"):
            archive.read_tar_gz(broken, "reports.tgz")
