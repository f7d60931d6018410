package dev.kerneltracer.trace;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/// What a trace says beside its events. Every value is kept as its JSON text; the readings are of
/// the keys that Kineto writes.
///
/// @param values key to JSON text, in file order
public record TraceMetadata(Map<String, String> values) {
  public TraceMetadata {
    values = Collections.unmodifiableMap(new LinkedHashMap<>(values));
  }

  /// A device that the profiled process saw.
  ///
  /// @param properties as `deviceProperties` has them: `numSms`, `warpSize`, `maxThreadsPerBlock` …
  public record Device(String name, Map<String, String> properties) {
    public OptionalLong number(String property) {
      return TraceMetadata.number(properties.get(property));
    }
  }

  /// The devices, named `deviceProperties`, in old traces `computeProperties`.
  public List<Device> devices() {
    String text = values.getOrDefault("deviceProperties", values.get("computeProperties"));
    return FlatJson.objects(text).stream()
        .map(properties -> new Device(properties.getOrDefault("name", ""), properties))
        .toList();
  }

  public OptionalInt rank() {
    return distributed("rank");
  }

  public OptionalInt worldSize() {
    return distributed("world_size");
  }

  private OptionalInt distributed(String key) {
    for (Map<String, String> info : FlatJson.objects(values.get("distributedInfo"))) {
      OptionalLong number = number(info.get(key));
      if (number.isPresent()) {
        return OptionalInt.of(Math.clamp(number.getAsLong(), -1, Integer.MAX_VALUE));
      }
    }
    return OptionalInt.empty();
  }

  public boolean recordShapes() {
    return flag("record_shapes");
  }

  public boolean withStack() {
    return flag("with_stack");
  }

  /// The versions of the driver, the runtime and the profiling library, those that are given.
  public Map<String, String> versions() {
    Map<String, String> versions = new LinkedHashMap<>();
    for (String key :
        List.of(
            "cuda_driver_version",
            "cuda_runtime_version",
            "cupti_version",
            "hip_driver_version",
            "hip_runtime_version",
            "roctracer_version")) {
      String value = values.get(key);
      if (value != null) {
        versions.put(key, value.replace("\"", ""));
      }
    }
    return versions;
  }

  private boolean flag(String key) {
    String value = values.getOrDefault(key, "0");
    return value.equals("1") || value.equals("true");
  }

  private static OptionalLong number(@Nullable String text) {
    if (text == null || !text.matches("-?\\d{1,18}")) {
      return OptionalLong.empty();
    }
    return OptionalLong.of(Long.parseLong(text));
  }
}
