package dev.kerneltracer.sweep;

/// One kernel of a profiled step.
///
/// @param grid x, y and z; 0 where the trace does not say, as for the block
/// @param multiprocessors of its device, 0 where unknown
/// @param warpSize threads that run as one
/// @param occupancyPercent as the trace estimates it, -1 where it does not
record KernelRun(
    String kernel,
    Extent grid,
    Extent block,
    long startNs,
    long durationNs,
    int registers,
    int occupancyPercent,
    long multiprocessors,
    long warpSize,
    OpType type) {

  /// A size in three dimensions.
  record Extent(long x, long y, long z) {
    /// Of JSON text such as `[64, 1, 1]`.
    static Extent of(String json) {
      String[] parts = json.replaceAll("[^0-9,]", "").split(",", -1);
      long[] sizes = new long[3];
      for (int i = 0; i < Math.min(3, parts.length); i++) {
        sizes[i] = parts[i].isEmpty() || parts[i].length() > 12 ? 0 : Long.parseLong(parts[i]);
      }
      return new Extent(sizes[0], sizes[1], sizes[2]);
    }

    long product() {
      return x * y * z;
    }
  }

  long threads() {
    return grid.product() * block.product();
  }

  /// As Kineto counts them: blocks over multiprocessors.
  double blocksPerMultiprocessor() {
    return multiprocessors == 0 ? 0 : (double) grid.product() / multiprocessors;
  }

  double warpsPerMultiprocessor() {
    return warpSize == 0 ? 0 : blocksPerMultiprocessor() * block.product() / warpSize;
  }
}
