"""Published base models: found in a folder or at the hub, loaded with their image budget, and adopted as a pretrained policy.

Nothing here touches a run whose policy is made by this library (`sources.py` leaves it out there).
"""

from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError
from transformers import GenerationConfig

from mrg_r1_lib.policies.load_save import Policy, load_policy, require_known
from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.storage.paths import data_root

FILES = [
    "*.json",
    "*.jinja",
    "*.model",
    "*.safetensors",
    "*.txt",
]  # of a repository: no code, no weights in other formats
# LLaVA 1.5's, with the tokens that begin a conversation and end an answer. The published one has neither: SFT would never teach
# to stop, and would read prompts that begin otherwise than the ones that SRL and generation ask with
LLAVA_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ message['role'].upper() }}: "
    "{% for part in message['content'] if part['type'] == 'image' %}<image>\n{% endfor %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] }}{% endfor %}"
    "{{ eos_token if message['role'] == 'assistant' else ' ' }}{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


def find_published(name: str) -> tuple[Path, str]:
    """The folder of a published base model and what it is: the commit that its revision resolved to, or "folder".

    Looked for in `models/<name>` of the data folder, in the folder that the registry names, then at the hub, which is asked for
    nothing that it gave before. RuntimeError if the hub wants its terms accepted first; FileNotFoundError if it cannot be had.
    """
    base = require_known(name)
    placed = data_root() / "models" / name
    for folder in (placed, Path(base.hub)):
        if folder.is_dir():
            return folder, "folder"
    try:
        folder = Path(snapshot_download(base.hub, revision=base.revision, allow_patterns=FILES))
    except GatedRepoError:
        raise RuntimeError(
            f"{base.hub} is gated ({base.access}): accept its terms at https://huggingface.co/{base.hub}, run `hf auth login`, "
            f"then this command again."
        ) from None
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise FileNotFoundError(
            f"{name}: {base.hub} could not be downloaded ({type(error).__name__}). With a network run this command again; "
            f"without one fetch it elsewhere (hf download {base.hub}) and put its files into {placed}."
        ) from None
    return folder, folder.name  # the hub's cache names a snapshot by its commit


def load_published(name: str) -> tuple[Policy, str]:
    """A base model as it was published, and what it is (`find_published`). Code of others never runs.

    Set here: its image budget; LLaVA's template; and that nothing but the policy chooses words. What a publisher says of
    generation (Qwen2.5-VL: a repetition penalty of 1.05) would otherwise hold where reports are written, and not in SRL.
    """
    folder, commit = find_published(name)
    model, processor = load_policy(folder)
    base, told = POLICIES[name], model.generation_config
    if base.pixels:
        processor.image_processor.size = {
            "shortest_edge": base.pixels[0],
            "longest_edge": base.pixels[1],
        }
    if base.model_type == "llava":
        processor.chat_template = LLAVA_TEMPLATE
    ends = {
        "bos_token_id": told.bos_token_id,
        "eos_token_id": told.eos_token_id,
        "pad_token_id": told.pad_token_id,
    }
    model.generation_config = GenerationConfig(**ends)
    return (model, processor), commit
