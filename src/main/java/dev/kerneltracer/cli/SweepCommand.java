package dev.kerneltracer.cli;

import picocli.CommandLine.Command;

/// `sweep`: batches of exact sizes, and what each operator costs in them.
@Command(
    name = "sweep",
    description = "Run batches of exact sizes in vLLM, and table what each operator costs in them.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {SweepDecodeCommand.class, SweepPrefillCommand.class, SweepTablesCommand.class},
    footerHeading = "%nExamples:%n",
    footer = {
      "  kerneltracer sweep decode --model type:qwen3 --tiny --batch 1,2,4 --output 20",
      "  kerneltracer sweep decode --model org/name --batch 1,3,8..256 --output-dir out",
      "  kerneltracer sweep prefill --model org/name --batch 1,2,4 --input 128,1024",
      "  kerneltracer sweep tables out"
    })
final class SweepCommand {}
