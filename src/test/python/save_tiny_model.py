"""Saves a small Qwen3 with real weights in two shards and a tokenizer of words: save_tiny_model.py DIRECTORY"""

import sys

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

directory = sys.argv[1]
words = ["<unk>", "<s>", "</s>", "the", "quick", "brown", "fox", "jumps", "over", "lazy", "dog"]
tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="<unk>"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
PreTrainedTokenizerFast(
    tokenizer_object=tokenizer, unk_token="<unk>", bos_token="<s>", eos_token="</s>"
).save_pretrained(directory)
config = Qwen3Config(
    vocab_size=64,
    hidden_size=64,
    intermediate_size=128,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=1,
    head_dim=32,
    max_position_embeddings=512,
    bos_token_id=1,
    eos_token_id=2,
)
Qwen3ForCausalLM(config).save_pretrained(directory, max_shard_size="100KB")
