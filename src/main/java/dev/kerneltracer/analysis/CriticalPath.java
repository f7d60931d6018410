package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.IntColumn;
import dev.kerneltracer.trace.LongIntMap;
import dev.kerneltracer.trace.ThreadRows;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Locale;

/// The critical path of each step: the chain of activities of host and device that its end waited
/// for. The pieces of a step's path follow each other without gap or overlap: they sum up to its
/// span.
///
/// The path is followed backward from the step's end. Device work waited for what came last: the
/// work before it on its stream (in a graph, or where streams wait for events, also that of another
/// stream), or its launch. A launch waited for what its thread did before, operator by operator;
/// the time between operators is a piece of its own, but pieces within one call of a module are
/// one, named by what takes longest. A synchronising call waited for the device work that ended
/// last before it returned. A thread that shows nothing waited for a backward thread, and that for
/// the thread that marks the step.
///
/// A trace without steps is one step, from the first row of a thread or device to the last end.
public final class CriticalPath {
  /// What the time of a piece went to.
  public enum Kind {
    /// The host: an operator, a call, or Python between them.
    HOST,
    /// From the beginning of the launching call to the beginning of the device work.
    LAUNCH,
    KERNEL,
    MEMCPY,
    MEMSET,
    /// A synchronising call, after the device work that it waited for.
    SYNC,
    /// From the end of the device work that was waited for to the beginning of the next; also time
    /// of which the trace does not tell what was waited for.
    WAIT;

    /// As tables have it.
    public String text() {
      return name().toLowerCase(Locale.ROOT);
    }

    /// Where a column keeps this kind: private to one run, never written down.
    @SuppressWarnings("EnumOrdinal")
    private int slot() {
      return ordinal();
    }
  }

  private static final Kind[] KINDS = Kind.values();

  private final Trace trace;
  private final Events events;
  private final TraceLinks links;
  private final List<Steps.Row> steps;

  // The pieces of step `s` are those from `bounds[s]` to `bounds[s + 1]`; each ends where the next
  // begins, the last with its step.
  private final int[] bounds;
  private final long[] ends;
  private long[] starts = new long[1024];
  private byte[] kinds = new byte[1024];
  private int[] rows = new int[1024];
  private int size;

  private CriticalPath(
      Trace trace, TraceLinks links, DeviceWork work, HostWaits waits, Steps marked) {
    this.trace = trace;
    this.events = trace.events();
    this.links = links;
    this.steps = marked.rows();
    int count = Math.max(1, steps.size());
    this.bounds = new int[count + 1];
    this.ends = new long[count];
    Walk walk = new Walk(work, waits.forDevice(links), marked);
    if (steps.isEmpty()) {
      walk.followTrace();
      bounds[1] = size;
      return;
    }
    int[] last = lastWork(work, marked);
    for (int step = 0; step < count; step++) {
      Steps.Row row = steps.get(step);
      ends[step] = row.endNs();
      boolean onDevice = last[step] >= 0 && events.endNs(work.row(last[step])) == row.endNs();
      walk.follow(row.startNs(), row.endNs(), marked.thread(step), onDevice ? last[step] : -1);
      reverse(bounds[step], size);
      bounds[step + 1] = size;
    }
  }

  public static CriticalPath of(
      Trace trace, TraceLinks links, DeviceWork work, HostWaits waits, Steps steps) {
    return new CriticalPath(trace, links, work, waits, steps);
  }

  /// Per step the index of its work that ends last, -1 for none.
  private int[] lastWork(DeviceWork work, Steps marked) {
    int[] last = new int[steps.size()];
    Arrays.fill(last, -1);
    for (int i = 0; i < work.size(); i++) {
      int step = marked.step(work.row(i));
      if (step >= 0
          && (last[step] < 0 || events.endNs(work.row(i)) > events.endNs(work.row(last[step])))) {
        last[step] = i;
      }
    }
    return last;
  }

  private void add(long start, Kind kind, int row) {
    if (size == starts.length) {
      starts = Arrays.copyOf(starts, size * 2);
      kinds = Arrays.copyOf(kinds, size * 2);
      rows = Arrays.copyOf(rows, size * 2);
    }
    starts[size] = start;
    kinds[size] = (byte) kind.slot();
    rows[size] = row;
    size++;
  }

  private void reverse(int from, int to) {
    for (int a = from, b = to - 1; a < b; a++, b--) {
      long start = starts[a];
      byte kind = kinds[a];
      int row = rows[a];
      starts[a] = starts[b];
      kinds[a] = kinds[b];
      rows[a] = rows[b];
      starts[b] = start;
      kinds[b] = kind;
      rows[b] = row;
    }
  }

  /// How many steps have a path: one where nothing marks any.
  public int stepCount() {
    return ends.length;
  }

  /// The first piece of a step.
  public int from(int step) {
    return bounds[step];
  }

  /// The piece behind a step's last.
  public int to(int step) {
    return bounds[step + 1];
  }

  /// The number of a step, as in [Steps.Row#step]; -1 where nothing marks any.
  public long stepNumber(int step) {
    return steps.isEmpty() ? -1 : steps.get(step).step();
  }

  /// The pieces of all steps together.
  public int size() {
    return size;
  }

  /// The row that a piece is part of, -1 for none.
  public int row(int piece) {
    return rows[piece];
  }

  public Kind kind(int piece) {
    return KINDS[kinds[piece]];
  }

  /// The operator, call or kernel; of a wait the work that waited; between operators the Python
  /// function, empty where the trace has none.
  public String name(int piece) {
    return rows[piece] < 0 ? "" : events.name(rows[piece]);
  }

  /// The device as the trace names it; empty on the host.
  public String device(int piece) {
    boolean onDevice = rows[piece] >= 0 && events.category(rows[piece]).isDeviceWork();
    return onDevice ? trace.strings().text(events.device(rows[piece])) : "";
  }

  public long startNs(int piece) {
    return starts[piece];
  }

  public long durationNs(int step, int piece) {
    return (piece + 1 < bounds[step + 1] ? starts[piece + 1] : ends[step]) - starts[piece];
  }

  /// The call of a module around a piece; empty where the trace has none.
  public String module(int piece) {
    int row = rows[piece];
    if (row < 0) {
      return "";
    }
    int module = events.isModule(row) ? row : links.module(row);
    return module < 0 ? "" : ModulePaths.label(events.name(module));
  }

  /// How much of a step's path is of one kind.
  public long totalNs(int step, Kind kind) {
    long total = 0;
    for (int piece = bounds[step]; piece < bounds[step + 1]; piece++) {
      total += kinds[piece] == kind.slot() ? durationNs(step, piece) : 0;
    }
    return total;
  }

  /// Follows paths backward; the pieces come in that order.
  private final class Walk {
    private static final String STREAM_WAIT = "StreamWaitEvent";
    // Clocks of host and device differ by as much.
    private static final long CLOCK_NS = 5_000;
    private static final int MOST_CONCURRENT = 64;

    private final DeviceWork work;
    private final ThreadRows all;
    private final OuterRows waits;
    private final OuterRows outer;
    private final int[] device;
    private final int[] previousInStream;
    // Where each thread's rows were last looked at: the path goes backward.
    private final int[] outerAt;
    private final int[] allAt;
    private final int[] pathAt;
    private int path;
    private final int[] backwardThreads;
    private final boolean streamsWait;
    private boolean manyStreams;

    private long from;
    private long time;
    private int firstPiece;
    private long longestNs;
    private int main;
    // Where the path stands: at device work, else on a thread, else nowhere.
    private int index;
    private int thread;
    private long stepsLeft;

    Walk(DeviceWork work, OuterRows waits, Steps marked) {
      this.work = work;
      this.all = links.threadRows();
      this.waits = waits;
      IntColumn outerRows = new IntColumn();
      addOuter(events.operators(), marked, outerRows);
      addOuter(events.calls(), marked, outerRows);
      this.outer = new OuterRows(events, outerRows);
      this.outerAt = new int[all.threadCount()];
      this.allAt = new int[all.threadCount()];
      this.pathAt = new int[all.threadCount()];
      this.device = new int[work.size()];
      this.previousInStream = new int[work.size()];
      joinStreams();
      this.backwardThreads = backwardThreads();
      this.streamsWait = manyStreams && streamsWait();
      // Far more than any path needs: it bounds the work on hostile input.
      this.stepsLeft = 64L * (work.size() + outer.size()) + 1024;
    }

    private void addOuter(IntColumn some, Steps marked, IntColumn outerRows) {
      for (int i = 0; i < some.size(); i++) {
        int row = some.get(i);
        int around = links.operator(row);
        if ((around < 0 || marked.isMark(around)) && !marked.isMark(row)) {
          outerRows.add(row);
        }
      }
    }

    private void joinStreams() {
      LongIntMap streams = new LongIntMap(16);
      int[] last = new int[16];
      for (int d = 0; d < work.deviceCount(); d++) {
        int first = streams.size();
        for (int i = work.from(d); i < work.to(d); i++) {
          long key = ((long) d << 32) | (events.stream(work.row(i)) & 0xFFFFFFFFL);
          int known = streams.size();
          int stream = streams.putIfAbsent(key, known);
          if (stream == last.length) {
            last = Arrays.copyOf(last, stream * 2);
          }
          device[i] = d;
          previousInStream[i] = stream == known ? -1 : last[stream];
          last[stream] = i;
        }
        manyStreams |= streams.size() > first + 1;
      }
    }

    private int[] backwardThreads() {
      boolean[] backward = new boolean[all.threadCount()];
      int count = 0;
      for (int i = 0; i < outer.size(); i++) {
        int row = outer.row(i);
        if (events.category(row) == Category.OPERATOR
            && !backward[events.thread(row)]
            && (events.forwardThread(row) > 0 || links.forward(row) >= 0)) {
          backward[events.thread(row)] = true;
          count++;
        }
      }
      int[] threads = new int[Math.min(count, MOST_CONCURRENT)];
      int next = 0;
      for (int t = 0; t < backward.length && next < threads.length; t++) {
        if (backward[t]) {
          threads[next++] = t;
        }
      }
      return threads;
    }

    private boolean isBackward(int thread) {
      for (int backward : backwardThreads) {
        if (backward == thread) {
          return true;
        }
      }
      return false;
    }

    private boolean streamsWait() {
      BitSet seen = new BitSet();
      IntColumn calls = events.calls();
      for (int i = 0; i < calls.size(); i++) {
        int row = calls.get(i);
        if (!seen.get(events.nameId(row) + 1)) {
          seen.set(events.nameId(row) + 1);
          if (events.name(row).contains(STREAM_WAIT)) {
            return true;
          }
        }
      }
      return false;
    }

    void followTrace() {
      long begin = Long.MAX_VALUE;
      long end = Long.MIN_VALUE;
      int busiest = -1;
      boolean unusable = trace.trust().unusableTimes() > 0;
      for (int t = 0; t < all.threadCount(); t++) {
        for (int i = all.from(t); i < all.to(t); i++) {
          int row = all.row(i);
          if (unusable && events.startNs(row) == 0) {
            continue;
          }
          begin = Math.min(begin, events.startNs(row));
          end = Math.max(end, events.endNs(row));
        }
        if (!isBackward(t)
            && (busiest < 0 || all.to(t) - all.from(t) > all.to(busiest) - all.from(busiest))) {
          busiest = t;
        }
      }
      int lastWork = -1;
      for (int i = 0; i < work.size(); i++) {
        int row = work.row(i);
        if (events.hasTime(row)) {
          begin = Math.min(begin, events.startNs(row));
          if (events.endNs(row) >= end) {
            end = events.endNs(row);
            lastWork = i;
          }
        }
      }
      if (begin < end) {
        ends[0] = end;
        follow(begin, end, busiest, lastWork);
        reverse(0, size);
      }
    }

    /// Follows the path of one step.
    ///
    /// @param markingThread the thread that marks it
    /// @param last the index of the device work with which it ends, -1 where it ends on the thread
    void follow(long begin, long end, int markingThread, int last) {
      from = begin;
      time = end;
      main = markingThread;
      thread = markingThread;
      index = last;
      path++;
      firstPiece = size;
      while (time > from && stepsLeft-- > 0) {
        if (index >= 0) {
          followDevice();
        } else if (thread >= 0) {
          followHost();
        } else {
          break;
        }
      }
      piece(Kind.WAIT, -1, from);
    }

    private void piece(Kind kind, int row, long start) {
      long begin = Math.max(start, from);
      if (begin >= time) {
        return;
      }
      if (kind == Kind.HOST && goesOn(row)) {
        if (time - begin > longestNs) {
          longestNs = time - begin;
          rows[size - 1] = row;
        }
        starts[size - 1] = begin;
      } else {
        add(begin, kind, row);
        longestNs = time - begin;
      }
      time = begin;
    }

    /// Whether a piece of the host lies in the same call of a module as the host's piece behind it:
    /// the two are one, named by what takes longest.
    private boolean goesOn(int row) {
      if (size == firstPiece || kinds[size - 1] != Kind.HOST.slot() || row < 0) {
        return false;
      }
      int behind = rows[size - 1];
      return behind >= 0
          && links.module(row) >= 0
          && links.module(row) == links.module(behind)
          && events.thread(row) == events.thread(behind);
    }

    private void followDevice() {
      int row = work.row(index);
      Kind kind =
          switch (events.category(row)) {
            case MEMCPY -> Kind.MEMCPY;
            case MEMSET -> Kind.MEMSET;
            default -> Kind.KERNEL;
          };
      piece(kind, row, events.startNs(row));
      int call = links.launch(row);
      long called = call < 0 ? Long.MIN_VALUE : called(row, call);
      int before = previousInStream[index];
      if (manyStreams && !isOfCall(before, call)) {
        int other = lastEnded(device[index], time, index, -1);
        if (other >= 0
            && (streamsWait || isOfCall(other, call))
            && end(other) > Math.max(end(before), called)) {
          before = other;
        }
      }
      if (before >= 0 && (isOfCall(before, call) || end(before) >= called)) {
        piece(Kind.WAIT, row, end(before));
        index = before;
        return;
      }
      index = -1;
      thread = call < 0 ? -1 : events.thread(call);
      if (call >= 0) {
        piece(Kind.LAUNCH, call, events.startNs(call));
      }
    }

    /// When work was handed to the device: at the end of its call, or when it began, if that was
    /// before; a copy that blocks its call, at the beginning of that.
    private long called(int row, int call) {
      boolean blocks =
          events.category(row) == Category.MEMCPY && events.endNs(call) >= events.endNs(row);
      return blocks ? events.startNs(call) : Math.min(events.endNs(call), time);
    }

    private boolean isOfCall(int other, int call) {
      return other >= 0 && call >= 0 && links.launch(work.row(other)) == call;
    }

    /// The end of device work so far as it lies before where the path stands.
    private long end(int other) {
      return other < 0 ? Long.MIN_VALUE : Math.min(events.endNs(work.row(other)), time);
    }

    /// The work of a device that ended last by a time.
    ///
    /// @param below only work of lower index counts
    /// @param wait only work that was launched before this call, or by it; -1 for any
    private int lastEnded(int onDevice, long by, int below, int wait) {
      int last = -1;
      int tries = MOST_CONCURRENT;
      int i = Math.min(work.lastBefore(onDevice, by), below - 1);
      for (; i >= work.from(onDevice) && tries > 0; i--, tries--) {
        int row = work.row(i);
        int call = wait < 0 ? -1 : links.launch(row);
        if (events.endNs(row) <= by
            && (last < 0 || events.endNs(row) > events.endNs(work.row(last)))
            && (call < 0 || events.startNs(call) <= events.startNs(wait))) {
          last = i;
        }
      }
      return last;
    }

    private void followHost() {
      int i = lastOuter(thread);
      int row = i < outer.from(thread) ? -1 : outer.row(i);
      if (row < 0 || events.endNs(row) < time) {
        followIdleHost(row < 0 ? from : Math.max(from, events.endNs(row)));
        return;
      }
      int w = waits.lastBefore(thread, time);
      if (w < waits.from(thread) || events.startNs(waits.row(w)) < events.startNs(row)) {
        piece(Kind.HOST, row, events.startNs(row));
        return;
      }
      int wait = waits.row(w);
      piece(Kind.HOST, row, Math.min(events.endNs(wait), time));
      int awaited = awaited(wait);
      if (awaited < 0) {
        piece(Kind.SYNC, wait, events.startNs(wait));
      } else {
        piece(Kind.SYNC, wait, end(awaited));
        index = awaited;
      }
    }

    /// The index of the last outer row of a thread that starts before where the path stands.
    private int lastOuter(int ofThread) {
      if (pathAt[ofThread] != path) {
        pathAt[ofThread] = path;
        outerAt[ofThread] = outer.lastBefore(ofThread, time);
        allAt[ofThread] = all.lastStarting(ofThread, time - 1);
      }
      int i = outerAt[ofThread];
      while (i >= outer.from(ofThread) && events.startNs(outer.row(i)) >= time) {
        i--;
      }
      outerAt[ofThread] = i;
      return i;
    }

    /// Follows a thread through a time in which it shows nothing, back to `since`; or goes to the
    /// thread for which it waited.
    private void followIdleHost(long since) {
      int other = -1;
      long until = since;
      for (int t : thread == main ? backwardThreads : new int[] {main}) {
        int i = t == thread ? -1 : lastOuter(t);
        if (i >= outer.from(t) && isSameProcess(t)) {
          long end = Math.min(events.endNs(outer.row(i)), time);
          if (end > until) {
            until = end;
            other = t;
          }
        }
      }
      piece(Kind.HOST, pythonFunction(), until);
      thread = other >= 0 ? other : thread;
    }

    private boolean isSameProcess(int other) {
      return events.threadProcess(other) == events.threadProcess(thread);
    }

    /// The innermost Python function of the thread that is open where the path stands.
    private int pythonFunction() {
      int i = allAt[thread];
      while (i >= all.from(thread) && events.startNs(all.row(i)) >= time) {
        i--;
      }
      allAt[thread] = i;
      if (i < all.from(thread)) {
        return -1;
      }
      int function = all.row(i);
      if (events.category(function) != Category.PYTHON_FUNCTION) {
        function = links.python(function);
      }
      while (function >= 0 && events.endNs(function) < time) {
        function = links.python(function);
      }
      return function;
    }

    /// The index of the device work for which a call waited, -1 for none.
    private int awaited(int wait) {
      int found = -1;
      for (int d = 0; d < Math.min(work.deviceCount(), MOST_CONCURRENT); d++) {
        int i = lastEnded(d, time + CLOCK_NS, Integer.MAX_VALUE, wait);
        if (i >= 0
            && events.endNs(work.row(i)) > events.startNs(wait)
            && (found < 0 || end(i) > end(found))) {
          found = i;
        }
      }
      return found;
    }
  }
}
