package dev.kerneltracer.cli;

import picocli.CommandLine.Command;

/// `models`: the models in the Hugging Face cache.
@Command(
    name = "models",
    description = "Download, check and list models in the Hugging Face cache.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {ModelsDownloadCommand.class, ModelsCheckCommand.class, ModelsListCommand.class},
    footerHeading = "%nExamples:%n",
    footer = {
      "  kerneltracer models download Qwen/Qwen3-0.6B",
      "  kerneltracer models check",
      "  kerneltracer models list --format json"
    })
final class ModelsCommand {}
