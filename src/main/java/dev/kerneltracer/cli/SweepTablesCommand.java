package dev.kerneltracer.cli;

import dev.kerneltracer.sweep.SweepTables;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `sweep tables`: the tables once more, from the traces that are there.
@Command(
    name = "tables",
    description = "Make the tables again from the traces of a sweep. Runs no model.",
    mixinStandardHelpOptions = true,
    footerHeading = "%nExample:%n",
    footer = "  kerneltracer sweep tables out")
final class SweepTablesCommand implements Callable<Integer> {
  @Parameters(
      paramLabel = "DIR",
      description = "The directory with logs_<batch>/trace_<n>.json.gz.")
  private Path directory = Path.of(".");

  @Option(
      names = "--format",
      paramLabel = "table|json",
      defaultValue = "table",
      description = "How results are printed (default: ${DEFAULT-VALUE}).")
  private OutputFormat format = OutputFormat.TABLE;

  @Option(
      names = {"-q", "--quiet"},
      description = "No progress on standard error.")
  private boolean quiet;

  @Override
  public Integer call() {
    SweepTables tables;
    try (ProgressLine progress = ProgressLine.start("sweep tables", quiet)) {
      tables = SweepTables.write(directory, _ -> true, progress::show);
    }
    SweepReport.print(List.of(new SweepReport.Part(directory, 0, tables)), List.of(), format);
    return SweepReport.exitCode(List.of(tables), 0).code();
  }
}
