package dev.kerneltracer.live;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// One process of the watched server that loaded the probe, as its event file tells of it.
public final class ProcessState {
  private long pid = -1;
  private String host = "";
  private long helloWallNs;
  private String name = "";
  private String vllm = "";
  private List<String> missingHooks = List.of();
  private boolean saidBye;
  private boolean hooksOn = true;
  private long droppedInQueue;
  private long lostWithFiles;
  private String problem = "";
  private @Nullable EngineState engine;
  private @Nullable WorkerState worker;

  /// Whether it lives, as far as this machine can tell: a number that another process got later is
  /// not taken for it, nor one that waits to be reaped.
  boolean isAlive() {
    try {
      if (pid <= 0
          || !Files.readString(Path.of("/proc/sys/kernel/hostname")).strip().equals(host)) {
        return false;
      }
      String stat = Files.readString(Path.of("/proc/" + pid + "/stat"));
      if (stat.startsWith("Z", stat.lastIndexOf(')') + 2)) {
        return false;
      }
    } catch (IOException e) {
      return false;
    }
    Instant hello = Instant.EPOCH.plusNanos(helloWallNs).plusSeconds(2);
    return ProcessHandle.of(pid)
        .map(process -> process.info().startInstant().orElse(Instant.EPOCH).isBefore(hello))
        .orElse(false);
  }

  void hello(Event event) {
    helloWallNs = event.number("wall_ns");
    pid = event.number("pid", -1);
    host = event.text("host", "");
    name = event.text("process", name);
    vllm = event.text("vllm", vllm);
    missingHooks = event.sentences("hooks_missing");
    saidBye = false;
  }

  void bye() {
    saidBye = true;
  }

  void switched(boolean on) {
    hooksOn = on;
  }

  /// @param linesOfGoneFiles lines that were read from files before the writer removed them
  void dropped(Event event, long linesOfGoneFiles) {
    if (event.text("why", "").equals("file_full")) {
      long gone = event.number("total", event.number("count"));
      lostWithFiles = Math.max(lostWithFiles, gone - linesOfGoneFiles);
    } else {
      droppedInQueue += event.number("count");
    }
  }

  void problem(Event event) {
    problem = event.text("hook", "?") + ": " + event.text("error", "?");
  }

  void isEngine(EngineState state) {
    engine = state;
  }

  void isWorker(WorkerState state) {
    worker = state;
  }

  @Nullable EngineState engine() {
    return engine;
  }

  @Nullable WorkerState worker() {
    return worker;
  }

  public long pid() {
    return pid;
  }

  String host() {
    return host;
  }

  public String name() {
    return name;
  }

  public String vllm() {
    return vllm;
  }

  /// Hooks that this version of vLLM has no place for, each with the reason.
  public List<String> missingHooks() {
    return missingHooks;
  }

  /// Whether it ended in order.
  public boolean saidBye() {
    return saidBye;
  }

  public boolean hooksOn() {
    return hooksOn;
  }

  /// Lines that are missing in what was read: those the writer dropped, and those of files that it
  /// removed before they were read.
  public long lost() {
    return droppedInQueue + lostWithFiles;
  }

  /// The last fault of the probe itself; empty where there was none.
  public String problem() {
    return problem;
  }
}
