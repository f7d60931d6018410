package dev.kerneltracer.cli;

import dev.kerneltracer.sweep.BatchSizes;
import dev.kerneltracer.sweep.SweepPhase;
import dev.kerneltracer.sweep.SweepSize;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `sweep decode`: exactly so many sequences generate together.
@Command(
    name = "decode",
    description = "Exactly so many sequences decode together in each profiled step.",
    mixinStandardHelpOptions = true,
    abbreviateSynopsis = true,
    sortOptions = false,
    optionListHeading = "%nOptions:%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  kerneltracer sweep decode --model type:qwen3 --tiny --batch 1,2,4 --output 20",
      "  kerneltracer sweep decode --model org/name --batch 1,3,8..256 --output-dir out"
    })
final class SweepDecodeCommand implements Callable<Integer> {
  @Mixin private ModelOptions model = new ModelOptions();

  @Option(
      names = {"-b", "--batch"},
      paramLabel = "N,A..B,A..B:S",
      defaultValue = "1..256:2",
      order = 3,
      description =
          "Batch sizes: A..B doubles, A..B:S goes by steps, B always belongs to it (default:"
              + " ${DEFAULT-VALUE}).")
  private String batch = "1..256:2";

  @Option(
      names = "--input",
      paramLabel = "N",
      defaultValue = "32",
      order = 3,
      description = "Tokens of each prompt (default: ${DEFAULT-VALUE}).")
  private int input;

  @Option(
      names = "--output",
      paramLabel = "N",
      defaultValue = "100",
      order = 3,
      description =
          "Tokens that each generates; the profiled steps are spread over them (default:"
              + " ${DEFAULT-VALUE}).")
  private int output;

  @Mixin private SweepOptions options = new SweepOptions();

  @Override
  public Integer call() throws IOException {
    SweepOptions.require(input >= 1, "--input must be at least 1");
    int least = options.warmup() + options.steps() + 1;
    SweepOptions.require(
        output >= least,
        "--output "
            + output
            + " is too short for --warmup and --steps: at least "
            + least
            + " tokens, the first comes from the prefill");
    List<SweepSize> sizes =
        BatchSizes.parse("--batch", batch).stream()
            .map(size -> new SweepSize(size, input))
            .toList();
    return options.run(SweepPhase.DECODE, model, sizes, output);
  }
}
