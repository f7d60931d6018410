"""Drives a vLLM server that `watch` has started and holds the session against the server's own metrics:
drive_watched_vllm.py PORT SESSION COUNTS MODEL. COUNTS is what counted_by_hand.py writes."""

import json
import os
import re
import sys
import threading
import time
import urllib.error
import urllib.request

port, session, counts, model = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
ADDRESS = f"http://127.0.0.1:{port}"
LIMIT_SECONDS = 480
REQUESTS = 24


def until(condition, what):
    deadline = time.monotonic() + LIMIT_SECONDS
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def get(path):
    with urllib.request.urlopen(ADDRESS + path, timeout=LIMIT_SECONDS) as answer:
        return answer.read().decode()


def complete(number, tokens=90):
    # Every third one begins as the first does, so that there is a prefix to be found.
    start = 0 if number % 3 == 0 else number * 13
    prompt = [(start + position) % 500 for position in range(70 + number % 5)]
    body = {"model": model, "prompt": prompt, "max_tokens": tokens, "ignore_eos": True, "temperature": 0}
    request = urllib.request.Request(
        ADDRESS + "/v1/completions", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=LIMIT_SECONDS) as answer:
        assert json.load(answer)["usage"]["completion_tokens"] == tokens


def events():
    found = []
    directory = os.path.join(session, "events")
    for name in sorted(os.listdir(directory)):
        with open(os.path.join(directory, name), encoding="utf-8") as file:
            for line in file:
                if line.endswith("\n"):
                    event = json.loads(line)
                    if not event.get("repeated"):
                        found.append(event)
    return found


def of(kind, found):
    return [event for event in found if event["event"] == kind]


def metric(text, name):
    return sum(float(value) for value in re.findall(rf"^vllm:{name}(?:{{[^}}]*}})? (\S+)$", text, re.M))


def scraped():
    text = get("/metrics")
    return {
        "usage": round(metric(text, "kv_cache_usage_perc"), 6),
        "queries": metric(text, "prefix_cache_queries_total"),
        "hits": metric(text, "prefix_cache_hits_total"),
        "running": metric(text, "num_requests_running"),
        "waiting": metric(text, "num_requests_waiting"),
    }


def as_scraped(steps):
    """What the metrics are after each step, by the probe's own account."""
    queries = hits = 0
    for step in steps:
        queries += step["prefix_query_tokens"]
        hits += step["prefix_hit_tokens"]
        yield {
            "usage": round(step["kv_used_blocks"] / step["kv_total_blocks"], 6),
            "queries": queries,
            "hits": hits,
            "running": step["running"],
            "waiting": step["waiting"],
        }


def every_scrape_equals_a_step(scrapes, steps):
    """Each is what the probe saw after some step, no earlier a step than the scrape before."""
    states = list(as_scraped(steps))
    position = 0
    for number, scrape in enumerate(scrapes):
        ahead = [index for index in range(position, len(states)) if states[index] == scrape]
        assert ahead, (
            f"scrape {number} {scrape} is no step's; the nearest: {states[max(0, position - 1) : position + 3]}"
        )
        position = ahead[0]


def under_load():
    scrapes = []
    done = threading.Event()

    def scrape():
        while not done.is_set():
            scrapes.append(scraped())
            time.sleep(0.01)

    # The first step makes the metrics what the probe says; before it they are all zero.
    complete(0, 4)
    scraper = threading.Thread(target=scrape)
    scraper.start()
    threads = [threading.Thread(target=complete, args=(number,)) for number in range(REQUESTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    scraper.join()
    return scrapes


def by_hand():
    found = {}
    for name in os.listdir(counts):
        with open(os.path.join(counts, name), encoding="utf-8") as file:
            for word in file.read().split():
                found[word] = found.get(word, 0) + 1
    return found


def settled():
    """The events, once all requests are told as finished and the last step is written."""
    ended = [event for event in of("request", events()) if event["state"] == "finished"]
    return len(ended) == REQUESTS + 1 and of("step", events())[-1]["running"] == 0


def the_load_is_accounted_for():
    scrapes = under_load()
    until(settled, "requests are not told as finished")
    found = until(everything, "what is recorded is not what was counted by hand")
    hand = by_hand()
    steps, forwards, evictions = of("step", found), of("forward", found), of("evict", found)
    every_scrape_equals_a_step([*scrapes, scraped()], steps)
    assert len(scrapes) > 3, scrapes
    assert len(evictions) == hand["evicted"] > 0, (len(evictions), hand)
    assert sum(step["evicted"] for step in steps) == len(evictions)
    assert all(event["lifetime_ns"] >= event["idle_ns"] >= 0 for event in evictions)
    preempted = of("preempt", found)
    assert len(preempted) == hand["preempted"] > 0, (len(preempted), hand)
    # vLLM counts a preemption once the request has its next output: all of them only in the end.
    assert len(preempted) == metric(get("/metrics"), "num_preemptions_total")
    assert all(event["cause"] == "kv_cache_full" and event["by"] for event in preempted)
    assert len(forwards) == hand["forward"] == sum(step_tokens(step) > 0 for step in steps), (len(forwards), hand)
    assert sum(map(step_tokens, steps)) == sum(event["tokens"] for event in forwards)
    for part in ("prefill_tokens", "decode_tokens", "prefill_requests", "decode_requests"):
        seen = sum(step[part] for step in steps), sum(event[part] for event in forwards)
        assert seen[0] == seen[1], (part, seen)
    assert {event["eager_reason"] for event in forwards} == {"enforce_eager"}
    lifecycles(of("request", found))
    everybody_said_hello(found)
    print(
        f"{len(scrapes) + 1} scrapes, {len(steps)} steps, {len(evictions)} evictions, {len(preempted)} preemptions,"
        f" {len(forwards)} forwards, hits {sum(step['prefix_hit_tokens'] for step in steps)}"
    )


def everything():
    """The events, once the processes' files have all that was counted by hand, which they do at their own pace."""
    found, hand = events(), by_hand()
    steps = sum(step_tokens(step) > 0 for step in of("step", found))
    written = len(of("forward", found)), steps, len(of("evict", found)), len(of("preempt", found))
    return found if written == (hand["forward"], hand["forward"], hand["evicted"], hand["preempted"]) else None


def step_tokens(step):
    return step["prefill_tokens"] + step["decode_tokens"]


def lifecycles(requests):
    by_name = {}
    for event in sorted(requests, key=lambda event: event["t"]):
        by_name.setdefault(event["request"], []).append(event)
    assert len(by_name) == REQUESTS + 1
    for name, states in by_name.items():
        names = [event["state"] for event in states]
        assert names[:2] == ["queued", "scheduled"] and names[-1] == "finished", (name, names)
        assert names.count("first_token") == 1, (name, names)
        middle = [state for state in names[2:-1] if state != "first_token"]
        assert middle == ["preempted", "resumed"] * (len(middle) // 2), (name, names)
        assert states[-1]["reason"] == "length" and states[-1]["output_tokens"] in (4, 90), states[-1]


def everybody_said_hello(found):
    hellos = of("hello", found)
    assert all(not hello["hooks_missing"] for hello in hellos), hellos
    assert len(of("engine", found)) == 1 and len(of("worker", found)) == 1
    engine = of("engine", found)[0]
    assert engine["kv_total_blocks"] == 19 and engine["block_size"] == 32 and engine["layers"] == 2, engine
    assert engine["kv_heads"] == 2 and engine["head_dim"] == 32 and engine["kv_bytes_per_element"] == 4, engine
    slowest = [event["fields"] for event in of("user", found) if event["name"] == "slowest allocation"]
    assert slowest and all(fields["duration_ns"] > 0 for fields in slowest), "the documented hook saw nothing"
    assert not of("problem", found) and not of("dropped", found), of("problem", found)


def switched_off_nothing_is_recorded():
    control("off")
    before = len(of("step", events()))
    complete(1, 5)
    control("on")
    between = events()
    assert len(of("step", between)) == before, "a step was recorded while the hooks were off"
    complete(2, 5)
    until(lambda: len(of("step", events())) >= before + 5, "nothing is recorded after switching on")


def control(word):
    with open(os.path.join(session, "control"), "w", encoding="utf-8") as file:
        file.write(word)
    writing = {hello["pid"] for hello in of("hello", events())}

    def heard():
        switches = of("switch", events())
        return sum(event["on"] == (word == "on") for event in switches) >= len(writing) - 1

    until(heard, f"not every process was switched {word}")


if __name__ == "__main__":

    def up():
        try:
            get("/health")
            return True
        except (urllib.error.URLError, OSError):
            return False

    until(up, "the server is not up")
    the_load_is_accounted_for()
    switched_off_nothing_is_recorded()
