package dev.kerneltracer.cli;

import dev.kerneltracer.sweep.BatchSizes;
import dev.kerneltracer.sweep.SweepPhase;
import dev.kerneltracer.sweep.SweepSize;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `sweep prefill`: exactly so many prompts are computed together.
@Command(
    name = "prefill",
    description = "Exactly so many prompts prefill together in each profiled step.",
    mixinStandardHelpOptions = true,
    abbreviateSynopsis = true,
    sortOptions = false,
    optionListHeading = "%nOptions:%n",
    footerHeading = "%nExamples:%n",
    footer = {
      "  kerneltracer sweep prefill --model type:qwen3 --tiny --batch 1,2 --input 16,64",
      "  kerneltracer sweep prefill --model org/name --batch 1,2,4 --input 128,1024"
    })
final class SweepPrefillCommand implements Callable<Integer> {
  @Mixin private ModelOptions model = new ModelOptions();

  @Option(
      names = {"-b", "--batch"},
      paramLabel = "N,A..B,A..B:S",
      defaultValue = "1..8",
      order = 3,
      description =
          "Batch sizes: A..B doubles, A..B:S goes by steps, B always belongs to it (default:"
              + " ${DEFAULT-VALUE}).")
  private String batch = "1..8";

  @Option(
      names = "--input",
      paramLabel = "N,A..B,A..B:S",
      defaultValue = "128",
      order = 3,
      description =
          "Tokens of each prompt; of several lengths each has its folder input_<N> (default:"
              + " ${DEFAULT-VALUE}).")
  private String input = "128";

  @Mixin private SweepOptions options = new SweepOptions();

  @Override
  public Integer call() throws IOException {
    List<SweepSize> sizes = new ArrayList<>();
    for (int length : BatchSizes.parse("--input", input)) {
      for (int size : BatchSizes.parse("--batch", batch)) {
        sizes.add(new SweepSize(size, length));
      }
    }
    return options.run(SweepPhase.PREFILL, model, sizes, 1);
  }
}
