package dev.kerneltracer.batch;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/// A place where one job runs at a time.
///
/// @param device `cpu`, or the GPU as CUDA_VISIBLE_DEVICES names it
/// @param environment what a job there gets in addition
public record Slot(String device, Map<String, String> environment) {
  private static final String VISIBLE = "CUDA_VISIBLE_DEVICES";
  private static final String THREADS = "OMP_NUM_THREADS";
  private static final long BYTES_PER_JOB = 2L << 30;

  public Slot {
    environment = Map.copyOf(environment);
  }

  /// The places for `jobs` jobs at once: on GPUs one after the other, else on shares of the cores.
  /// A single job is left what its environment gives it.
  ///
  /// @param gpus as [#gpus] names them; empty on a CPU
  /// @param gpusPerJob that a job takes together
  /// @param cores what a process may use
  public static List<Slot> of(
      int jobs, List<String> gpus, int gpusPerJob, int cores, Map<String, String> environment) {
    boolean gpu = gpus.size() >= gpusPerJob;
    if (jobs == 1) {
      return List.of(new Slot(gpu ? "gpu" : "cpu", Map.of()));
    }
    List<Slot> slots = new ArrayList<>();
    for (int i = 0; i < jobs; i++) {
      if (gpu) {
        int first = i % (gpus.size() / gpusPerJob) * gpusPerJob;
        String taken = String.join(",", gpus.subList(first, first + gpusPerJob));
        slots.add(new Slot(taken, Map.of(VISIBLE, taken)));
      } else if (environment.getOrDefault(THREADS, "").isEmpty()) {
        slots.add(new Slot("cpu", Map.of(THREADS, String.valueOf(Math.max(1, cores / jobs)))));
      } else {
        slots.add(new Slot("cpu", Map.of()));
      }
    }
    return slots;
  }

  /// How many jobs at once are sensible: one on each GPU; on a CPU one for two cores, as far as the
  /// memory that is free goes round.
  public static int sensible(List<String> gpus, int gpusPerJob, int cores, long availableBytes) {
    if (gpus.size() >= gpusPerJob) {
      return gpus.size() / gpusPerJob;
    }
    long byMemory = availableBytes == 0 ? cores : availableBytes / BYTES_PER_JOB;
    return (int) Math.max(1, Math.min(cores / 2, byMemory));
  }

  /// The GPUs that jobs may be given: those that CUDA_VISIBLE_DEVICES names, else all of this
  /// machine.
  public static List<String> gpus(Map<String, String> environment) {
    String visible = environment.get(VISIBLE);
    if (visible != null) {
      return Arrays.stream(visible.split(",", -1))
          .map(String::strip)
          .takeWhile(name -> !name.isEmpty() && !name.equals("-1"))
          .toList();
    }
    long count = Math.max(nvidia(), amd());
    return Stream.iterate(0, i -> i + 1).limit(count).map(String::valueOf).toList();
  }

  private static long nvidia() {
    return count(Path.of("/dev"), file -> file.getFileName().toString().matches("nvidia\\d+"));
  }

  /// The nodes of ROCm's topology that are no CPU.
  private static long amd() {
    return count(
        Path.of("/sys/class/kfd/kfd/topology/nodes"),
        node -> {
          try {
            return !Files.readString(node.resolve("gpu_id")).strip().equals("0");
          } catch (IOException e) {
            return false;
          }
        });
  }

  private static long count(Path directory, java.util.function.Predicate<Path> wanted) {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.filter(wanted).count();
    } catch (IOException e) {
      return 0;
    }
  }
}
