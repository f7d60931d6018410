package dev.kerneltracer.sweep;

/// A size that is run.
///
/// @param batch sequences that decode, or prompts that prefill, together
/// @param inputTokens of each prompt
public record SweepSize(int batch, int inputTokens) {}
