package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import java.util.Arrays;
import java.util.Locale;

/// The gaps of each device, and why: every maximal interval between its first and its last work in
/// which no kernel, copy or fill runs. Device after device, in order of time.
///
/// The work that ends a gap was launched by a call on the host. If the call began before the gap,
/// the work stood in the queue already. Else the host was late, and the time from the beginning of
/// the gap to the call goes to what held the launching thread up: first to the calls in which it
/// waited for the device (had it not waited, the launch would have come earlier by as long), then
/// to Python functions in which it waited for somebody else, and the rest to the host's own work.
/// The time from the call to the end of the gap is the queue's. The cause that explains most of a
/// gap is its cause.
public final class Gaps {
  /// A call that returned so shortly before the gap still waited for the work before it: the clocks
  /// of host and device differ by as much.
  private static final long CLOCK_NS = 5_000;

  /// Why a device does nothing.
  public enum Cause {
    /// The launching thread did something else: Python, operators on the CPU, a sleep.
    HOST_LATE,
    /// It waited for the device in a synchronising call and launched too late for that.
    SYNC,
    /// It waited for a copy; or the gap ends with a copy that the host had to prepare.
    MEMCPY,
    /// The work was launched before the gap: the latency of a launch, an event that a stream waits
    /// for, what lies between the kernels of a graph.
    LAUNCH_QUEUE,
    /// It waited for work to come: in a queue, for a lock, a socket or another thread. Only a trace
    /// with Python functions shows that.
    NO_WORK,
    /// What launched the next work is not in the trace.
    UNKNOWN;

    /// As tables have it.
    public String text() {
      return name().toLowerCase(Locale.ROOT);
    }

    /// Where a column keeps this cause: private to one run, never written down.
    @SuppressWarnings("EnumOrdinal")
    private int slot() {
      return ordinal();
    }
  }

  private static final Cause[] CAUSES = Cause.values();

  private final Trace trace;
  private final Events events;
  private final TraceLinks links;
  private final OuterRows deviceWaits;
  private final OuterRows otherWaits;
  private final long[] explainedNs = new long[CAUSES.length];
  private final long[] totalNs = new long[CAUSES.length];

  private long[] starts = new long[256];
  private long[] ends = new long[256];
  private byte[] causes = new byte[256];
  private int[] before = new int[256];
  private int[] after = new int[256];
  private int size;

  private Gaps(Trace trace, TraceLinks links, DeviceWork work, HostWaits waits) {
    this.trace = trace;
    this.events = trace.events();
    this.links = links;
    this.deviceWaits = waits.forDevice(links);
    this.otherWaits = waits.forOthers();
    for (int device = 0; device < work.deviceCount(); device++) {
      int last = -1;
      for (int i = work.from(device); i < work.to(device); i++) {
        int row = work.row(i);
        if (!events.hasTime(row)) {
          continue;
        }
        if (last >= 0 && events.startNs(row) > events.endNs(last)) {
          add(last, row);
        }
        if (last < 0 || events.endNs(row) >= events.endNs(last)) {
          last = row;
        }
      }
    }
  }

  public static Gaps of(Trace trace, TraceLinks links, DeviceWork work, HostWaits waits) {
    return new Gaps(trace, links, work, waits);
  }

  private void add(int last, int next) {
    if (size == starts.length) {
      starts = Arrays.copyOf(starts, size * 2);
      ends = Arrays.copyOf(ends, size * 2);
      causes = Arrays.copyOf(causes, size * 2);
      before = Arrays.copyOf(before, size * 2);
      after = Arrays.copyOf(after, size * 2);
    }
    starts[size] = events.endNs(last);
    ends[size] = events.startNs(next);
    Cause cause = cause(last, next);
    causes[size] = (byte) cause.slot();
    totalNs[cause.slot()] += ends[size] - starts[size];
    before[size] = last;
    after[size] = next;
    size++;
  }

  private Cause cause(int last, int next) {
    int call = links.launch(next) >= 0 ? links.launch(next) : links.operator(next);
    if (call < 0) {
      return Cause.UNKNOWN;
    }
    long from = events.endNs(last);
    long to = events.startNs(next);
    long called = Math.clamp(events.startNs(call), from, to);
    Arrays.fill(explainedNs, 0);
    explain(isPrepared(next) ? Cause.MEMCPY : Cause.LAUNCH_QUEUE, to - called);
    if (called > from) {
      explainLateness(last, events.thread(call), from, called);
    }
    Cause most = Cause.HOST_LATE;
    for (Cause cause : CAUSES) {
      most = explainedNs[cause.slot()] > explainedNs[most.slot()] ? cause : most;
    }
    return most;
  }

  private void explain(Cause cause, long timeNs) {
    explainedNs[cause.slot()] += timeNs;
  }

  /// Explains the time from the beginning of a gap to the call that launched what ended it.
  private void explainLateness(int last, int thread, long from, long called) {
    long late = called - from;
    for (int i = deviceWaits.lastBefore(thread, called);
        late > 0 && i >= deviceWaits.from(thread);
        i--) {
      int wait = deviceWaits.row(i);
      if (events.endNs(wait) < from - CLOCK_NS) {
        break;
      }
      long end = Math.min(events.endNs(wait), called);
      long waited = Math.min(late, end - events.startNs(wait));
      explain(isForCopy(wait, last) ? Cause.MEMCPY : Cause.SYNC, waited);
      late -= waited;
    }
    for (int i = otherWaits.lastBefore(thread, called);
        late > 0 && i >= otherWaits.from(thread);
        i--) {
      int wait = otherWaits.row(i);
      if (events.endNs(wait) <= from) {
        break;
      }
      long start = Math.max(events.startNs(wait), from);
      long waited = Math.min(late, Math.min(events.endNs(wait), called) - start);
      explain(Cause.NO_WORK, waited);
      late -= waited;
    }
    explain(Cause.HOST_LATE, late);
  }

  /// Whether a call waits for a copy: it is one, or it belongs to the operator of the copy before
  /// the gap, as the synchronising call in `aten::item` does.
  private boolean isForCopy(int wait, int last) {
    return events.name(wait).contains("Memcpy")
        || (events.category(last) == Category.MEMCPY
            && links.operator(wait) >= 0
            && links.operator(wait) == links.operator(last));
  }

  /// Whether the host has a part in a copy before the device can begin it.
  private boolean isPrepared(int row) {
    if (events.category(row) != Category.MEMCPY) {
      return false;
    }
    String call = links.launch(row) < 0 ? "" : events.name(links.launch(row));
    return events.name(row).contains("Pageable")
        || (call.contains("Memcpy") && !call.contains("Async"));
  }

  public int size() {
    return size;
  }

  /// The device as the trace names it, mostly its number.
  public String device(int gap) {
    return trace.strings().text(events.device(before[gap]));
  }

  public long startNs(int gap) {
    return starts[gap];
  }

  public long durationNs(int gap) {
    return ends[gap] - starts[gap];
  }

  public Cause cause(int gap) {
    return CAUSES[causes[gap]];
  }

  /// The row of the work before the gap.
  public int rowBefore(int gap) {
    return before[gap];
  }

  /// The row of the work after the gap.
  public int rowAfter(int gap) {
    return after[gap];
  }

  /// The operator of the work before the gap; the name of the work where it has none.
  public String operatorBefore(int gap) {
    return operator(before[gap]);
  }

  /// The operator of the work after the gap; the name of the work where it has none.
  public String operatorAfter(int gap) {
    return operator(after[gap]);
  }

  private String operator(int row) {
    return events.name(links.operator(row) >= 0 ? links.operator(row) : row);
  }

  /// The length of all gaps of one cause.
  public long totalNs(Cause cause) {
    return totalNs[cause.slot()];
  }
}
