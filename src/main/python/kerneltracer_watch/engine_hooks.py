"""What the engine's core tells: steps of the scheduler, the KV cache's blocks, and requests from queue to end."""

import collections
import os
import sys

from kerneltracer_watch import session
from kerneltracer_watch.hooks import Hook
from kerneltracer_watch.probe import PROBE, now_ns

SCHEDULER = "vllm.v1.core.sched.scheduler"
BLOCK_POOL = "vllm.v1.core.block_pool"
CACHE_MANAGER = "vllm.v1.core.kv_cache_manager"


class Blocks:
    """When each block was allocated and last used; the counts since the last step."""

    def __init__(self):
        self.born, self.used = {}, {}
        self.allocated = self.freed = self.evicted = 0

    def take(self):
        counts = self.allocated, self.freed, self.evicted
        self.allocated = self.freed = self.evicted = 0
        return counts


class Requests:
    """`prefilling`: by id, up to where a request's tokens have yet to be computed (again); `awaiting` a first token."""

    def __init__(self):
        self.prefilling, self.awaiting, self.preempted, self.scheduled_at = {}, {}, {}, {}
        self.preemptions = self.finished = 0

    def take(self):
        counts = self.preemptions, self.finished
        self.preemptions = self.finished = 0
        return counts


class Engine:
    """What is known of this process's engine. One engine is followed: the last that was made."""

    def __init__(self):
        self.reset()

    def reset(self):
        self.blocks, self.requests = Blocks(), Requests()
        self.steps = collections.deque(maxlen=64)
        self.ended_at = None
        self.prefix_queries = self.prefix_hits = 0
        self.step_number = 0
        self.sampled_at = 0
        self.cause = "other"


ENGINE = Engine()
PROBE.on_switch.append(ENGINE.reset)


def hooks(track):
    found = [Hook("engine", SCHEDULER, "Scheduler.__init__", _around_init)]
    if "kv" in track:
        found += [
            Hook("kv", BLOCK_POOL, "BlockPool.get_new_blocks", _around_get_new_blocks),
            Hook("kv", BLOCK_POOL, "BlockPool._maybe_evict_cached_block", _around_evict),
            Hook("kv", BLOCK_POOL, "BlockPool.touch", _around_touch),
            Hook("kv", BLOCK_POOL, "BlockPool.free_blocks", _around_free_blocks),
            Hook("kv", CACHE_MANAGER, "KVCacheManager.make_prefix_cache_stats", _around_prefix_stats),
        ]
    if {"kv", "scheduler", "requests"} & set(track):
        found += [
            Hook("scheduler", SCHEDULER, "Scheduler.schedule", _around_schedule),
            Hook("scheduler", SCHEDULER, "Scheduler.update_from_output", _around_update),
            Hook("requests", SCHEDULER, "Scheduler._preempt_request", _around_preempt),
            Hook("requests", SCHEDULER, "Scheduler.reset_prefix_cache", _around_reset_prefix_cache),
        ]
    if "requests" in track:
        found += [
            Hook("requests", SCHEDULER, "Scheduler.add_request", _around_add_request),
            Hook("requests", SCHEDULER, "Scheduler._free_request", _around_free_request),
        ]
    return found


def _put(kind, *values):
    PROBE.file.put(kind, now_ns(), *values)


def _around_init(original):
    def __init__(self, *args, **kwargs):
        original(self, *args, **kwargs)
        try:
            ENGINE.reset()
            fields = _configuration(self)
            PROBE.role("engine", fields)
            _write_metadata(fields)
        except Exception as error:
            PROBE.broken("engine", error)

    return __init__


def _pool(scheduler):
    return scheduler.kv_cache_manager.block_pool


def _total(pool):
    """Without the null block, as vLLM's own share of use has it."""
    return pool.num_gpu_blocks - 1


def _used(pool):
    return pool.num_gpu_blocks - 1 - pool.get_num_free_blocks()


def _told(model, question):
    """What this version answers, None where it has no answer."""
    try:
        return getattr(model, question)()
    except Exception:
        return None


def _configuration(scheduler):
    config = scheduler.vllm_config
    model, cache, parallel = config.model_config, config.cache_config, config.parallel_config
    limits, compilation = config.scheduler_config, config.compilation_config
    sizes = getattr(compilation, "cudagraph_capture_sizes", None)
    cached = cache.cache_dtype
    dtype = str(model.dtype).removeprefix("torch.")
    return {
        "dp_rank": getattr(parallel, "data_parallel_index", None) or parallel.data_parallel_rank,
        "model": model.model,
        "dtype": dtype,
        "max_num_seqs": limits.max_num_seqs,
        "max_num_batched_tokens": limits.max_num_batched_tokens,
        "max_model_len": model.max_model_len,
        "block_size": cache.block_size,
        "kv_total_blocks": _total(_pool(scheduler)),
        "prefix_caching": cache.enable_prefix_caching,
        "chunked_prefill": getattr(limits, "enable_chunked_prefill", None),
        "async_scheduling": getattr(limits, "async_scheduling", None),
        "policy": str(getattr(limits, "policy", None)),
        "layers": _told(model, "get_total_num_hidden_layers")
        or getattr(model.hf_text_config, "num_hidden_layers", None),
        "kv_heads": _told(model, "get_total_num_kv_heads"),
        "head_dim": _told(model, "get_head_size"),
        "kv_bytes_per_element": _bytes(dtype if cached == "auto" else cached),
        "kv_cache_dtype": cached,
        "tp": parallel.tensor_parallel_size,
        "pp": parallel.pipeline_parallel_size,
        "dp": parallel.data_parallel_size,
        "experts": _told(model, "get_num_experts") or _expert_setting(model, EXPERTS),
        "experts_per_token": _expert_setting(model, ("num_experts_per_tok", "moe_topk", "top_k_experts")),
        "cudagraph_mode": getattr(compilation.cudagraph_mode, "name", None),
        "capture_sizes": [int(size) for size in sizes] if sizes is not None else None,
        "enforce_eager": model.enforce_eager,
    }


EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")


def _expert_setting(model, names):
    found = (getattr(model.hf_text_config, name, None) for name in names)
    return next((value for value in found if isinstance(value, int) and value > 0), None)


def _bytes(dtype):
    """Of one element: by the end of names such as bfloat16, fp8_e4m3, float32."""
    for width, size in (("fp8", 1), ("int8", 1), ("float8", 1), ("16", 2), ("half", 2), ("32", 4)):
        if width in dtype:
            return size
    return None


def _write_metadata(fields):
    import json
    import time

    vllm = sys.modules.get("vllm")
    text = {
        "start_time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "pid": os.getpid(),
        "versions": {
            "vllm": getattr(vllm, "__version__", None),
            "torch": getattr(sys.modules.get("torch"), "__version__", None),
            "python": ".".join(map(str, sys.version_info[:3])),
        },
        "track": list(PROBE.settings.track),
        "log_interval": PROBE.settings.interval,
        "engine": fields,
    }
    name = "metadata.json" if not fields["dp_rank"] else f"metadata_dp{fields['dp_rank']}.json"
    session.write_atomically(os.path.join(PROBE.directory, name), json.dumps(text, indent=2) + "\n")


# KV cache


def _around_get_new_blocks(original):
    def get_new_blocks(self, *args, **kwargs):
        found = original(self, *args, **kwargs)
        try:
            blocks = ENGINE.blocks
            now = now_ns()
            born, used = blocks.born, blocks.used
            for block in found:
                number = block.block_id
                born[number] = used[number] = now
            blocks.allocated += len(found)
        except Exception as error:
            PROBE.broken("kv", error)
        return found

    return get_new_blocks


def _around_evict(original):
    def _maybe_evict_cached_block(self, block, *args, **kwargs):
        evicted = original(self, block, *args, **kwargs)
        if evicted:
            try:
                blocks, now, number = ENGINE.blocks, now_ns(), block.block_id
                blocks.evicted += 1
                born = blocks.born.get(number)
                if born is None:
                    PROBE.file.put("evict", now, number, None, None)
                else:
                    PROBE.file.put("evict", now, number, now - born, now - blocks.used[number])
            except Exception as error:
                PROBE.broken("kv", error)
        return evicted

    return _maybe_evict_cached_block


def _flat(blocks):
    """Blocks, which some versions give as a list for each group."""
    for item in blocks:
        if isinstance(item, (list, tuple)):
            yield from item
        else:
            yield item


def _around_touch(original):
    def touch(self, blocks, *args, **kwargs):
        result = original(self, blocks, *args, **kwargs)
        try:
            now, known = now_ns(), ENGINE.blocks
            for block in _flat(blocks):
                if block.block_id in known.born:
                    known.used[block.block_id] = now
        except Exception as error:
            PROBE.broken("kv", error)
        return result

    return touch


def _around_free_blocks(original):
    def free_blocks(self, ordered_blocks, *args, **kwargs):
        # It may be an iterator, that can be read once.
        ordered_blocks = list(ordered_blocks)
        result = original(self, ordered_blocks, *args, **kwargs)
        try:
            now, known = now_ns(), ENGINE.blocks
            used = known.used
            freed = 0
            for block in ordered_blocks:
                if block.ref_cnt == 0:
                    freed += 1
                    if block.block_id in used:
                        used[block.block_id] = now
            known.freed += freed
        except Exception as error:
            PROBE.broken("kv", error)
        return result

    return free_blocks


def _around_prefix_stats(original):
    def make_prefix_cache_stats(self, *args, **kwargs):
        stats = original(self, *args, **kwargs)
        try:
            if stats is not None:
                ENGINE.prefix_queries += stats.queries
                ENGINE.prefix_hits += stats.hits
        except Exception as error:
            PROBE.broken("kv", error)
        return stats

    return make_prefix_cache_stats


# Scheduler


def _around_schedule(original):
    def schedule(self, *args, **kwargs):
        started = now_ns()
        ENGINE.cause = "kv_cache_full"
        output = original(self, *args, **kwargs)
        ENGINE.cause = "other"
        try:
            _scheduled(self, output, started)
        except Exception as error:
            PROBE.broken("scheduler", error)
        return output

    return schedule


def _scheduled(scheduler, output, started):
    requests = ENGINE.requests
    by_id = scheduler.requests
    scheduled = output.num_scheduled_tokens
    prefilling, preempted = requests.prefilling, requests.preempted
    _preempted_without_hook(scheduler, started)
    for new in output.scheduled_new_reqs:
        request = by_id[new.req_id]
        prefilling[new.req_id] = request.num_prompt_tokens
        requests.awaiting[new.req_id] = request
        _became(requests, request, "scheduled", started, cached_tokens=new.num_computed_tokens)
    if preempted:
        for name in [name for name in preempted if name in scheduled]:
            prefilling[name] = preempted.pop(name)
            _became(requests, by_id[name], "resumed", started)
    prefill_requests = prefill_tokens = 0
    for name in list(prefilling):
        count = scheduled.get(name)
        if count is None:
            if name not in by_id:
                del prefilling[name]
            continue
        prefill_requests += 1
        prefill_tokens += count
        if by_id[name].num_computed_tokens >= prefilling[name]:
            del prefilling[name]
    ended_at = ENGINE.ended_at
    waited = None if ended_at is None else max(0, started - ended_at) if not ENGINE.steps else 0
    total = output.total_num_scheduled_tokens
    now = now_ns()
    decode = len(scheduled) - prefill_requests, total - prefill_tokens
    ENGINE.steps.append((output, started, now - started, waited, prefill_requests, prefill_tokens, *decode))


def _became(requests, request, state, t, **more):
    requests.scheduled_at[request.request_id] = t
    if "requests" in PROBE.settings.track:
        PROBE.file.put("request", t, {"request": request.request_id, "state": state, **more})


def _around_update(original):
    def update_from_output(self, scheduler_output, *args, **kwargs):
        started = now_ns()
        result = original(self, scheduler_output, *args, **kwargs)
        try:
            _updated(self, scheduler_output, started)
        except Exception as error:
            PROBE.broken("scheduler", error)
        return result

    return update_from_output


def _updated(scheduler, output, started):
    now = now_ns()
    requests = ENGINE.requests
    for name in [name for name in requests.awaiting if name in output.num_scheduled_tokens]:
        if requests.awaiting[name].num_output_tokens > 0:
            _first_token(requests, name, now)
    step = None
    while ENGINE.steps:
        step = ENGINE.steps.popleft()
        if step[0] is output:
            break
        step = None
    if step is None:
        return
    _, scheduled_t, schedule_ns, waited, prefill_requests, prefill_tokens, decode_requests, decode_tokens = step
    pool = _pool(scheduler)
    queries, hits = ENGINE.prefix_queries, ENGINE.prefix_hits
    ENGINE.prefix_queries = ENGINE.prefix_hits = 0
    preemptions, finished = requests.take()
    allocated, freed, evicted = ENGINE.blocks.take()
    update_ns = now - started
    PROBE.file.put(
        "step",
        now,
        scheduled_t,
        prefill_requests,
        prefill_tokens,
        decode_requests,
        decode_tokens,
        scheduler.max_num_scheduled_tokens,
        *scheduler.get_request_counts(),
        scheduler.max_num_running_reqs,
        _used(pool),
        _total(pool),
        allocated,
        freed,
        evicted,
        queries,
        hits,
        preemptions,
        finished,
        schedule_ns,
        update_ns,
        now - scheduled_t,
        waited,
    )
    ENGINE.ended_at = now
    ENGINE.step_number += 1
    if ENGINE.step_number % PROBE.settings.interval == 1 or now - ENGINE.sampled_at > 1_000_000_000:
        ENGINE.sampled_at = now
        context = {"requests": prefill_requests + decode_requests, "tokens": prefill_tokens + decode_tokens}
        PROBE.file.put("cpu_operation", scheduled_t, "schedule", schedule_ns, context)
        PROBE.file.put("cpu_operation", started, "update_from_output", update_ns, context)


# Requests


def _around_add_request(original):
    def add_request(self, request, *args, **kwargs):
        result = original(self, request, *args, **kwargs)
        try:
            fields = {
                "request": request.request_id,
                "state": "queued",
                "prompt_tokens": request.num_prompt_tokens,
                "max_tokens": request.max_tokens,
                "priority": request.priority,
            }
            _put("request", fields)
        except Exception as error:
            PROBE.broken("requests", error)
        return result

    return add_request


def _first_token(requests, name, t):
    del requests.awaiting[name]
    if "requests" in PROBE.settings.track:
        PROBE.file.put("request", t, {"request": name, "state": "first_token"})


def _around_free_request(original):
    def _free_request(self, request, *args, **kwargs):
        try:
            requests, name, now = ENGINE.requests, request.request_id, now_ns()
            if name in requests.awaiting:
                if request.num_output_tokens > 0:
                    _first_token(requests, name, now)
                else:
                    del requests.awaiting[name]
            for known in (requests.prefilling, requests.preempted, requests.scheduled_at):
                known.pop(name, None)
            requests.finished += 1
            reason = request.get_finished_reason()
            fields = {
                "request": name,
                "state": "finished",
                "reason": None if reason is None else str(reason),
                "output_tokens": request.num_output_tokens,
                "preemptions": getattr(request, "num_preemptions", None),
            }
            PROBE.file.put("request", now, fields)
        except Exception as error:
            PROBE.broken("requests", error)
        return original(self, request, *args, **kwargs)

    return _free_request


def _around_preempt(original):
    def _preempt_request(self, request, *args, **kwargs):
        try:
            asking = None
            if ENGINE.cause == "kv_cache_full":
                # The scheduler's loop is at the request for whose sake another has to go.
                asking = sys._getframe(1).f_locals.get("request")
            _preempted(self, request, request.num_computed_tokens, getattr(asking, "request_id", None), now_ns())
        except Exception as error:
            PROBE.broken("requests", error)
        return original(self, request, *args, **kwargs)

    return _preempt_request


def _preempted(scheduler, request, computed, by, now):
    requests, name, pool = ENGINE.requests, request.request_id, _pool(scheduler)
    since = requests.scheduled_at.get(name)
    requests.prefilling.pop(name, None)
    requests.preempted[name] = request.num_tokens
    requests.preemptions += 1
    fields = {
        "request": name,
        "cause": ENGINE.cause,
        "running_ns": None if since is None else now - since,
        "computed_tokens": computed,
        "output_tokens": request.num_output_tokens,
        "kv_used_blocks": _used(pool),
        "kv_total_blocks": _total(pool),
        "by": by,
    }
    PROBE.file.put("preempt", now, fields)
    PROBE.file.put("request", now, {"request": name, "state": "preempted"})


def _preempted_without_hook(scheduler, started):
    """vLLM 0.11 preempts within `schedule`: whoever was preempted stands first among those that wait."""
    if hasattr(scheduler, "_preempt_request"):
        return
    found = []
    for request in scheduler.waiting:
        if request.status.name != "PREEMPTED" or request.request_id in ENGINE.requests.preempted:
            break
        found.append(request)
    ENGINE.cause = "kv_cache_full"
    for request in reversed(found):
        _preempted(scheduler, request, None, None, started)
    ENGINE.cause = "other"


def _around_reset_prefix_cache(original):
    def reset_prefix_cache(self, *args, **kwargs):
        ENGINE.cause = "reset_prefix_cache"
        try:
            return original(self, *args, **kwargs)
        finally:
            ENGINE.cause = "other"

    return reset_prefix_cache
