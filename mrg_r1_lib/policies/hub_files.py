"""The files of a published model: a whole policy, or the vision tower of one that is made here."""

from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError

from mrg_r1_lib.policies.registry import require_known
from mrg_r1_lib.storage.paths import data_root

# files of a repository to download: no code, no weights in other formats or for other programs
FILES = ["*.json", "*.jinja", "*.model", "model*.safetensors", "*.txt"]


def find_published(name: str) -> tuple[Path, str]:
    """The folder of what a base model takes from the hub, and its commit (or "folder").

    Places: `models/<name>` in the data folder, the folder that the registry names, then the hub,
    whose files are cached. RuntimeError if the hub wants its terms accepted first;
    FileNotFoundError if the model cannot be found.
    """
    base = require_known(name)
    placed = data_root() / "models" / name
    for folder in (placed, Path(base.published)):
        if folder.is_dir():
            return folder, "folder"
    try:
        folder = Path(
            snapshot_download(base.published, revision=base.revision, allow_patterns=FILES)
        )
    except GatedRepoError:
        raise RuntimeError(
            f"{base.published} is gated ({base.access}): accept its terms at "
            f"https://huggingface.co/{base.published}, run `hf auth login`, then this command "
            "again."
        ) from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise FileNotFoundError(
            f"{name}: {base.published} could not be downloaded ({type(error).__name__}). "
            "With a network run this command again; without one fetch it elsewhere "
            f"(hf download {base.published}) and put its files into {placed}."
        ) from None
    return folder, folder.name  # the hub's cache names a snapshot by its commit
