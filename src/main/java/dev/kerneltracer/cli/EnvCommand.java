package dev.kerneltracer.cli;

import picocli.CommandLine.Command;

/// `env`: the Python environments that targets run in.
@Command(
    name = "env",
    description = "Show, install and check the Python environments.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {EnvListCommand.class, EnvInstallCommand.class, EnvDoctorCommand.class},
    footerHeading = "%nExamples:%n",
    footer = {
      "  kerneltracer env doctor",
      "  kerneltracer env install transformers",
    })
final class EnvCommand {}
