package dev.kerneltracer.live;

import java.util.List;

/// The tables of a session that grow row by row: their files and columns. The first columns are a
/// contract with readers of the tool that this one replaces; ours come after them.
enum Table {
  TIMELINE("cuda_graph_timeline.csv", "timestamp_sec,descriptor,duration_ms"),
  KV_USAGE("kv_cache_usage.csv", "timestamp_sec,usage_pct,num_blocks,total_blocks"),
  EVICTIONS("kv_cache_evictions.csv", "timestamp_sec,lifetime_sec,idle_sec,block"),
  FORWARDS(
      "forward_pass_timing.csv",
      "timestamp_sec,phase,batch_size,num_tokens,forward_time_ms,throughput_tokens_per_sec,"
          + "runtime_mode,padded_tokens,clock"),
  OPERATIONS("cpu_operations_timing.csv", "timestamp_sec,operation,duration_ms,context"),
  BATCHES(
      "batch_utilization.csv",
      "timestamp_sec,num_seqs,max_num_seqs,seq_utilization_pct,num_tokens,max_tokens,"
          + "token_utilization_pct,phase,running_queue_len,waiting_queue_len,"
          + "prefill_tokens,decode_tokens,step_time_ms,host_time_ms"),
  PREEMPTIONS(
      "preemption_events.csv", "timestamp_sec,request_id,event,reason,running_time_sec,extra_info"),
  REQUESTS(
      "request_lifecycle.csv",
      "request_id,started_sec,preempted_sec,resumed_sec,finished_sec,total_time_sec,"
          + "preemption_delay_sec,queued_sec,first_token_sec,prompt_tokens,output_tokens,"
          + "preemptions,finish_reason"),
  IMBALANCE("moe_load_imbalance.csv", "layer_idx,timestamp_sec,std_dev,max_min_ratio");

  private final String file;
  private final String columns;

  Table(String file, String columns) {
    this.file = file;
    this.columns = columns;
  }

  String file() {
    return file;
  }

  List<String> columns() {
    return List.of(columns.split(",", -1));
  }
}
