package dev.kerneltracer.python;

import java.util.Arrays;
import java.util.Comparator;

/// The release numbers of a Python package's version (PEP 440): `2.2.0a0+81ea7a4` counts as 2.2.0,
/// since vendors' builds of a release are named so.
record Version(int major, int minor, int patch) implements Comparable<Version> {
  private static final Comparator<Version> ORDER =
      Comparator.comparingInt(Version::major)
          .thenComparingInt(Version::minor)
          .thenComparingInt(Version::patch);

  static Version of(String text) {
    int[] numbers = new int[3];
    String[] parts = text.strip().split("[^0-9.]", 2)[0].split("\\.", -1);
    for (int i = 0; i < Math.min(parts.length, numbers.length); i++) {
      numbers[i] = parts[i].isEmpty() || parts[i].length() > 9 ? 0 : Integer.parseInt(parts[i]);
    }
    return new Version(numbers[0], numbers[1], numbers[2]);
  }

  boolean atLeast(String minimum) {
    return compareTo(of(minimum)) >= 0;
  }

  /// Major and minor, as `2.13`.
  String series() {
    return major + "." + minor;
  }

  boolean isSeriesOf(String... versions) {
    return Arrays.stream(versions).anyMatch(v -> of(v).series().equals(series()));
  }

  @Override
  public int compareTo(Version other) {
    return ORDER.compare(this, other);
  }
}
