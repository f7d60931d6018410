package dev.kerneltracer.live;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;

/// Writes event files as the probe does, for servers that do what a test needs. Times are in
/// seconds from the session's start.
public final class EventLines {
  private static final long START_T = 5_000_000_000_000L;

  private final Path session;
  private final Path file;
  private final StringBuilder pending = new StringBuilder();

  private EventLines(Path session, long pid) {
    this.session = session;
    this.file = session.resolve("events/process-" + pid + ".jsonl");
  }

  /// Begins a session of one process that is both engine and worker, on a GPU.
  public static EventLines server(Path session) {
    begin(session);
    return process(session, 11).hello().engine(0, 1000, "").worker(0, 0, "cuda:0").flush();
  }

  static void begin(Path session) {
    try {
      Files.createDirectories(session.resolve("events"));
      Files.writeString(
          session.resolve("session.json"),
          "{\"start_wall_ns\": 1795617942006359888, \"start_monotonic_ns\": "
              + START_T
              + ", \"host\": \"elsewhere\", \"pid\": 11, \"probe\": 1, \"tables\": false}");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static EventLines process(Path session, long pid) {
    return new EventLines(session, pid);
  }

  public Path file() {
    return file;
  }

  public Path session() {
    return session;
  }

  private static long t(double seconds) {
    return START_T + Math.round(seconds * 1e9);
  }

  public EventLines line(String event, double seconds, String fields) {
    pending
        .append("{\"event\":\"")
        .append(event)
        .append("\",\"t\":")
        .append(t(seconds))
        .append(fields.isEmpty() ? "" : ",")
        .append(fields.replace('\'', '"'))
        .append("}\n");
    return this;
  }

  EventLines raw(String text) {
    pending.append(text);
    return this;
  }

  EventLines hello() {
    return line(
        "hello",
        0,
        "'wall_ns':1795617942006359888,'pid':11,'ppid':1,'host':'elsewhere','process':'EngineCore',"
            + "'vllm':'0.29.0','python':'3.12.0','probe':1,'hooks_on':['all'],'hooks_missing':[]");
  }

  EventLines engine(int dataParallelRank, long blocks, String more) {
    return line(
        "engine",
        0.1,
        "'dp_rank':"
            + dataParallelRank
            + ",'model':'org/tiny','dtype':'bfloat16','max_num_seqs':8,"
            + "'max_num_batched_tokens':2048,'max_model_len':4096,'block_size':16,"
            + "'kv_total_blocks':"
            + blocks
            + ",'prefix_caching':true,'layers':2,'kv_heads':2,'head_dim':32,"
            + "'kv_bytes_per_element':2,'tp':1,'pp':1,'dp':1,'async_scheduling':false"
            + more);
  }

  EventLines worker(int dataParallelRank, int tensorParallelRank, String device) {
    return line(
        "worker",
        0.1,
        "'rank':0,'local_rank':0,'pp_rank':0,'dp_rank':"
            + dataParallelRank
            + ",'tp_rank':"
            + tensorParallelRank
            + ",'device':'"
            + device
            + "','runner':'GPUModelRunner','runner_version':'V2'");
  }

  private static String descriptor(long tokens) {
    return "'descriptor':{'num_tokens':"
        + tokens
        + ",'num_reqs':"
        + tokens
        + ",'uniform':true,'has_lora':false,'num_active_loras':0,'uniform_token_count':1,"
        + "'max_query_len':1}";
  }

  public EventLines capture(double seconds, long tokens) {
    return line(
        "capture",
        seconds,
        "'mode':'FULL'," + descriptor(tokens) + ",'seconds':0.25,'graphs':1,'again':false");
  }

  /// A decode forward in the graph of `padded` tokens.
  public EventLines replay(double seconds, long tokens, long padded) {
    return line(
        "forward",
        seconds,
        "'mode':'FULL',"
            + descriptor(padded)
            + ",'eager_reason':null,'replays':1,'tokens':"
            + tokens
            + ",'padded_tokens':"
            + padded
            + ",'requests':"
            + tokens
            + ",'prefill_requests':0,'prefill_tokens':0,'decode_requests':"
            + tokens
            + ",'decode_tokens':"
            + tokens
            + ",'phase':'decode','host_ns':3000000,'device_ns':2500000");
  }

  EventLines eager(double seconds, long tokens, String reason) {
    return line(
        "forward",
        seconds,
        "'mode':'NONE','descriptor':null,'eager_reason':'"
            + reason
            + "','replays':0,'tokens':"
            + tokens
            + ",'padded_tokens':"
            + tokens
            + ",'requests':"
            + tokens
            + ",'phase':'decode','host_ns':9000000,'device_ns':null");
  }

  /// A decode step.
  public EventLines step(double seconds, int running, int waiting, long used, long total) {
    return step(seconds, running, waiting, used, total, "");
  }

  EventLines step(double seconds, int running, int waiting, long used, long total, String more) {
    return line(
        "step",
        seconds,
        String.format(
                Locale.ROOT,
                "'scheduled_t':%d,'prefill_requests':0,'prefill_tokens':0,'decode_requests':%d,"
                    + "'decode_tokens':%d,'token_budget':2048,'running':%d,'waiting':%d,"
                    + "'max_num_seqs':8,'kv_used_blocks':%d,'kv_total_blocks':%d,"
                    + "'blocks_allocated':1,'blocks_freed':1,'evicted':0,'preempted':0,"
                    + "'finished':0,'schedule_ns':100000,'update_ns':100000,'step_ns':10000000,"
                    + "'host_ns':100000",
                t(seconds),
                running,
                running,
                running,
                waiting,
                used,
                total)
            + more);
  }

  EventLines evict(double seconds, double lifetime, double idle) {
    return line(
        "evict",
        seconds,
        "'block':7,'lifetime_ns':"
            + Math.round(lifetime * 1e9)
            + ",'idle_ns':"
            + Math.round(idle * 1e9));
  }

  EventLines preempt(double seconds, String request) {
    return line(
        "preempt",
        seconds,
        "'request':'"
            + request
            + "','cause':'kv_cache_full','running_ns':500000000,'computed_tokens':60,"
            + "'output_tokens':20,'kv_used_blocks':1000,'kv_total_blocks':1000,'by':'r0'");
  }

  EventLines request(double seconds, String request, String state, String more) {
    return line("request", seconds, "'request':'" + request + "','state':'" + state + "'" + more);
  }

  /// A request from its arrival to its end, a tenth of a second later.
  EventLines served(double seconds, String request, int prompt, int output) {
    return request(seconds, request, "queued", ",'prompt_tokens':" + prompt)
        .request(seconds + 0.01, request, "scheduled", ",'cached_tokens':0")
        .request(seconds + 0.02, request, "first_token", "")
        .request(seconds + 0.1, request, "finished", ",'reason':'stop','output_tokens':" + output);
  }

  EventLines moe(double seconds, int layer, String counts) {
    return line(
        "moe",
        seconds,
        "'layer':'model.layers."
            + layer
            + ".mlp','layer_index':"
            + layer
            + ",'tokens':100,'top_k':2,'forwards':1,'counts':["
            + counts
            + "]");
  }

  public EventLines bye(double seconds) {
    return line("bye", seconds, "'written':1,'dropped':0");
  }

  /// Brings what was said to the file.
  public EventLines flush() {
    try {
      Files.writeString(
          file,
          pending,
          StandardCharsets.UTF_8,
          StandardOpenOption.CREATE,
          StandardOpenOption.APPEND);
      pending.setLength(0);
      return this;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// What a reader makes of the session so far.
  WatchedSession read() {
    flush();
    WatchedSession read = new WatchedSession(session, false, 100);
    while (read.update()) {
      // Until the end of the files.
    }
    return read;
  }
}
