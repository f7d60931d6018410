package dev.kerneltracer.sweep;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.report.Amount;
import dev.kerneltracer.report.CsvFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The tables of a sweep, made from the traces that lie in its directory. A batch size's row is
/// that of its median step; `op_spread.tsv` has the spread over all steps.
///
/// @param sizes those with an exact step, by batch
/// @param empty batch sizes whose every trace was thrown away
public record SweepTables(List<SizeCost> sizes, List<Integer> empty) {
  public static final String OP_TIMES = "op_times.tsv";
  public static final String OP_TIMES_DETAILED = "op_times_detailed.tsv";
  public static final String OP_SPREAD = "op_spread.tsv";
  public static final String KERNELS = "kernel_dat.csv";
  public static final String PLOT = "op_times.svg";
  public static final String PARSED = "parsed_csvs";

  private static final Pattern FOLDER = Pattern.compile("logs_(\\d{1,9})");
  private static final Pattern TRACE = Pattern.compile("trace_(\\d{1,9})\\.json(\\.gz)?");
  private static final int DECIMALS = 6;
  private static final double NS_PER_MS = 1e6;
  private static final double NS_PER_US = 1e3;

  private static final List<String> DATA_COLUMNS =
      List.of(
          "kernel",
          "gdim",
          "bdim",
          "tot_threads",
          "dur",
          "blocks_per_sm",
          "warps_per_sm",
          "registers_per_thread",
          "occupancy",
          "time_stamp");
  private static final List<String> KERNEL_COLUMNS =
      List.of(
          "bsize",
          "kernel",
          "gdim_x",
          "gdim_y",
          "gdim_z",
          "bdim_x",
          "bdim_y",
          "bdim_z",
          "blocks_per_sm",
          "warps_per_sm",
          "regs_per_thread",
          "occupancy",
          "op_type");

  public SweepTables {
    sizes = List.copyOf(sizes);
    empty = List.copyOf(empty);
  }

  /// Reads the traces of `logs_<b>/trace_<n>.json.gz` and writes the tables beside them.
  ///
  /// @param wanted which of the folders count
  /// @throws UserException where there is no trace, or phases or devices are mixed
  public static SweepTables write(
      Path directory, Predicate<Path> wanted, Consumer<String> progress) {
    OpTypes types = OpTypes.load();
    List<SizeCost> sizes = new ArrayList<>();
    List<Integer> empty = new ArrayList<>();
    List<Numbered> folders = numbered(directory, FOLDER);
    if (folders.isEmpty()) {
      throw noTraces(directory);
    }
    Path parsed = directory.resolve(PARSED);
    try {
      Files.createDirectories(parsed);
    } catch (IOException e) {
      throw AtomicFile.failure(parsed, e);
    }
    try (CsvFile kernels = CsvFile.open(directory.resolve(KERNELS), KERNEL_COLUMNS)) {
      for (Numbered folder : folders) {
        if (!wanted.test(folder.path) || numbered(folder.path, TRACE).isEmpty()) {
          continue;
        }
        progress.accept("reading the traces of batch " + folder.number);
        SizeCost size = read(folder, types);
        if (size == null) {
          empty.add(folder.number);
          continue;
        }
        writeData(parsed.resolve("data_" + size.batch() + ".csv"), size.median());
        size.median().kernels().forEach(kernel -> add(kernels, size.batch(), kernel));
        sizes.add(withoutKernels(size));
      }
      if (sizes.isEmpty()) {
        throw noTraces(directory);
      }
      checkAlike(directory, sizes);
      kernels.finish();
    }
    SweepTables tables = new SweepTables(sizes, empty);
    AtomicFile.writeString(directory.resolve(OP_TIMES), tables.opTimes());
    AtomicFile.writeString(directory.resolve(OP_TIMES_DETAILED), tables.opTimesDetailed());
    AtomicFile.writeString(directory.resolve(OP_SPREAD), tables.opSpread());
    AtomicFile.writeString(directory.resolve(PLOT), tables.plot().svg());
    Roofline roofline = SweepRoofline.of(directory, sizes);
    if (roofline != null) {
      roofline.write(directory);
    }
    return tables;
  }

  private static UserException noTraces(Path directory) {
    return new UserException(
        ExitCode.INPUT_UNREADABLE,
        "no trace of an exact step in " + directory.resolve("logs_<batch>"),
        "Make some: kerneltracer sweep decode --help");
  }

  /// The operator time of a step over the batch size.
  public SweepPlot plot() {
    SequencedMap<String, long[]> times = new LinkedHashMap<>();
    for (OpType type : OpType.values()) {
      times.put(type.text(), sizes.stream().mapToLong(size -> size.timeNs(type)).toArray());
    }
    return new SweepPlot(
        "Operator time of a " + sizes.getFirst().phase().text() + " step by batch size",
        sizes.stream().map(SizeCost::batch).toList(),
        times);
  }

  private record Numbered(int number, Path path) {}

  /// What bears such a name, in the order of its numbers.
  private static List<Numbered> numbered(Path directory, Pattern name) {
    List<Numbered> found = new ArrayList<>();
    try (Stream<Path> files = Files.list(directory)) {
      for (Path file : files.toList()) {
        Matcher matcher = name.matcher(file.getFileName().toString());
        if (matcher.matches()) {
          found.add(new Numbered(Integer.parseInt(matcher.group(1)), file));
        }
      }
    } catch (IOException e) {
      throw new UserException(
          ExitCode.INPUT_UNREADABLE,
          "cannot read " + directory + ": " + AtomicFile.reason(e),
          "It must be the --output-dir of a sweep, with logs_<batch>/trace_<n>.json.gz in it.",
          e);
    }
    found.sort(Comparator.comparingInt(Numbered::number));
    return found;
  }

  private static @Nullable SizeCost read(Numbered folder, OpTypes types) {
    List<StepCost> steps = new ArrayList<>();
    int thrownAway = 0;
    for (Numbered trace : numbered(folder.path, TRACE)) {
      StepCost step = StepCost.read(trace.path, folder.number, trace.number, types);
      if (step == null) {
        thrownAway++;
      } else {
        steps.add(step);
      }
    }
    return steps.isEmpty() ? null : new SizeCost(folder.number, steps, thrownAway);
  }

  /// A sweep of many sizes has hundreds of thousands of kernels.
  private static SizeCost withoutKernels(SizeCost size) {
    List<StepCost> steps =
        size.steps().stream()
            .map(step ->
                new StepCost(
                    step.batch(),
                    step.number(),
                    step.phase(),
                    step.onDevice(),
                    step.timesNs(),
                    List.of()))
            .toList();
    return new SizeCost(size.batch(), steps, size.thrownAway());
  }

  private static void checkAlike(Path directory, List<SizeCost> sizes) {
    for (SizeCost size : sizes) {
      for (StepCost step : size.steps()) {
        StepCost first = sizes.getFirst().steps().getFirst();
        if (step.phase() != first.phase() || step.onDevice() != first.onDevice()) {
          throw new UserException(
              ExitCode.INPUT_UNREADABLE,
              directory + " mixes traces of prefill and decode, or of CPU and GPU",
              "logs_" + first.batch() + " and logs_" + step.batch() + " differ.");
        }
      }
    }
  }

  private static void writeData(Path file, StepCost step) {
    CsvFile.write(
        file,
        DATA_COLUMNS,
        csv -> {
          for (KernelRun kernel : step.kernels()) {
            csv.cell(kernel.kernel())
                .cell(text(kernel.grid()))
                .cell(text(kernel.block()))
                .cell(kernel.threads())
                .cell(kernel.durationNs() / NS_PER_US, 3)
                .cell(kernel.blocksPerMultiprocessor(), DECIMALS)
                .cell(kernel.warpsPerMultiprocessor(), DECIMALS)
                .cell(kernel.registers());
            addOccupancy(csv, kernel);
            csv.cell(kernel.startNs() / NS_PER_US, 3);
            csv.endRow();
          }
        });
  }

  private static void add(CsvFile csv, int batch, KernelRun kernel) {
    csv.cell(batch)
        .cell(kernel.kernel())
        .cell(kernel.grid().x())
        .cell(kernel.grid().y())
        .cell(kernel.grid().z())
        .cell(kernel.block().x())
        .cell(kernel.block().y())
        .cell(kernel.block().z())
        .cell(kernel.blocksPerMultiprocessor(), DECIMALS)
        .cell(kernel.warpsPerMultiprocessor(), DECIMALS)
        .cell(kernel.registers());
    addOccupancy(csv, kernel);
    csv.cell(kernel.type().text());
    csv.endRow();
  }

  private static void addOccupancy(CsvFile csv, KernelRun kernel) {
    if (kernel.occupancyPercent() < 0) {
      csv.empty();
    } else {
      csv.cell(kernel.occupancyPercent());
    }
  }

  private static String text(KernelRun.Extent extent) {
    return "[" + extent.x() + ", " + extent.y() + ", " + extent.z() + "]";
  }

  private String opTimes() {
    StringBuilder text = new StringBuilder("batch_size\tattention\tlinear\tothers\n");
    for (SizeCost size : sizes) {
      CompatTimes times = CompatTimes.of(size.median());
      line(text, size.batch(), times.attentionNs(), times.linearNs(), times.restNs());
    }
    return text.toString();
  }

  private String opTimesDetailed() {
    StringBuilder text =
        new StringBuilder(
            "batch_size\tkqv_proj\trope\tpaged_attention\to_proj\tgated_up_proj\tdown_proj\tothers\n");
    for (SizeCost size : sizes) {
      CompatTimes times = CompatTimes.of(size.median());
      line(
          text,
          size.batch(),
          times.kqvProjNs(),
          times.ropeNs(),
          times.attentionNs(),
          times.oProjNs(),
          times.gatedUpProjNs(),
          times.downProjNs(),
          times.othersNs());
    }
    return text.toString();
  }

  private static void line(StringBuilder text, int batch, double... timesNs) {
    text.append(batch);
    for (double time : timesNs) {
      text.append('\t').append(milliseconds(time));
    }
    text.append('\n');
  }

  private static String milliseconds(double ns) {
    return Amount.decimal(ns / NS_PER_MS, DECIMALS);
  }

  private String opSpread() {
    StringBuilder text =
        new StringBuilder(
            "batch_size\top_type\tsteps\tmedian_ms\tmin_ms\tp25_ms\tp75_ms\tmax_ms\tshare\n");
    for (SizeCost size : sizes) {
      for (OpType type : OpType.values()) {
        SizeCost.Spread spread = size.spread(type);
        if (spread.mostNs() > 0) {
          double share = size.totalNs() == 0 ? 0 : (double) size.timeNs(type) / size.totalNs();
          addSpread(text, size, type.text(), spread, share);
        }
      }
      addSpread(text, size, "total", size.spread(), 1);
    }
    return text.toString();
  }

  private static void addSpread(
      StringBuilder text, SizeCost size, String type, SizeCost.Spread spread, double share) {
    text.append(size.batch()).append('\t').append(type).append('\t').append(size.stepCount());
    for (long ns :
        new long[] {
          spread.medianNs(),
          spread.leastNs(),
          spread.lowerQuartileNs(),
          spread.upperQuartileNs(),
          spread.mostNs()
        }) {
      text.append('\t').append(milliseconds((double) ns));
    }
    text.append('\t').append(Amount.decimal(share, 4)).append('\n');
  }
}
