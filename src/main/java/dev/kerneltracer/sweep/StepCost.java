package dev.kerneltracer.sweep;

import dev.kerneltracer.analysis.DeviceWork;
import dev.kerneltracer.analysis.ModulePaths;
import dev.kerneltracer.analysis.OperatorCalls;
import dev.kerneltracer.analysis.Steps;
import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.IntColumn;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import dev.kerneltracer.trace.TraceMetadata;
import dev.kerneltracer.trace.TraceReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// What the operators of one profiled step cost, by type. On a GPU that is the time of the kernels,
/// copies and fills launched in the step, each by the module around its launch; on a CPU the time
/// in the operators themselves, each by the module that calls it. Every operator has one type, so
/// that the types add up to the step's operator time.
///
/// @param number of its trace
/// @param onDevice whether it is device time
/// @param timesNs by type, without those that took none
/// @param kernels in order of start
record StepCost(
    int batch,
    int number,
    SweepPhase phase,
    boolean onDevice,
    Map<OpType, Long> timesNs,
    List<KernelRun> kernels) {
  StepCost {
    timesNs = Map.copyOf(timesNs);
    kernels = List.copyOf(kernels);
  }

  long timeNs(OpType type) {
    return timesNs.getOrDefault(type, 0L);
  }

  /// The step's operator time.
  long totalNs() {
    return timesNs.values().stream().mapToLong(Long::longValue).sum();
  }

  /// Reads a trace of one step; null where its step is not exactly of that batch, by its mark.
  ///
  /// @throws dev.kerneltracer.UserException where the file is no trace
  static @Nullable StepCost read(Path file, int batch, int number, OpTypes types) {
    Trace trace = TraceReader.read(file);
    TraceLinks links = TraceLinks.of(trace);
    Steps steps = Steps.of(trace, links, DeviceWork.of(trace));
    if (!trace.trust().complete() || steps.rows().size() != 1) {
      return null;
    }
    Steps.Row step = steps.rows().getFirst();
    for (SweepPhase phase : SweepPhase.values()) {
      boolean single = phase == SweepPhase.PREFILL || step.generationTokens() == batch;
      if (step.phase() == phase.step() && step.requests() == batch && single) {
        return new Reading(trace, links, steps, types).cost(batch, number, phase);
      }
    }
    return null;
  }

  private static final class Reading {
    private final Trace trace;
    private final Events events;
    private final TraceLinks links;
    private final Steps steps;
    private final ModulePaths paths;
    private final OpTypes rules;
    private final Map<Integer, OpType> typeOfPath = new HashMap<>();
    private final Map<OpType, Long> times = new EnumMap<>(OpType.class);

    Reading(Trace trace, TraceLinks links, Steps steps, OpTypes rules) {
      this.trace = trace;
      this.events = trace.events();
      this.links = links;
      this.steps = steps;
      this.paths = new ModulePaths(trace, links);
      this.rules = rules;
    }

    StepCost cost(int batch, int number, SweepPhase phase) {
      List<KernelRun> kernels = new ArrayList<>();
      boolean onDevice = addDeviceWork(events.kernels(), kernels);
      onDevice |= addDeviceWork(events.copies(), kernels);
      if (!onDevice) {
        OperatorCalls calls = new OperatorCalls(trace, links);
        IntColumn operators = events.operators();
        for (int i = 0; i < operators.size(); i++) {
          int row = operators.get(i);
          if (steps.step(row) >= 0) {
            times.merge(type(row), calls.cpuSelfNs(row), Long::sum);
          }
        }
      }
      kernels.sort(java.util.Comparator.comparingLong(KernelRun::startNs));
      return new StepCost(batch, number, phase, onDevice, times, kernels);
    }

    private boolean addDeviceWork(IntColumn work, List<KernelRun> kernels) {
      boolean found = false;
      for (int i = 0; i < work.size(); i++) {
        int row = work.get(i);
        if (steps.step(row) < 0) {
          continue;
        }
        found = true;
        OpType type = type(row);
        times.merge(type, events.durationNs(row), Long::sum);
        if (events.category(row) == Category.KERNEL) {
          kernels.add(kernel(row, type));
        }
      }
      return found;
    }

    private KernelRun kernel(int row, OpType type) {
      List<TraceMetadata.Device> devices = trace.metadata().devices();
      long multiprocessors = devices.isEmpty() ? 0 : devices.getFirst().number("numSms").orElse(0);
      long warp = devices.isEmpty() ? 32 : devices.getFirst().number("warpSize").orElse(32);
      return new KernelRun(
          events.name(row),
          KernelRun.Extent.of(trace.strings().text(events.grid(row))),
          KernelRun.Extent.of(trace.strings().text(events.block(row))),
          events.startNs(row),
          events.durationNs(row),
          events.registersPerThread(row),
          events.occupancyPercent(row),
          multiprocessors,
          warp,
          type);
    }

    private OpType type(int row) {
      return typeOfPath.computeIfAbsent(paths.around(row), path -> rules.of(paths, path));
    }
  }
}
