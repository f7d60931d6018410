"""Saves a small Llama with real weights and a word tokenizer, as save_pretrained() lays them out."""

import sys

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

words = {word: number for number, word in enumerate(["<unk>", *"abcdefghijklmnopqrstuvwxyz"])}
tokenizer = Tokenizer(WordLevel(words, unk_token="<unk>"))
tokenizer.pre_tokenizer = Whitespace()
PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>").save_pretrained(sys.argv[1])
config = LlamaConfig(
    vocab_size=len(words), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4
)
LlamaForCausalLM(config).save_pretrained(sys.argv[1])
