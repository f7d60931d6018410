package dev.kerneltracer.analysis;

import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.Trace;
import java.util.BitSet;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/// Where threads of the host wait.
final class HostWaits {
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
  private static final Pattern PYTHON =
      Pattern.compile(
          "(?:.*[/\\\\])?queue\\.py\\(\\d+\\): (?:get|put|join)"
              + "|(?:.*[/\\\\])?threading\\.py\\(\\d+\\): (?:wait|wait_for|join|acquire)"
              + "|(?:.*[/\\\\])?selectors\\.py\\(\\d+\\): select"
              + "|.*multiprocessing[/\\\\]\\w+\\.py\\(\\d+\\): .*"
              + "|.*zmq[/\\\\].*"
              + "|.*concurrent[/\\\\]futures[/\\\\].*");

  private HostWaits() {}

  /// The runtime and driver calls that return when the device has come so far: synchronising ones,
  /// copies without `Async`, and the freeing of memory.
  static OuterRows forDevice(Trace trace) {
    return named(trace.events(), Category.RUNTIME, name -> FOR_DEVICE.matcher(name).matches());
  }

  /// The Python functions that wait for another thread, process or machine: queues, locks, sockets,
  /// conditions. A sleep waits for nobody.
  static OuterRows forOthers(Trace trace) {
    return named(trace.events(), Category.PYTHON_FUNCTION, HostWaits::isWaitForOthers);
  }

  private static boolean isWaitForOthers(String name) {
    if (name.startsWith("<")) {
      return BUILT_IN.matcher(name).matches();
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

  private static OuterRows named(Events events, Category category, Predicate<String> waits) {
    BitSet seen = new BitSet();
    BitSet waiting = new BitSet();
    return new OuterRows(
        events,
        row -> {
          int name = events.nameId(row);
          if (events.category(row) != category || name < 0) {
            return false;
          }
          if (!seen.get(name)) {
            seen.set(name);
            waiting.set(name, waits.test(events.name(row)));
          }
          return waiting.get(name);
        });
  }
}
