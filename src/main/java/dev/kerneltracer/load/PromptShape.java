package dev.kerneltracer.load;

import java.util.Arrays;

/// What a prompt is made of, before it is text or token ids: parts, each a number of tokens and a
/// seed. Prompts that begin with the same parts begin with the same tokens.
final class PromptShape {
  private final long[] seeds;
  private final int[] lengths;
  private final int tokens;

  PromptShape(long[] seeds, int[] lengths) {
    this.seeds = seeds;
    this.lengths = lengths;
    this.tokens = Arrays.stream(lengths).sum();
  }

  int parts() {
    return lengths.length;
  }

  long seed(int part) {
    return seeds[part];
  }

  int length(int part) {
    return lengths[part];
  }

  int tokens() {
    return tokens;
  }

  /// The same with fewer tokens: its last part gives what it can, since parts before it may be
  /// shared with others; then the part before.
  PromptShape shrunk(int tokens) {
    int[] shorter = lengths.clone();
    int surplus = this.tokens - tokens;
    for (int part = shorter.length - 1; part >= 0 && surplus > 0; part--) {
      int least = part > 0 ? Math.min(1, shorter[part]) : 0;
      int given = Math.min(surplus, shorter[part] - least);
      shorter[part] -= given;
      surplus -= given;
    }
    return new PromptShape(seeds, shorter);
  }
}
