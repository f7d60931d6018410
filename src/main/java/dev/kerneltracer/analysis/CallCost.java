package dev.kerneltracer.analysis;

/// What calls of modules cost together, with all that they call.
///
/// @param cpuNs from call to return
/// @param deviceNs of the kernels, copies and fills that were launched inside
/// @param operators those that no other operator calls
public record CallCost(long calls, long cpuNs, long deviceNs, long kernels, long operators) {
  public static final CallCost NONE = new CallCost(0, 0, 0, 0, 0);

  CallCost plus(CallCost other) {
    return new CallCost(
        calls + other.calls,
        cpuNs + other.cpuNs,
        deviceNs + other.deviceNs,
        kernels + other.kernels,
        operators + other.operators);
  }
}
