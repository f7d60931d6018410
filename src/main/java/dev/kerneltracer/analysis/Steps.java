package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.IntColumn;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// The steps that annotations on the CPU mark, in order of time: the probe's (`kerneltracer.decode
/// step=3 batch=1`), a server's (vLLM's `execute_context_1(92)_generation_2(2)`, SGLang's
/// `step[DECODE bs=8]`), `ProfilerStep#7`, or those that end in a running number and speak of
/// steps, iterations, prefill or decode (`decode_step_3`). Of several kinds the first of these
/// alone counts, of nested marks the outer.
///
/// Device work belongs to the step in whose mark it was launched, wherever and whenever it runs:
/// the mark on the launching thread or, where that thread marks none, the one mark of its process
/// that is open then.
///
/// A step's time begins with its mark, but not before all work of the step before it in its process
/// (its thread, where several mark at once) has ended; it ends with the mark or with the step's
/// last device work, whichever is later. So no time counts twice although the host runs ahead.
public final class Steps {
  // No real process has so many; it bounds the work on hostile input.
  private static final int MOST_MARKING_THREADS = 64;

  private final Events events;
  private final TraceLinks links;
  private final List<Mark> marks;
  // The marks of thread `t`, in order of time, are those from `bounds[t]` to `bounds[t + 1]`.
  private final int[] byThread;
  private final int[] bounds;
  private final int[] markingThreads;
  private final BitSet markRows = new BitSet();
  private final List<Row> rows;
  private int lastFound;

  private record Mark(int row, int thread, int process, long startNs, long endNs, StepName name) {}

  /// What a step does.
  public enum Phase {
    PREFILL,
    DECODE,
    /// Prompts and generation in one batch.
    MIXED,
    /// A forward pass of a model that does not generate, or of a step of training, with its loss.
    FORWARD,
    BACKWARD,
    /// The optimizer's update of the weights.
    OPTIMIZER,
    UNKNOWN;

    /// As tables have it; empty where unknown.
    public String text() {
      return this == UNKNOWN ? "" : name().toLowerCase(Locale.ROOT);
    }
  }

  /// One step.
  ///
  /// @param step the number in its name where all steps have one and none twice, else the position
  ///   in order of time, from 0
  /// @param startNs where its time begins, see [Steps]
  /// @param spanNs from there to where its time ends
  /// @param busyNs that part of the span in which any device works, on this step or another
  /// @param idleNs the rest of the span
  /// @param kernels kernels of the step
  /// @param kernelTimeNs the plain sum of their durations
  /// @param operatorCalls operators that start within the mark
  /// @param contextTokens tokens of prompts; -1 where the mark does not say, as for the next two
  /// @param generationTokens tokens of sequences past their prompt
  /// @param requests how many sequences
  public record Row(
      long step,
      Phase phase,
      long startNs,
      long spanNs,
      long busyNs,
      long idleNs,
      long kernels,
      long kernelTimeNs,
      long operatorCalls,
      long contextTokens,
      long generationTokens,
      long requests) {
    public long endNs() {
      return startNs + spanNs;
    }
  }

  private Steps(Trace trace, TraceLinks links, DeviceWork work) {
    this.events = trace.events();
    this.links = links;
    this.marks = marks(trace);
    this.bounds = new int[events.threadCount() + 1];
    for (Mark mark : marks) {
      bounds[mark.thread() + 1]++;
      markRows.set(mark.row());
    }
    this.markingThreads =
        IntStream.range(0, events.threadCount()).filter(thread -> bounds[thread + 1] > 0).toArray();
    for (int thread = 0; thread < events.threadCount(); thread++) {
      bounds[thread + 1] += bounds[thread];
    }
    this.byThread = new int[marks.size()];
    int[] next = bounds.clone();
    for (int i = 0; i < marks.size(); i++) {
      byThread[next[marks.get(i).thread()]++] = i;
    }
    this.rows = marks.isEmpty() ? List.of() : measure(work);
  }

  public static Steps of(Trace trace, TraceLinks links, DeviceWork work) {
    return new Steps(trace, links, work);
  }

  /// The steps, none where nothing marks any.
  public List<Row> rows() {
    return rows;
  }

  /// The index among [#rows] of the step that a row belongs to, -1 for none: of device work by its
  /// launch, of a row of the CPU by its start.
  public int step(int row) {
    int host = events.category(row).isDeviceWork() ? links.launch(row) : row;
    return host < 0 || marks.isEmpty() ? -1 : at(events.thread(host), events.startNs(host));
  }

  /// The row that marks a step.
  int mark(int step) {
    return marks.get(step).row();
  }

  /// Whether a row is the mark of a step: among operators in old traces.
  boolean isMark(int row) {
    return markRows.get(row);
  }

  /// The thread that marks a step, as in [Events#thread].
  int thread(int step) {
    return marks.get(step).thread();
  }

  private int at(int thread, long time) {
    int guess = lastFound;
    Mark last = marks.get(guess);
    if (last.thread() == thread && last.startNs() <= time && time < last.endNs()) {
      return guess;
    }
    int found =
        bounds[thread] < bounds[thread + 1] ? find(thread, time) : findElsewhere(thread, time);
    if (found >= 0) {
      lastFound = found;
    }
    return found;
  }

  /// The one mark of a thread's process that is open at a time, on whatever thread.
  private int findElsewhere(int thread, long time) {
    if (markingThreads.length > MOST_MARKING_THREADS) {
      return -1;
    }
    int process = events.threadProcess(thread);
    int found = -1;
    for (int marking : markingThreads) {
      int other = events.threadProcess(marking) == process ? find(marking, time) : -1;
      if (other >= 0 && found >= 0) {
        return -1;
      }
      found = Math.max(found, other);
    }
    return found;
  }

  /// The mark of one thread that is open at a time, -1 for none.
  private int find(int thread, long time) {
    int low = bounds[thread];
    int high = bounds[thread + 1] - 1;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      if (marks.get(byThread[middle]).startNs() <= time) {
        low = middle + 1;
      } else {
        high = middle - 1;
      }
    }
    return high >= bounds[thread] && time < marks.get(byThread[high]).endNs() ? byThread[high] : -1;
  }

  private static List<Mark> marks(Trace trace) {
    List<Mark> found = candidates(trace);
    StepName.Kind kind = StepName.Kind.NUMBERED;
    for (Mark mark : found) {
      kind = mark.name().kind().compareTo(kind) < 0 ? mark.name().kind() : kind;
    }
    StepName.Kind best = kind;
    found.removeIf(mark -> mark.name().kind() != best);
    found.sort(
        Comparator.comparingInt(Mark::thread)
            .thenComparingLong(Mark::startNs)
            .thenComparing(Comparator.comparingLong(Mark::endNs).reversed())
            .thenComparingInt(Mark::row));
    if (best == StepName.Kind.NUMBERED) {
      Set<String> loops = loops(found);
      found.removeIf(mark -> !loops.contains(mark.name().series()));
    }
    List<Mark> outer = new ArrayList<>();
    for (Mark mark : found) {
      if (outer.isEmpty()
          || outer.getLast().thread() != mark.thread()
          || mark.startNs() >= outer.getLast().endNs()) {
        outer.add(mark);
      }
    }
    outer.sort(Comparator.comparingLong(Mark::startNs).thenComparingInt(Mark::row));
    return outer;
  }

  private static List<Mark> candidates(Trace trace) {
    Events events = trace.events();
    List<Mark> found = new ArrayList<>();
    Map<Integer, StepName> names = new HashMap<>();
    BitSet others = new BitSet();
    addCandidates(events, events.annotations(), names, others, found);
    // Kinetos of before 2022 have the annotations of users among the operators.
    addCandidates(events, events.operators(), names, others, found);
    return found;
  }

  private static void addCandidates(
      Events events,
      IntColumn some,
      Map<Integer, StepName> names,
      BitSet others,
      List<Mark> found) {
    for (int i = 0; i < some.size(); i++) {
      int row = some.get(i);
      if (events.nameId(row) >= 0 && !others.get(events.nameId(row))) {
        @Nullable StepName name = names.get(events.nameId(row));
        if (name == null) {
          name = StepName.of(events.name(row));
        }
        if (name == null) {
          others.set(events.nameId(row));
        } else {
          names.put(events.nameId(row), name);
          found.add(
              new Mark(
                  row,
                  events.thread(row),
                  events.process(row),
                  events.startNs(row),
                  events.endNs(row),
                  name));
        }
      }
    }
  }

  /// The series whose numbers only grow on each thread: layers, which begin again, are no steps.
  private static Set<String> loops(List<Mark> sorted) {
    Map<String, Mark> last = new HashMap<>();
    Set<String> loops = new HashSet<>();
    for (Mark mark : sorted) {
      loops.add(mark.name().series());
    }
    for (Mark mark : sorted) {
      @Nullable Mark earlier = last.put(mark.name().series(), mark);
      if (earlier != null
          && earlier.thread() == mark.thread()
          && earlier.name().number() >= mark.name().number()) {
        loops.remove(mark.name().series());
      }
    }
    return loops;
  }

  private List<Row> measure(DeviceWork work) {
    int count = marks.size();
    long[] operatorCalls = new long[count];
    IntColumn operators = events.operators();
    for (int i = 0; i < operators.size(); i++) {
      int row = operators.get(i);
      int step = step(row);
      if (step >= 0 && !markRows.get(row)) {
        operatorCalls[step]++;
      }
    }
    long[] kernels = new long[count];
    long[] kernelTime = new long[count];
    long[] end = new long[count];
    for (int step = 0; step < count; step++) {
      end[step] = marks.get(step).endNs();
    }
    for (int i = 0; i < work.size(); i++) {
      int row = work.row(i);
      int step = step(row);
      if (step >= 0) {
        end[step] = Math.max(end[step], events.endNs(row));
        if (events.category(row) == Category.KERNEL) {
          kernels[step]++;
          kernelTime[step] += events.durationNs(row);
        }
      }
    }
    CoveredTime busy = work.busy();
    boolean alone = markedOneAtATime();
    boolean numbered = numbered();
    Map<Integer, Long> done = new HashMap<>();
    List<Row> result = new ArrayList<>(count);
    for (int step = 0; step < count; step++) {
      Mark mark = marks.get(step);
      int sequence = alone ? mark.process() : mark.thread();
      long start = Math.max(mark.startNs(), done.getOrDefault(sequence, Long.MIN_VALUE));
      long stop = Math.max(start, end[step]);
      done.put(sequence, stop);
      long busyNs = busy.withinNs(start, stop);
      result.add(
          new Row(
              numbered ? mark.name().number() : step,
              mark.name().phase(),
              start,
              stop - start,
              busyNs,
              stop - start - busyNs,
              kernels[step],
              kernelTime[step],
              operatorCalls[step],
              mark.name().contextTokens(),
              mark.name().generationTokens(),
              mark.name().requests()));
    }
    return List.copyOf(result);
  }

  /// Whether no two threads of a process mark steps at the same time.
  private boolean markedOneAtATime() {
    Map<Integer, Mark> last = new HashMap<>();
    for (Mark mark : marks) {
      @Nullable Mark earlier = last.get(mark.process());
      if (earlier != null && mark.startNs() < earlier.endNs()) {
        return false;
      }
      last.put(mark.process(), mark);
    }
    return true;
  }

  private boolean numbered() {
    Set<Long> numbers = new HashSet<>();
    for (Mark mark : marks) {
      if (mark.name().number() < 0 || !numbers.add(mark.name().number())) {
        return false;
      }
    }
    return true;
  }
}
