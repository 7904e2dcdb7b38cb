"""Makes a Hugging Face folder of a GGUF file of the llama architecture, which vLLM reads on a CPU: convert.py GGUF FOLDER"""

import json
import os
import sys

import gguf
import torch
from safetensors.torch import save_file
from transformers import AutoTokenizer

source, folder = sys.argv[1:3]
reader = gguf.GGUFReader(source)


def field(name, default=None):
    found = reader.fields.get(f"llama.{name}")
    return default if found is None else found.contents()


architecture = reader.fields["general.architecture"].contents()
if architecture != "llama":
    sys.exit(f"the architecture of {source} is {architecture}; llama alone can be converted")

heads = field("attention.head_count")
kv_heads = field("attention.head_count_kv", heads)
names = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
outer = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


def unpermuted(weights, count):
    """llama.cpp keeps the halves of a head's rotary pairs interleaved."""
    rows, columns = weights.shape
    return weights.reshape(count, rows // count // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


tensors = {}
for tensor in reader.tensors:
    weights = gguf.dequantize(tensor.data, tensor.tensor_type)
    parts = tensor.name.removesuffix(".weight").split(".")
    if parts[0] == "blk":
        kind = parts[2]
        if kind == "attn_q":
            weights = unpermuted(weights, heads)
        elif kind == "attn_k":
            weights = unpermuted(weights, kv_heads)
        name = f"model.layers.{parts[1]}.{names[kind]}.weight"
    elif parts[0] in outer:
        name = f"{outer[parts[0]]}.weight"
    else:
        continue
    tensors[name] = torch.from_numpy(weights.copy()).to(torch.bfloat16)

os.makedirs(folder, exist_ok=True)
tokenizer = AutoTokenizer.from_pretrained(os.path.dirname(source) or ".", gguf_file=os.path.basename(source))
tokenizer.save_pretrained(folder)
save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
layers = field("block_count")
config = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": field("embedding_length"),
    "intermediate_size": field("feed_forward_length"),
    "num_hidden_layers": layers,
    "num_attention_heads": heads,
    "num_key_value_heads": kv_heads,
    "max_position_embeddings": field("context_length"),
    "rms_norm_eps": float(field("attention.layer_norm_rms_epsilon")),
    "rope_theta": float(field("rope.freq_base", 10000.0)),
    "vocab_size": len(tokenizer),
    "tie_word_embeddings": "lm_head.weight" not in tensors,
    "hidden_act": "silu",
    "torch_dtype": "bfloat16",
    "bos_token_id": tokenizer.bos_token_id,
    "eos_token_id": tokenizer.eos_token_id,
}
with open(os.path.join(folder, "config.json"), "w") as file:
    json.dump(config, file, indent=2)
