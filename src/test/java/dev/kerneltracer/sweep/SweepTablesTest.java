package dev.kerneltracer.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Tables of recorded traces: decode steps of small models in vLLM 0.29 on a CPU, batches of 1 and
/// 2 of a dense one, of 3 of one with experts.
class SweepTablesTest {
  private static final Path RECORDED = Path.of("src/test/resources/sweep");

  @TempDir private Path directory;

  private SweepTables write() {
    return SweepTables.write(directory, _ -> true, _ -> {});
  }

  private List<String> lines(String file) throws IOException {
    return Files.readAllLines(directory.resolve(file));
  }

  private void copy(String from, String to) throws IOException {
    Path source = RECORDED.resolve(from);
    try (Stream<Path> files = Files.walk(source)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        Path target = directory.resolve(to).resolve(source.relativize(file).toString());
        Files.createDirectories(target.getParent());
        Files.copy(file, target);
      }
    }
  }

  private static double[] numbers(String line) {
    return Arrays.stream(line.split("\t", -1)).mapToDouble(Double::parseDouble).toArray();
  }

  @Test
  void rowsAreOfTheMedianStepAndAddUpToItsOperatorTime() throws IOException {
    copy("dense", "");
    SweepTables tables = write();

    assertThat(tables.sizes()).hasSize(2).allMatch(size -> size.stepCount() == 3);
    List<String> detailed = lines("op_times_detailed.tsv");
    assertThat(detailed.getFirst())
        .isEqualTo(
            "batch_size\tkqv_proj\trope\tpaged_attention\to_proj\tgated_up_proj\tdown_proj\tothers");
    List<String> coarse = lines("op_times.tsv");
    assertThat(coarse.getFirst()).isEqualTo("batch_size\tattention\tlinear\tothers");
    for (int i = 0; i < 2; i++) {
      SizeCost size = tables.sizes().get(i);
      List<Long> totals = size.steps().stream().map(StepCost::totalNs).sorted().toList();
      double totalMs = totals.get(1) / 1e6;
      double[] row = numbers(detailed.get(i + 1));
      assertThat(row[0]).isEqualTo(size.batch());
      assertThat(Arrays.stream(row).skip(1).sum()).isCloseTo(totalMs, within(1e-5));
      assertThat(Arrays.stream(row).skip(1)).allMatch(time -> time > 0);
      double[] few = numbers(coarse.get(i + 1));
      assertThat(Arrays.stream(few).skip(1).sum()).isCloseTo(totalMs, within(1e-5));
      assertThat(few[1]).isEqualTo(row[3]);
    }
  }

  @Test
  void operatorsHaveTheTimesThatTheTraceGivesTheirModules() {
    StepCost step =
        Objects.requireNonNull(
            StepCost.read(RECORDED.resolve("dense/logs_2/trace_1.json.gz"), 2, 1, OpTypes.load()));

    assertThat(step.phase()).isEqualTo(SweepPhase.DECODE);
    assertThat(step.onDevice()).isFalse();
    assertThat(step.timesNs().keySet())
        .containsExactlyInAnyOrder(
            OpType.KQV_PROJ,
            OpType.ROPE,
            OpType.PAGED_ATTENTION,
            OpType.O_PROJ,
            OpType.GATED_UP_PROJ,
            OpType.ACTIVATION,
            OpType.DOWN_PROJ,
            OpType.NORMS,
            OpType.EMBEDDING,
            OpType.LM_HEAD,
            OpType.SAMPLING,
            OpType.OTHERS);
  }

  @Test
  void expertsCountUnderBothProjections() throws IOException {
    copy("experts", "");
    SizeCost size = write().sizes().getFirst();

    double[] row = numbers(lines("op_times_detailed.tsv").get(1));
    double expertsMs = size.timeNs(OpType.EXPERTS) / 1e6;
    assertThat(expertsMs).isPositive();
    assertThat(row[5]).isCloseTo(expertsMs * 2 / 3, within(1e-5));
    assertThat(row[6]).isCloseTo(expertsMs / 3, within(1e-5));
    assertThat(size.timeNs(OpType.ROUTER)).isPositive();
  }

  @Test
  void aTraceWhoseStepIsNotOfThatBatchIsThrownAwayAndCounted() throws IOException {
    copy("dense", "");
    Files.copy(
        directory.resolve("logs_1/trace_1.json.gz"), directory.resolve("logs_2/trace_4.json.gz"));
    copy("dense/logs_1", "logs_10");
    SweepTables tables = write();

    assertThat(tables.sizes()).extracting(SizeCost::batch).containsExactly(1, 2);
    assertThat(tables.sizes().get(1).thrownAway()).isEqualTo(1);
    assertThat(tables.sizes().get(1).stepCount()).isEqualTo(3);
    assertThat(tables.empty()).containsExactly(10);
  }

  @Test
  void spreadsHoldEveryTypeOverAllSteps() throws IOException {
    copy("dense", "");
    write();

    List<String> lines = lines("op_spread.tsv");
    assertThat(lines.getFirst())
        .isEqualTo("batch_size\top_type\tsteps\tmedian_ms\tmin_ms\tp25_ms\tp75_ms\tmax_ms\tshare");
    for (String line : lines.subList(1, lines.size())) {
      String[] cells = line.split("\t", -1);
      double[] times = Arrays.stream(cells, 3, 8).mapToDouble(Double::parseDouble).toArray();
      assertThat(cells[2]).isEqualTo("3");
      assertThat(times[1]).isLessThanOrEqualTo(times[2]);
      assertThat(times[2]).isLessThanOrEqualTo(times[0]);
      assertThat(times[0]).isLessThanOrEqualTo(times[3]);
      assertThat(times[3]).isLessThanOrEqualTo(times[4]);
    }
    assertThat(lines).anyMatch(line -> line.startsWith("2\tnorms\t"));
  }

  @Test
  void kernelFilesHaveTheirColumnsAlsoWhereACpuHasNoKernels() throws IOException {
    copy("dense", "");
    write();

    assertThat(lines("kernel_dat.csv"))
        .containsExactly(
            "bsize,kernel,gdim_x,gdim_y,gdim_z,bdim_x,bdim_y,bdim_z,blocks_per_sm,warps_per_sm,"
                + "regs_per_thread,occupancy,op_type");
    assertThat(lines("parsed_csvs/data_2.csv"))
        .containsExactly(
            "kernel,gdim,bdim,tot_threads,dur,blocks_per_sm,warps_per_sm,registers_per_thread,"
                + "occupancy,time_stamp");
  }

  @Test
  void aDirectoryWithoutTracesIsUnreadable() {
    assertThatThrownBy(this::write)
        .isInstanceOfSatisfying(
            UserException.class,
            e -> assertThat(e.exitCode()).isEqualTo(ExitCode.INPUT_UNREADABLE));
    assertThat(directory).isEmptyDirectory();
    directory = directory.resolve("missing");
    assertThatThrownBy(this::write).hasMessageContaining("cannot read");
    assertThat(directory).doesNotExist();
  }
}
