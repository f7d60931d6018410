package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.IntColumn;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import java.util.List;
import java.util.regex.Pattern;

/// Where threads of the host wait.
public final class HostWaits {
  private static final Pattern FOR_DEVICE =
      Pattern.compile(
          "(?:cuda|hip|cu)\\w*Synchronize\\w*"
              + "|(?:cuda|hip|cu)Memcpy(?!\\w*Async)\\w*"
              + "|(?:cuda|hip)Free|cuMemFree\\w*");
  private static final Pattern BUILT_IN =
      Pattern.compile(
          "<built-in method acquire of _(?:thread|multiprocessing)\\..*"
              + "|<built-in method get of _queue\\.SimpleQueue .*"
              + "|<(?:built-in )?(?:method|function) '?(?:select|poll|epoll_wait)\\b.*"
              + "|<(?:built-in )?method '?(?:recv\\w*|accept)'? of .*socket.*");

  /// One of these stands in whatever [#BUILT_IN] matches; most names have none.
  private static final List<String> BUILT_IN_HINTS =
      List.of("acquire", "Queue", "select", "poll", "socket");

  private static final Pattern PYTHON =
      Pattern.compile(
          "(?:.*[/\\\\])?queue\\.py\\(\\d+\\): (?:get|put|join)"
              + "|(?:.*[/\\\\])?threading\\.py\\(\\d+\\): (?:wait|wait_for|join|acquire)"
              + "|(?:.*[/\\\\])?selectors\\.py\\(\\d+\\): select"
              + "|.*multiprocessing[/\\\\]\\w+\\.py\\(\\d+\\): .*"
              + "|.*zmq[/\\\\].*"
              + "|.*concurrent[/\\\\]futures[/\\\\].*");

  private static final byte NO_WAIT = 1;
  private static final byte DEVICE_WAIT = 2;
  private static final byte OTHER_WAIT = 3;

  private final Events events;
  private final IntColumn calls;
  private final OuterRows forOthers;

  private HostWaits(Events events, IntColumn calls, OuterRows forOthers) {
    this.events = events;
    this.calls = calls;
    this.forOthers = forOthers;
  }

  public static HostWaits of(Trace trace) {
    Events events = trace.events();
    byte[] kinds = new byte[trace.strings().size()];
    IntColumn forDevice = rows(events, events.calls(), kinds, DEVICE_WAIT);
    IntColumn forOthers = rows(events, events.pythonFunctions(), kinds, OTHER_WAIT);
    return new HostWaits(events, forDevice, new OuterRows(events, forOthers));
  }

  /// @param kinds what is known of names already
  private static IntColumn rows(Events events, IntColumn some, byte[] kinds, byte wanted) {
    IntColumn found = new IntColumn();
    for (int i = 0; i < some.size(); i++) {
      int row = some.get(i);
      int name = events.nameId(row);
      if (name >= 0 && kinds[name] == 0) {
        kinds[name] = kind(events.name(row));
      }
      if (name >= 0 && kinds[name] == wanted) {
        found.add(row);
      }
    }
    return found;
  }

  /// The runtime and driver calls that return when the device has come so far: synchronising ones,
  /// the freeing of memory, and copies, those with `Async` in their name where the call ended after
  /// the copy had (memory is pageable, for one).
  OuterRows forDevice(TraceLinks links) {
    IntColumn all = new IntColumn();
    all.addAll(calls);
    IntColumn copies = events.copies();
    for (int i = 0; i < copies.size(); i++) {
      int copy = copies.get(i);
      int call = events.category(copy) == Category.MEMCPY ? links.launch(copy) : -1;
      if (call >= 0
          && events.name(call).contains("Async")
          && events.endNs(call) >= events.endNs(copy)) {
        all.add(call);
      }
    }
    return new OuterRows(events, all);
  }

  /// The Python functions that wait for another thread, process or machine: queues, locks, sockets,
  /// conditions. A sleep waits for nobody.
  OuterRows forOthers() {
    return forOthers;
  }

  private static byte kind(String name) {
    boolean maybeCall = name.startsWith("cu") || name.startsWith("hip");
    boolean maybeWait =
        name.contains("Synchronize") || name.contains("Memcpy") || name.contains("Free");
    if (maybeCall && maybeWait && FOR_DEVICE.matcher(name).matches()) {
      return DEVICE_WAIT;
    }
    return isWaitForOthers(name) ? OTHER_WAIT : NO_WAIT;
  }

  private static boolean isWaitForOthers(String name) {
    if (name.startsWith("<")) {
      return BUILT_IN_HINTS.stream().anyMatch(name::contains) && BUILT_IN.matcher(name).matches();
    }
    return switch (name.substring(name.lastIndexOf(' ') + 1)) {
      case "get",
          "put",
          "join",
          "wait",
          "wait_for",
          "acquire",
          "select",
          "poll",
          "_poll",
          "recv",
          "_recv",
          "recv_bytes",
          "_recv_bytes",
          "recv_multipart",
          "result" ->
          PYTHON.matcher(name).matches();
      default -> false;
    };
  }
}
