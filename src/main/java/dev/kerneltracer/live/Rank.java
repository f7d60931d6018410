package dev.kerneltracer.live;

/// Which worker, or with zeros for the last two which engine.
public record Rank(int dataParallel, int tensorParallel, int pipelineParallel)
    implements Comparable<Rank> {
  static final Rank FIRST = new Rank(0, 0, 0);

  static Rank of(Event worker) {
    return new Rank(
        (int) worker.number("dp_rank"),
        (int) worker.number("tp_rank"),
        (int) worker.number("pp_rank"));
  }

  /// The folder of its tables in the session's; empty for the first, whose tables stand there.
  public String folder() {
    if (equals(FIRST)) {
      return "";
    }
    String stage = pipelineParallel == 0 ? "" : "_pp" + pipelineParallel;
    return "rank_" + dataParallel + "_" + tensorParallel + stage;
  }

  @Override
  public int compareTo(Rank other) {
    int order = Integer.compare(dataParallel, other.dataParallel);
    order = order != 0 ? order : Integer.compare(pipelineParallel, other.pipelineParallel);
    return order != 0 ? order : Integer.compare(tensorParallel, other.tensorParallel);
  }
}
