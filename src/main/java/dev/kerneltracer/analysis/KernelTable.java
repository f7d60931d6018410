package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.LongIntMap;
import dev.kerneltracer.trace.StringTable;
import dev.kerneltracer.trace.Trace;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// The kernels by name, the one with the most time first.
///
/// @param totalNs the plain sum of all kernels' durations: what overlaps counts twice
public record KernelTable(List<Row> rows, long totalNs) {
  public KernelTable {
    rows = List.copyOf(rows);
  }

  /// All calls of one kernel.
  ///
  /// @param p50Ns the lower median of the durations
  /// @param share of the sum of kernel time, 0 to 1
  /// @param streams where it ran, as `device/stream`
  /// @param launch the configuration of most of the calls
  /// @param occupancyPercent the mean of the estimates that the trace has; NaN where it has none
  public record Row(
      String kernel,
      long calls,
      long totalNs,
      long minNs,
      long p50Ns,
      long maxNs,
      double share,
      List<String> streams,
      Launch launch,
      double occupancyPercent) {
    public Row {
      streams = List.copyOf(streams);
    }

    public double averageNs() {
      return (double) totalNs / calls;
    }
  }

  /// How a kernel was launched.
  ///
  /// @param grid such as `[64, 1, 1]`; empty where the trace does not say
  /// @param block such as `[128, 1, 1]`; empty where the trace does not say
  /// @param registers for each thread
  public record Launch(String grid, String block, int registers, int sharedBytes) {
    // All by hand: what a record derives is spun at run time, which takes longer than a small
    // trace.
    @Override
    public int hashCode() {
      return ((grid.hashCode() * 31 + block.hashCode()) * 31 + registers) * 31 + sharedBytes;
    }

    @Override
    public boolean equals(@Nullable Object other) {
      return other instanceof Launch launch
          && grid.equals(launch.grid)
          && block.equals(launch.block)
          && registers == launch.registers
          && sharedBytes == launch.sharedBytes;
    }

    @Override
    public String toString() {
      return grid + " " + block + " " + registers + " " + sharedBytes;
    }
  }

  /// What a table may be sorted by: the largest first, names in their order.
  public enum Order {
    TOTAL,
    CALLS,
    AVG,
    MAX,
    NAME;

    private Comparator<Row> rows() {
      Comparator<Row> byName = Comparator.comparing(Row::kernel);
      return switch (this) {
        case TOTAL -> Comparator.comparingLong(Row::totalNs).reversed().thenComparing(byName);
        case CALLS -> Comparator.comparingLong(Row::calls).reversed().thenComparing(byName);
        case AVG -> Comparator.comparingDouble(Row::averageNs).reversed().thenComparing(byName);
        case MAX -> Comparator.comparingLong(Row::maxNs).reversed().thenComparing(byName);
        case NAME -> byName;
      };
    }
  }

  public static KernelTable of(Trace trace) {
    Builder builder = new Builder();
    builder.add(trace, SelectedRows.of(trace, Selection.ALL));
    return builder.build();
  }

  public KernelTable sortedBy(Order order) {
    return new KernelTable(rows.stream().sorted(order.rows()).toList(), totalNs);
  }

  /// Adds up the kernels of one trace after another.
  static final class Builder {
    /// Real traces have some hundred: this bounds hostile ones. Those met later are one row.
    private static final int MOST_KERNELS = 100_000;

    private static final String OTHERS = "(other kernels)";

    private final Map<String, Sum> sums = new LinkedHashMap<>();

    void add(Trace trace, SelectedRows rows) {
      Events events = trace.events();
      Launches launches = new Launches(trace);
      @Nullable Sum[] byName = new Sum[trace.strings().size() + 1];
      for (int i = 0; i < rows.kernelCount(); i++) {
        int row = rows.kernel(i);
        int name = events.nameId(row) + 1;
        Sum sum = byName[name];
        if (sum == null) {
          String kernel = sums.size() < MOST_KERNELS ? events.name(row) : OTHERS;
          sum = sums.computeIfAbsent(kernel, _ -> new Sum());
          byName[name] = sum;
        }
        sum.add(events.durationNs(row), events.occupancyPercent(row));
        launches.add(row, sum);
      }
      launches.close();
      for (Sum sum : sums.values()) {
        sum.sort();
      }
    }

    KernelTable build() {
      long total = 0;
      for (Sum sum : sums.values()) {
        total += sum.total;
      }
      List<Row> rows = new ArrayList<>(sums.size());
      for (Map.Entry<String, Sum> entry : sums.entrySet()) {
        Sum sum = entry.getValue();
        double share = total == 0 ? 0 : (double) sum.total / total;
        rows.add(sum.row(entry.getKey(), share));
      }
      return new KernelTable(rows, total).sortedBy(Order.TOTAL);
    }
  }

  private static final class Sum {
    private final Map<Launch, Integer> launches = new HashMap<>();
    private final TreeSet<String> streams = new TreeSet<>();
    private long[] durations = new long[16];
    private int calls;
    private long total;
    private long occupancies;
    private long occupancySum;

    void add(long durationNs, int occupancyPercent) {
      if (calls == durations.length) {
        durations = Arrays.copyOf(durations, calls * 2);
      }
      durations[calls++] = durationNs;
      total += durationNs;
      if (occupancyPercent >= 0) {
        occupancies++;
        occupancySum += occupancyPercent;
      }
    }

    /// What is sorted already is sorted again at no cost.
    void sort() {
      Arrays.sort(durations, 0, calls);
    }

    /// The kernel's row, once its durations are sorted.
    Row row(String kernel, double share) {
      Launch most =
          launches.entrySet().stream()
              .max(
                  Map.Entry.<Launch, Integer>comparingByValue()
                      .thenComparing(entry -> entry.getKey().toString()))
              .orElseThrow()
              .getKey();
      return new Row(
          kernel,
          calls,
          total,
          durations[0],
          durations[(calls - 1) / 2],
          durations[calls - 1],
          share,
          List.copyOf(streams),
          most,
          occupancies == 0 ? Double.NaN : (double) occupancySum / occupancies);
    }
  }

  /// Counts the launch configurations and streams of one trace's kernels by number: texts are made
  /// once for each that is distinct.
  private static final class Launches {
    private final Events events;
    private final StringTable strings;
    private final LongIntMap dimensions = new LongIntMap(64);
    private final LongIntMap resources = new LongIntMap(64);
    private final LongIntMap configurations = new LongIntMap(64);
    private final LongIntMap launched = new LongIntMap(256);
    private final LongIntMap streams = new LongIntMap(16);
    private final LongIntMap ranOn = new LongIntMap(256);
    private final List<Sum> sums = new ArrayList<>();
    private int[] firstRows = new int[64];
    private int[] counts = new int[64];

    Launches(Trace trace) {
      this.events = trace.events();
      this.strings = trace.strings();
    }

    void add(int row, Sum sum) {
      int name = events.nameId(row);
      int shape =
          dimensions.putIfAbsent(
              LongIntMap.key(events.grid(row), events.block(row)), dimensions.size());
      int resource =
          resources.putIfAbsent(
              LongIntMap.key(events.registersPerThread(row), events.sharedMemoryBytes(row)),
              resources.size());
      int configuration =
          configurations.putIfAbsent(LongIntMap.key(shape, resource), configurations.size());
      int index = launched.putIfAbsent(LongIntMap.key(name, configuration), sums.size());
      if (index == sums.size()) {
        sums.add(sum);
        if (index == counts.length) {
          counts = Arrays.copyOf(counts, index * 2);
          firstRows = Arrays.copyOf(firstRows, index * 2);
        }
        firstRows[index] = row;
      }
      counts[index]++;
      int stream =
          streams.putIfAbsent(
              LongIntMap.key(events.device(row), events.stream(row)), streams.size());
      int known = ranOn.size();
      if (ranOn.putIfAbsent(LongIntMap.key(name, stream), known) == known) {
        sum.streams.add(strings.text(events.device(row)) + "/" + strings.text(events.stream(row)));
      }
    }

    void close() {
      for (int i = 0; i < sums.size(); i++) {
        int row = firstRows[i];
        Launch launch =
            new Launch(
                strings.text(events.grid(row)),
                strings.text(events.block(row)),
                events.registersPerThread(row),
                events.sharedMemoryBytes(row));
        sums.get(i).launches.merge(launch, counts[i], Integer::sum);
      }
    }
  }
}
