package dev.kerneltracer.live;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/// A server of a day's length and its reader, in a JVM of their own with little memory: writes so
/// many events, changes files as the probe does, and reads along.
final class ManyEvents {
  private static final int TURN = 50_000;
  private static final int CHANGE_OF_FILE = 500_000;

  private ManyEvents() {}

  public static void main(String[] arguments) throws IOException {
    Path directory = Path.of(arguments[0]);
    long total = Long.parseLong(arguments[1]);
    EventLines server = EventLines.server(directory);
    for (long tokens = 8; tokens <= 256; tokens += 8) {
      server.capture(0.2, tokens);
    }
    server.flush();
    long t = 5_000_000_000_000L;
    try (WatchedSession session = new WatchedSession(directory, true, 100)) {
      long early = 0;
      long written = 0;
      while (written < total) {
        try (OutputStream out =
            new BufferedOutputStream(
                Files.newOutputStream(
                    server.file(), StandardOpenOption.CREATE, StandardOpenOption.APPEND),
                1 << 16)) {
          for (int i = 0; i < TURN; i++) {
            t += 8_640_000; // ten million of them make a day
            out.write(line(written++, t).getBytes(StandardCharsets.US_ASCII));
          }
        }
        while (session.update()) {
          // Until what has been written is read.
        }
        if (written % CHANGE_OF_FILE == 0) {
          Files.move(
              server.file(),
              directory.resolve("events/process-11.1.jsonl"),
              StandardCopyOption.REPLACE_EXISTING);
          Files.createFile(server.file());
        }
        if (early == 0 && written >= total / 10) {
          early = used();
        }
      }
      SessionState state = session.state();
      EngineState engine = state.engines().iterator().next();
      WorkerState worker = state.workers().iterator().next();
      System.out.println(
          "events "
              + (state.events() - 3 - 32)
              + " steps "
              + engine.steps()
              + " forwards "
              + worker.forwards()
              + " evictions "
              + engine.evictions()
              + " finished "
              + engine.finishedCount()
              + " lost "
              + (session.badLines() + state.lost()));
      System.out.println("bytes_early " + early + " bytes_late " + used());
    }
  }

  /// Of ten events four are steps, four forwards, one an eviction, and one of a request, whose
  /// fourth event is its end.
  private static String line(long number, long t) {
    long ten = number / 10;
    String start = "{\"t\":" + t + ",\"event\":\"";
    return switch ((int) (number % 10)) {
      case 0, 2, 4, 6 ->
          start
              + "step\",\"prefill_tokens\":0,\"decode_requests\":7,\"decode_tokens\":7,"
              + "\"token_budget\":2048,\"running\":7,\"waiting\":1,\"max_num_seqs\":8,"
              + "\"kv_used_blocks\":"
              + number % 900
              + ",\"kv_total_blocks\":1000,\"step_ns\":"
              + (8_000_000 + number % 1_000_000)
              + ",\"host_ns\":100000}\n";
      case 1, 3, 5, 7 -> {
        long tokens = 8 + number % 32 * 8;
        yield start
            + "forward\",\"mode\":\"FULL\",\"descriptor\":{\"num_tokens\":"
            + tokens
            + ",\"num_reqs\":"
            + tokens
            + ",\"uniform\":true,\"has_lora\":false},\"replays\":1,\"tokens\":7,\"padded_tokens\":8,"
            + "\"requests\":7,\"phase\":\"decode\",\"host_ns\":7000000}\n";
      }
      case 8 ->
          start + "evict\",\"block\":7,\"lifetime_ns\":20000000000,\"idle_ns\":" + number + "}\n";
      default ->
          start
              + "request\",\"request\":\"cmpl-"
              + (ten - ten % 4)
              + "\",\"state\":\""
              + (ten % 4 == 3
                  ? "finished\",\"reason\":\"stop\""
                  : ten % 4 == 0 ? "queued\"" : "first_token\"")
              + "}\n";
    };
  }

  private static long used() {
    System.gc();
    Runtime runtime = Runtime.getRuntime();
    return runtime.totalMemory() - runtime.freeMemory();
  }
}
