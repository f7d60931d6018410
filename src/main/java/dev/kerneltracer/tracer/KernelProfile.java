package dev.kerneltracer.tracer;

import dev.kerneltracer.analysis.CallStacks;
import dev.kerneltracer.analysis.ModulePaths;
import dev.kerneltracer.analysis.OperatorCalls;
import dev.kerneltracer.analysis.OperatorKernelTable;
import dev.kerneltracer.report.JsonFile;
import dev.kerneltracer.report.OperatorKernelsFile;
import dev.kerneltracer.trace.Category;
import dev.kerneltracer.trace.Events;
import dev.kerneltracer.trace.Trace;
import dev.kerneltracer.trace.TraceLinks;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JsonGenerator;

/// Which kernels each operator launched: `*_kernel_profile.json` has one entry for each operator
/// call that launched a kernel itself, `*_kernel_profile.csv` counts them for every operator.
///
/// No kernel is left out. One that belongs to no operator (a CUDA graph's, launched outside of any)
/// stands under its launch, such as `cudaGraphLaunch`; one that was launched before the trace began
/// stands under [OperatorKernelTable#NO_LAUNCH]. Every kind of launch is joined, the driver's as
/// well.
final class KernelProfile {
  private static final int STACK_FRAMES = 64;

  private final Trace trace;
  private final Events events;
  private final TraceLinks links;
  private final OperatorCalls calls;
  private final CallStacks stacks;

  /// The kernels, those of one owner together and in file order.
  private final int[] kernels;

  /// Per owner the bounds of its kernels; the owners in order of their rows,
  /// [OperatorKernelTable#NO_LAUNCH] first.
  private final List<Group> groups = new ArrayList<>();

  /// @param owner the row of an operator or a launch, -1 for none
  private record Group(int owner, int from, int to) {}

  KernelProfile(Trace trace, TraceLinks links) {
    this.trace = trace;
    this.events = trace.events();
    this.links = links;
    this.calls = new OperatorCalls(trace, links);
    this.stacks = new CallStacks(trace, links, STACK_FRAMES);
    long[] ownerThenKernel = new long[64];
    int size = 0;
    for (int row = 0; row < events.size(); row++) {
      if (events.category(row) == Category.KERNEL) {
        if (size == ownerThenKernel.length) {
          ownerThenKernel = Arrays.copyOf(ownerThenKernel, size * 2);
        }
        ownerThenKernel[size++] = ((long) owner(row) << 32) | row;
      }
    }
    Arrays.sort(ownerThenKernel, 0, size);
    kernels = new int[size];
    int from = 0;
    for (int i = 0; i < size; i++) {
      kernels[i] = (int) ownerThenKernel[i];
      int owner = (int) (ownerThenKernel[i] >> 32);
      if (i + 1 == size || (int) (ownerThenKernel[i + 1] >> 32) != owner) {
        groups.add(new Group(owner, from, i + 1));
        from = i + 1;
      }
    }
  }

  private int owner(int kernel) {
    int operator = links.operator(kernel);
    return operator >= 0 ? calls.call(operator) : links.launch(kernel);
  }

  void writeJson(Path file) {
    JsonFile.writeCompact(
        file,
        json -> {
          json.writeStartArray();
          for (Group group : groups) {
            writeGroup(json, group);
          }
          json.writeEndArray();
        });
  }

  private void writeGroup(JsonGenerator json, Group group) {
    int owner = group.owner;
    boolean operator = owner >= 0 && events.category(owner) == Category.OPERATOR;
    String shapes = operator ? trace.strings().text(events.inputDims(owner)) : "";
    json.writeStartObject();
    json.writeName("sequence_number");
    writeId(json, operator ? events.sequenceNumber(owner) : -1, -1);
    json.writeStringProperty("cpu_op_name", ownerName(owner));
    json.writeStringProperty("cpu_op_cat", owner < 0 ? "" : events.categoryText(owner));
    json.writeName("cpu_external_id");
    writeId(json, owner < 0 ? 0 : events.externalId(owner), 0);
    json.writeNumberProperty(
        "cpu_time_us", ProfileFiles.micros(owner < 0 ? 0 : events.durationNs(owner)));
    writeKernels(json, group, shapes);
    json.writeNumberProperty("input_dims_count", dimensionCount(shapes));
    json.writeStringProperty(
        "call_stack", operator ? String.join(";", stacks.frames(stacks.id(owner))) : "");
    json.writeEndObject();
  }

  private void writeKernels(JsonGenerator json, Group group, String shapes) {
    Map<String, Integer> counts = new LinkedHashMap<>();
    Map<String, Map<String, Integer>> countsByStream = new LinkedHashMap<>();
    long total = 0;
    long shortest = Long.MAX_VALUE;
    long longest = Long.MIN_VALUE;
    for (int i = group.from; i < group.to; i++) {
      int kernel = kernels[i];
      String name = events.name(kernel);
      String stream = trace.strings().text(events.stream(kernel));
      long duration = events.durationNs(kernel);
      counts.merge(name, 1, Integer::sum);
      countsByStream
          .computeIfAbsent(stream, _ -> new LinkedHashMap<>())
          .merge(name, 1, Integer::sum);
      total += duration;
      shortest = Math.min(shortest, duration);
      longest = Math.max(longest, duration);
    }
    json.writeNumberProperty("total_kernel_time_us", ProfileFiles.micros(total));
    json.writeName("kernel_call_count");
    writeCounts(json, counts);
    json.writeName("associated_kernels");
    json.writeStartArray();
    for (int i = group.from; i < group.to; i++) {
      writeKernel(json, kernels[i]);
    }
    json.writeEndArray();
    json.writeName("kernel_call_count_by_shape");
    writeCountsBy(json, Map.of(shapes, counts));
    json.writeName("kernel_call_count_by_stream");
    writeCountsBy(json, countsByStream);
    json.writeName("kernel_duration_stats_us");
    json.writeStartObject();
    json.writeNumberProperty("min", ProfileFiles.micros(shortest));
    json.writeNumberProperty("max", ProfileFiles.micros(longest));
    json.writeNumberProperty(
        "avg",
        ProfileFiles.micros(total)
            .divide(BigDecimal.valueOf(group.to - group.from), RoundingMode.HALF_EVEN));
    json.writeEndObject();
  }

  private void writeKernel(JsonGenerator json, int kernel) {
    int module = links.module(kernel);
    json.writeStartObject();
    json.writeStringProperty("kernel_name", events.name(kernel));
    json.writeStringProperty("kernel_cat", events.categoryText(kernel));
    json.writeName("kernel_external_id");
    writeId(json, events.externalId(kernel), 0);
    json.writeNumberProperty("kernel_duration_us", ProfileFiles.micros(events.durationNs(kernel)));
    json.writeName("stream_id");
    writeNumberOrText(json, trace.strings().text(events.stream(kernel)));
    json.writeStringProperty("kernel_grid", trace.strings().text(events.grid(kernel)));
    json.writeStringProperty("kernel_block", trace.strings().text(events.block(kernel)));
    json.writeStringProperty("module", module < 0 ? "" : ModulePaths.label(events.name(module)));
    json.writeEndObject();
  }

  private static void writeCounts(JsonGenerator json, Map<String, Integer> counts) {
    json.writeStartObject();
    counts.forEach(json::writeNumberProperty);
    json.writeEndObject();
  }

  private static void writeCountsBy(JsonGenerator json, Map<String, Map<String, Integer>> counts) {
    json.writeStartObject();
    counts.forEach((key, inner) -> {
      json.writeName(key);
      writeCounts(json, inner);
    });
    json.writeEndObject();
  }

  private static void writeId(JsonGenerator json, long id, long none) {
    if (id == none) {
      json.writeNull();
    } else {
      json.writeNumber(id);
    }
  }

  private static void writeNumberOrText(JsonGenerator json, String text) {
    if (text.matches("-?\\d{1,18}")) {
      json.writeNumber(Long.parseLong(text));
    } else {
      json.writeString(text);
    }
  }

  /// How many inputs the shapes `[[4, 512], [], …]` name: the elements of the outer array.
  private static int dimensionCount(String shapes) {
    int depth = 0;
    int count = 0;
    boolean inElement = false;
    for (int i = 0; i < shapes.length(); i++) {
      char c = shapes.charAt(i);
      if (depth == 1 && !inElement && c != ' ' && c != ']' && c != ',') {
        count++;
        inElement = true;
      }
      if (c == '[') {
        depth++;
      } else if (c == ']') {
        depth--;
      } else if (c == ',' && depth == 1) {
        inElement = false;
      }
    }
    return count;
  }

  private String ownerName(int owner) {
    return owner < 0 ? OperatorKernelTable.NO_LAUNCH : events.name(owner);
  }

  void writeCsv(Path file) {
    OperatorKernelsFile.write(file, OperatorKernelTable.of(trace, links, calls), false);
  }
}
