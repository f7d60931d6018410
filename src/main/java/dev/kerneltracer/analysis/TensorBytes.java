package dev.kerneltracer.analysis;

import java.util.Locale;

/// The sizes of tensors from what the profiler records of them.
final class TensorBytes {
  private TensorBytes() {}

  /// The bytes of an element, of names such as `BFloat16`, `c10::BFloat16`, `float`, `long int`; 0
  /// for an unknown one.
  static int ofElement(String type) {
    String name = type.toLowerCase(Locale.ROOT).replace("c10::", "").strip();
    if (name.startsWith("float8")) {
      return 1;
    }
    return switch (name) {
      case "complexdouble", "complex<double>" -> 16;
      case "double",
          "long",
          "long int",
          "long long",
          "int64",
          "float64",
          "uint64",
          "unsigned long",
          "complexfloat",
          "complex<float>" ->
          8;
      case "float", "int", "int32", "float32", "uint32", "unsigned int", "complexhalf" -> 4;
      case "half", "bfloat16", "short", "short int", "int16", "float16", "uint16" -> 2;
      case "byte", "char", "bool", "signed char", "unsigned char", "int8", "uint8" -> 1;
      default -> 0;
    };
  }

  /// The bytes of the largest tensor among an operator's inputs; 0 where none is known.
  ///
  /// @param dims `Input Dims` as JSON, such as `[[64, 4096], [], [[2, 3], [4]]]`
  /// @param types `Input type` as JSON, such as `["float", "Scalar", "TensorList"]`
  static long largest(String dims, String types) {
    String[] names = types.replaceAll("[\\[\\]\"]", "").split(",", -1);
    long largest = 0;
    long elements = 1;
    boolean any = false;
    int depth = 0;
    int input = 0;
    long number = -1;
    for (int i = 0; i < dims.length(); i++) {
      char c = dims.charAt(i);
      if (c >= '0' && c <= '9') {
        number = Math.min(Math.max(number, 0) * 10 + (c - '0'), Integer.MAX_VALUE);
        continue;
      }
      if (number >= 0) {
        elements = Math.multiplyHigh(elements, number) == 0 ? elements * number : 0;
        any = true;
        number = -1;
      }
      if (c == '[') {
        depth++;
      } else if (c == ']') {
        depth--;
        if (depth == 1) {
          if (any && input < names.length) {
            largest = Math.max(largest, elements * ofElement(names[input]));
          }
          elements = 1;
          any = false;
        }
      } else if (c == ',' && depth == 1) {
        input++;
      }
    }
    return largest;
  }
}
