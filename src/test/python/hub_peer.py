"""Does with huggingface_hub and Transformers what a line of JSON asks for, and answers in one; imports once."""

import json
import sys
import threading

import torch
from huggingface_hub import scan_cache_dir, snapshot_download
from huggingface_hub.utils import WeakFileLock
from tokenizers import Tokenizer, models
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

held = {}


def checksum(model):
    return float(sum(parameter.double().sum() for parameter in model.parameters()))


def save(directory):
    torch.manual_seed(1)
    small = LlamaConfig(vocab_size=64, hidden_size=64, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4)
    model = LlamaForCausalLM(small)
    model.save_pretrained(directory, max_shard_size="100KB")
    words = Tokenizer(models.WordLevel({"hello": 0, "world": 1, "?": 2}, unk_token="?"))
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="?").save_pretrained(directory)
    return checksum(model)


def load(name, **options):
    AutoConfig.from_pretrained(name, **options)
    tokens = AutoTokenizer.from_pretrained(name, **options)("hello")["input_ids"]
    return [checksum(AutoModelForCausalLM.from_pretrained(name, dtype="float32", **options)), tokens]


def scan(cache):
    info = scan_cache_dir(cache)
    return [[repo.repo_id for repo in info.repos], [str(warning) for warning in info.warnings]]


def hold(path, seconds):
    taken = threading.Event()

    def keep():
        with WeakFileLock(path):
            taken.set()
            threading.Event().wait(seconds)

    threading.Thread(target=keep).start()
    taken.wait()
    return True


def can_lock(path):
    try:
        with WeakFileLock(path, timeout=0.2):
            return True
    except Exception as error:
        return type(error).__name__


functions = {
    "save": save,
    "load": load,
    "scan": scan,
    "hold": hold,
    "can_lock": can_lock,
    "snapshot": snapshot_download,
}
print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    name, arguments, options = json.loads(line)
    try:
        print(json.dumps(functions[name](*arguments, **options)), flush=True)
    except BaseException as error:
        print(json.dumps(f"{type(error).__name__}: {error}"), flush=True)
