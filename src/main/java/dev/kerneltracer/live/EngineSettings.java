package dev.kerneltracer.live;

/// The settings of a watched engine; 0 or empty for what its version does not tell.
public record EngineSettings(
    String model,
    String dtype,
    long maxSequences,
    long maxBatchedTokens,
    long maxModelLength,
    long blockSize,
    long layers,
    long kvHeads,
    long headSize,
    double kvBytesPerElement,
    boolean prefixCaching,
    boolean asyncScheduling,
    String cudagraphMode,
    boolean enforceEager,
    long experts,
    long tensorParallel) {

  static final EngineSettings UNKNOWN =
      new EngineSettings("", "", 0, 0, 0, 0, 0, 0, 0, 0, false, false, "", false, 0, 1);

  static EngineSettings of(Event event) {
    return new EngineSettings(
        event.text("model", ""),
        event.text("dtype", ""),
        event.number("max_num_seqs"),
        event.number("max_num_batched_tokens"),
        event.number("max_model_len"),
        event.number("block_size"),
        event.number("layers"),
        event.number("kv_heads"),
        event.number("head_dim"),
        event.decimal("kv_bytes_per_element", 0),
        event.flag("prefix_caching"),
        event.flag("async_scheduling"),
        event.text("cudagraph_mode", ""),
        event.flag("enforce_eager"),
        event.number("experts"),
        Math.max(1, event.number("tp", 1)));
  }

  /// Bytes of the KV cache that one token takes over all ranks: layers × kv heads × head size × 2 ×
  /// bytes of an element; 0 where any of them is unknown.
  public double kvBytesPerToken() {
    return layers * (double) kvHeads * headSize * 2 * kvBytesPerElement;
  }

  public double kvBytesPerBlock() {
    return kvBytesPerToken() * blockSize;
  }
}
