package dev.kerneltracer.load;

import java.util.List;

/// Counts tokens as the server will.
@FunctionalInterface
public interface Tokenizer {
  /// The length in tokens of each prompt, with what the tokenizer or its chat template adds.
  ///
  /// @throws InterruptedException where the run is given up meanwhile
  int[] count(List<Prompt> prompts) throws InterruptedException;
}
