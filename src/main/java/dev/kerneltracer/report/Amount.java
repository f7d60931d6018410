package dev.kerneltracer.report;

/// Numbers as a person reads them, the unit beside them. Files get plain numbers instead.
public final class Amount {
  private static final String[] BYTE_UNITS = {"B", "KiB", "MiB", "GiB", "TiB"};

  private Amount() {}

  /// A duration in the largest unit that leaves at least 1, with three significant digits: `1.23
  /// ms`.
  public static String time(long ns) {
    long size = Math.abs(ns);
    if (size < 1_000) {
      return ns + " ns";
    }
    if (size < 999_500) {
      return digits(ns / 1e3) + " µs";
    }
    if (size < 999_500_000) {
      return digits(ns / 1e6) + " ms";
    }
    return digits(ns / 1e9) + " s";
  }

  public static String count(long count) {
    StringBuilder digits = new StringBuilder().append(Math.abs(count));
    for (int at = digits.length() - 3; at > 0; at -= 3) {
      digits.insert(at, ',');
    }
    return (count < 0 ? "-" : "") + digits;
  }

  /// `12.3 %` of a share from 0 to 1.
  public static String share(double share) {
    return decimal(share * 100, 1) + " %";
  }

  public static String bytes(long bytes) {
    double value = bytes;
    int unit = 0;
    while (value >= 1024 && unit < BYTE_UNITS.length - 1) {
      value /= 1024;
      unit++;
    }
    return (unit == 0 ? String.valueOf(bytes) : digits(value)) + " " + BYTE_UNITS[unit];
  }

  /// A number of parameters: `213 K`, `8.03 B`.
  public static String parameters(long count) {
    if (count < 1_000) {
      return String.valueOf(count);
    }
    if (count < 999_500) {
      return digits(count / 1e3) + " K";
    }
    if (count < 999_500_000) {
      return digits(count / 1e6) + " M";
    }
    return digits(count / 1e9) + " B";
  }

  private static String digits(double value) {
    double size = Math.abs(value);
    return decimal(value, size < 9.995 ? 2 : size < 99.95 ? 1 : 0);
  }

  /// A number with so many decimals, rounded half up. By hand, since a Formatter takes a tenth of a
  /// second to begin with.
  public static String decimal(double value, int places) {
    long unit = 1;
    for (int i = 0; i < places; i++) {
      unit *= 10;
    }
    long scaled = Math.round(Math.abs(value) * unit);
    StringBuilder text =
        new StringBuilder(value < 0 && scaled > 0 ? "-" : "").append(scaled / unit);
    if (places > 0) {
      String rest = String.valueOf(scaled % unit);
      text.append('.').repeat('0', places - rest.length()).append(rest);
    }
    return text.toString();
  }
}
