"""Saves the configuration of a small Qwen3, without weights, and a BPE tokenizer with a chat template that is trained
on a text of its own: save_bpe_model.py DIRECTORY"""

import json
import os
import sys

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

TEXT = """The server answers requests as they come. Each request has a prompt and asks for some tokens. A
prompt may hold context that was found elsewhere, and a question about it. Some requests are short,
others are long; some ask for code, such as def add(a, b): return a + b. What the engine does in one
step is a batch of prompts and of sequences that go on."""
TEMPLATE = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}<|assistant|>"

directory = sys.argv[1]
os.makedirs(directory, exist_ok=True)
tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
trainer = trainers.BpeTrainer(
    vocab_size=512,
    special_tokens=["<|end|>", "<|user|>", "<|system|>", "<|assistant|>"],
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
)
tokenizer.train_from_iterator(TEXT.splitlines() * 20, trainer)
tokenizer.save(os.path.join(directory, "tokenizer.json"))


def write(name, value):
    with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)


write(
    "tokenizer_config.json",
    {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|end|>", "chat_template": TEMPLATE},
)
write(
    "config.json",
    {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "vocab_size": 512,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 32,
        "max_position_embeddings": 8192,
        "eos_token_id": 0,
        "dtype": "float32",
    },
)
