"""Published base models, loaded as policies; `hub_files.py` finds their files.

`training/pretrain.py` adopts one as a run's pretrained policy. Policies made by this library never
pass here.
"""

from transformers import GenerationConfig

from mrg_r1_lib.policies.hub_files import find_published
from mrg_r1_lib.policies.load_save import Policy, load_policy
from mrg_r1_lib.policies.registry import POLICIES

# LLaVA 1.5's template with the tokens that begin a conversation and end an answer. The published
# template has neither. With it SFT would not teach the policy to stop, and the prompts of SFT would
# begin unlike the prompts of SRL and generation
LLAVA_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ message['role'].upper() }}: "
    "{% for part in message['content'] if part['type'] == 'image' %}<image>\n{% endfor %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] }}{% endfor %}"
    "{{ eos_token if message['role'] == 'assistant' else ' ' }}{% endfor %}"
    "{% if add_generation_prompt %}ASSISTANT:{% endif %}"
)


def load_published(name: str) -> tuple[Policy, str]:
    """A published base model, and its commit (`find_published`); its repository's code never runs.

    Set here: the image budget, LLaVA's template, and a generation config with the special tokens
    alone. A publisher's own config (Qwen2.5-VL: a repetition penalty of 1.05) would otherwise apply
    to evaluation, but not to SRL.
    """
    folder, commit = find_published(name)
    model, processor = load_policy(folder, "auto")
    base, published = POLICIES[name], model.generation_config
    if base.pixels:
        least, most = base.pixels
        processor.image_processor.size = {"shortest_edge": least, "longest_edge": most}
    if base.model_type == "idefics3":  # the whole image once, not beside 16 parts of it
        processor.image_processor.size = processor.image_processor.max_image_size
    if base.model_type == "llava":
        processor.chat_template = LLAVA_TEMPLATE
    model.generation_config = GenerationConfig(
        bos_token_id=published.bos_token_id,
        eos_token_id=published.eos_token_id,
        pad_token_id=published.pad_token_id,
    )
    return (model, processor), commit
