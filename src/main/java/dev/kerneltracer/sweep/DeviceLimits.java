package dev.kerneltracer.sweep;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// What a device can do at most, by its maker's data sheet (`device_limits.tsv`) or by what a user
/// gives.
///
/// @param name as the table or the user calls it
/// @param bandwidthGbS memory bandwidth in 10⁹ bytes/s
/// @param tflops 10¹² floating point operations/s of dense matrix products in 16 bits
public record DeviceLimits(String name, double bandwidthGbS, double tflops) {
  private static final String RESOURCE = "device_limits.tsv";

  public DeviceLimits {
    if (!(bandwidthGbS > 0 && tflops > 0)) {
      throw new IllegalArgumentException("limits must be above 0");
    }
  }

  /// The limits of a device by the name that its driver gives it, such as `NVIDIA H100 80GB HBM3`;
  /// null for one that the table does not have.
  public static @Nullable DeviceLimits known(String deviceName) {
    List<String> words = List.of(deviceName.toLowerCase(Locale.ROOT).split("[^a-z0-9]+", -1));
    return table().stream()
        .filter(row -> words.containsAll(List.of(row[0].split(" ", -1))))
        .findFirst()
        .map(row ->
            new DeviceLimits(deviceName, Double.parseDouble(row[1]), Double.parseDouble(row[2])))
        .orElse(null);
  }

  /// The operations for each byte from which on the device computes for longer than it waits for
  /// memory: the ridge of the roofline (Williams, Waterman, Patterson 2009).
  public double ridge() {
    return tflops * 1e3 / bandwidthGbS;
  }

  static List<String[]> table() {
    try (InputStream bytes =
        Objects.requireNonNull(DeviceLimits.class.getResourceAsStream(RESOURCE), RESOURCE)) {
      return new String(bytes.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .filter(line -> !line.isBlank() && !line.startsWith("#"))
          .map(line -> line.split("\t", -1))
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
