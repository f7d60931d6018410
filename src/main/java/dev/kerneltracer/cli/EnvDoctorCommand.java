package dev.kerneltracer.cli;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.python.Framework;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `env doctor`: what this machine has for tracing, and what it lacks.
@Command(
    name = "doctor",
    description = {
      "Say what was found (Pythons, torch, devices, disk), what is missing and the command that"
          + " mends it.",
      "Exit code 0 when a trace can run, else 3."
    },
    mixinStandardHelpOptions = true,
    footerHeading = "%nExample:%n",
    footer = "  kerneltracer env doctor")
final class EnvDoctorCommand implements Callable<Integer> {
  @Option(
      names = "--python",
      paramLabel = "PYTHON",
      description = "As for trace: the Python to use.")
  private @Nullable String python;

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      description = "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
  private OutputFormat format = OutputFormat.TABLE;

  @Option(
      names = {"-q", "--quiet"},
      description = "No progress.")
  private boolean quiet;

  @Override
  public Integer call() {
    Diagnosis diagnosis;
    try (ProgressLine progress = ProgressLine.start("env doctor", quiet)) {
      diagnosis = Diagnosis.make(Framework.TRANSFORMERS, System.getenv(), python, progress::show);
    }
    switch (format) {
      case TABLE -> System.out.print(diagnosis.text(Terminal.stdout().width()));
      case JSON -> System.out.println(diagnosis.json());
    }
    return (diagnosis.canTrace() ? ExitCode.OK : ExitCode.ENVIRONMENT).code();
  }
}
