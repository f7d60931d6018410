package dev.kerneltracer.cli;

import dev.kerneltracer.python.GpuProcesses;
import dev.kerneltracer.python.TorchDevices;
import dev.kerneltracer.serve.PortOwner;
import dev.kerneltracer.serve.VllmProcesses;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// What of this machine gets in the way of a vLLM server.
///
/// @param processes of vLLM that run already
/// @param port the one that was asked about, 0 for none
/// @param owner who listens on it, null where it is free
/// @param openFiles how many a program that is started from here may open; -1 where unknown
record ServingDiagnosis(
    List<VllmProcesses.Found> processes,
    GpuProcesses gpu,
    int port,
    @Nullable PortOwner owner,
    long openFiles) {
  // Each stream of a load takes one; vLLM itself warns below 65,535.
  private static final long FEW_FILES = 4_096;
  private static final int LONGEST_COMMAND = 60;
  private static final Pattern LIMIT = Pattern.compile("(?m)^Max open files\\s+(\\d+|unlimited)");

  static ServingDiagnosis make(Map<String, String> environment, int port) {
    return new ServingDiagnosis(
        VllmProcesses.all(),
        GpuProcesses.ofThisMachine(environment),
        port,
        port == 0 ? null : PortOwner.of(port),
        inheritedFiles());
  }

  /// Of the process that started this one: a JVM raises its own.
  private static long inheritedFiles() {
    long parent = ProcessHandle.current().parent().map(ProcessHandle::pid).orElse(0L);
    for (String process : List.of(String.valueOf(parent), "self")) {
      try {
        Matcher matcher = LIMIT.matcher(Files.readString(Path.of("/proc", process, "limits")));
        if (matcher.find()) {
          return matcher.group(1).equals("unlimited")
              ? Long.MAX_VALUE
              : Long.parseLong(matcher.group(1));
        }
      } catch (IOException e) {
        // The parent may be another user's.
      }
    }
    return -1;
  }

  /// What is worth a note.
  List<Diagnosis.Finding> advice(@Nullable TorchDevices torch) {
    List<Diagnosis.Finding> advice = new ArrayList<>();
    List<VllmProcesses.Found> orphans =
        processes.stream().filter(VllmProcesses.Found::orphan).toList();
    if (!orphans.isEmpty()) {
      advice.add(
          new Diagnosis.Finding(
              "vLLM processes whose starter is gone; they keep memory and ports:",
              "kill " + String.join(" ", orphans.stream().map(each -> "" + each.pid()).toList())));
    }
    if (owner != null) {
      advice.add(
          new Diagnosis.Finding(
              "port " + port + " is taken by " + ownerText(),
              owner.pid() < 0 ? null : "Choose another port, or end it: kill " + owner.pid()));
    }
    if (openFiles >= 0 && openFiles < FEW_FILES) {
      advice.add(
          new Diagnosis.Finding(
              "only " + openFiles + " files may be open, fewer than a load of many streams takes",
              "ulimit -n 65536"));
    }
    String cuda = torch == null ? null : torch.cuda();
    if (cuda != null && gpu.isOlderThan(cuda)) {
      advice.add(
          new Diagnosis.Finding(
              "the NVIDIA driver runs CUDA "
                  + gpu.newestCuda()
                  + " at most, but torch is built for CUDA "
                  + cuda,
              "Update the NVIDIA driver, or install a torch for an older CUDA."));
    }
    return advice;
  }

  Map<String, String> facts() {
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put(
        "vLLM processes",
        processes.isEmpty()
            ? "none"
            : String.join(
                "; ",
                processes.stream()
                    .map(each ->
                        each.pid()
                            + " "
                            + shortened(each.command())
                            + (each.orphan() ? " (left over)" : ""))
                    .toList()));
    if (!gpu.holders().isEmpty()) {
      facts.put(
          "GPU memory",
          String.join(
              "; ",
              gpu.holders().stream()
                  .map(each -> each.memory() + " held by " + each.pid() + " " + each.name())
                  .toList()));
    }
    if (gpu.newestCuda() != null) {
      facts.put("newest CUDA", gpu.newestCuda() + ", of this driver");
    }
    if (openFiles >= 0) {
      facts.put("open files", openFiles == Long.MAX_VALUE ? "unlimited" : openFiles + " at most");
    }
    if (port != 0) {
      facts.put("port " + port, owner == null ? "free" : "taken by " + ownerText());
    }
    return facts;
  }

  private String ownerText() {
    return owner == null || owner.pid() < 0
        ? "a process that cannot be seen (another user's)"
        : owner.pid() + " " + shortened(owner.command());
  }

  private static String shortened(String command) {
    return command.length() <= LONGEST_COMMAND
        ? command
        : command.substring(0, LONGEST_COMMAND - 1) + "…";
  }

  Map<String, @Nullable Object> json() {
    Map<String, @Nullable Object> all = new LinkedHashMap<>();
    all.put("vllm_processes", processes);
    all.put("gpu_memory_holders", gpu.holders());
    all.put("newest_cuda", gpu.newestCuda());
    all.put("open_files", openFiles);
    if (port != 0) {
      all.put("port", port);
      all.put("port_owner", owner);
    }
    return all;
  }
}
