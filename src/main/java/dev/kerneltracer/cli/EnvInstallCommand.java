package dev.kerneltracer.cli;

import dev.kerneltracer.python.Framework;
import dev.kerneltracer.python.Interpreter;
import dev.kerneltracer.python.InterpreterSearch;
import dev.kerneltracer.python.ManagedEnvironment;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `env install`: makes a managed environment ahead of the first trace.
@Command(
    name = "install",
    description = {
      "Make the environment that traces run in where no Python with torch is found.",
      "It is kept in the cache directory and made with uv or, without it, with venv and pip;"
          + " their own settings (index, certificates, proxy) are honoured."
    },
    mixinStandardHelpOptions = true,
    footerHeading = "%nExample:%n",
    footer = "  kerneltracer env install transformers")
final class EnvInstallCommand implements Runnable {
  @Parameters(
      paramLabel = "NAME",
      description = "Which one: ${COMPLETION-CANDIDATES}.",
      completionCandidates = FrameworkNames.class,
      converter = FrameworkNames.class)
  private Framework framework = Framework.TRANSFORMERS;

  @Option(names = "--force", description = "Make it again even if it is there.")
  private boolean force;

  @Option(
      names = {"-q", "--quiet"},
      description = "No progress.")
  private boolean quiet;

  @Override
  public void run() {
    ManagedEnvironment environment =
        new InterpreterSearch(System.getenv(), null).managed(framework);
    Interpreter python;
    try (ProgressLine progress = ProgressLine.start("installing " + framework.label(), quiet)) {
      python = force ? environment.remake(progress::show) : environment.make(progress::show);
    }
    System.out.println(python.executable());
  }
}
