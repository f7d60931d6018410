"""Counts tokens as a server of the model does. A line of JSON in, a line of JSON out.

In: {"texts": [...]} or {"chats": [...]}, a chat being one message of a user. Out, after a mark that no library
prints: {"counts": [...]} or {"error": "..."}. First of all comes {"ready": true} or why it can't be.
"""

import json
import sys

MARK = "kerneltracer-tokens:"


def answer(content):
    sys.__stdout__.write(MARK + json.dumps(content) + "\n")
    sys.__stdout__.flush()


def reason(e):
    return "%s: %s" % (type(e).__name__, str(e).strip().split("\n")[0].rstrip(": "))


def main():
    # What libraries print must not stand among the answers.
    sys.stdout = sys.stderr
    try:
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(sys.argv[1], trust_remote_code=sys.argv[2] == "True")
    except Exception as e:
        answer({"error": reason(e)})
        return
    answer({"ready": True})
    for line in sys.stdin:
        try:
            asked = json.loads(line)
            if "texts" in asked:
                counts = [len(ids) for ids in tokenizer(asked["texts"])["input_ids"]]
            else:
                counts = [
                    len(
                        tokenizer(
                            tokenizer.apply_chat_template(
                                [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
                            ),
                            add_special_tokens=False,
                        )["input_ids"]
                    )
                    for text in asked["chats"]
                ]
            answer({"counts": counts})
        except Exception as e:
            answer({"error": reason(e)})


main()
