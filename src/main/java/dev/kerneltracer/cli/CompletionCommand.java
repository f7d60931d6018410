package dev.kerneltracer.cli;

import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/// `completion`: the script that teaches bash or zsh to complete this program's options.
@Command(
    name = "completion",
    description = "Print a completion script for bash or zsh.",
    mixinStandardHelpOptions = true,
    footerHeading = "%nExample:%n",
    footer = "  source <(kerneltracer completion)")
final class CompletionCommand implements Runnable {
  @SuppressWarnings("NullAway.Init")
  @Spec
  private CommandSpec spec;

  @Override
  public void run() {
    System.out.print(AutoComplete.bash("kerneltracer", spec.root().commandLine()));
  }
}
