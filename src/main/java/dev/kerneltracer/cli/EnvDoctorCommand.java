package dev.kerneltracer.cli;

import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import dev.kerneltracer.python.Framework;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `env doctor`: what this machine has for tracing, and what it lacks.
@Command(
    name = "doctor",
    description = {
      "Say what was found (Pythons, torch, devices, disk, vLLM processes), what is missing and the"
          + " command that mends it.",
      "Exit code 0 when a trace can run, else 3."
    },
    mixinStandardHelpOptions = true,
    footerHeading = "%nExamples:%n",
    footer = {"  kerneltracer env doctor", "  kerneltracer env doctor --port 8000"})
final class EnvDoctorCommand implements Callable<Integer> {
  private static final int MOST_PORTS = 65_535;

  @Option(
      names = "--python",
      paramLabel = "PYTHON",
      description = "As for trace: the Python to use.")
  private @Nullable String python;

  @Option(names = "--port", paramLabel = "N", description = "Also say who listens on this port.")
  private int port;

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
    if (port < 0 || port > MOST_PORTS) {
      throw new UserException(ExitCode.USAGE, "--port is a number from 1 to 65535", null);
    }
    Diagnosis diagnosis;
    try (ProgressLine progress = ProgressLine.start("env doctor", quiet)) {
      diagnosis =
          Diagnosis.make(Framework.TRANSFORMERS, System.getenv(), python, port, progress::show);
    }
    switch (format) {
      case TABLE -> System.out.print(diagnosis.text(Terminal.stdout().width()));
      case JSON -> System.out.println(diagnosis.json());
    }
    return (diagnosis.canTrace() ? ExitCode.OK : ExitCode.ENVIRONMENT).code();
  }
}
