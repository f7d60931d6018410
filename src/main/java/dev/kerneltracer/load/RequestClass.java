package dev.kerneltracer.load;

import org.jspecify.annotations.Nullable;

/// One kind of request of a mix.
///
/// @param weight its share of all requests, relative to the other weights
/// @param input how long prompts are
/// @param output how many tokens are asked for
/// @param contextShare which part of the prompt is context that the question at its end is about; 0
///   for a plain prompt
/// @param prefix what its prompts have in common, null for nothing
public record RequestClass(
    String name,
    double weight,
    Lengths input,
    Lengths output,
    double contextShare,
    @Nullable SharedPrefix prefix) {

  /// The beginning that prompts of a class share, which a server's prefix cache finds again.
  ///
  /// @param groups how many different ones there are; each request begins with one of them
  /// @param tokens how long each is
  public record SharedPrefix(int groups, int tokens) {}

  RequestClass withWeight(double newWeight) {
    return new RequestClass(name, newWeight, input, output, contextShare, prefix);
  }
}
