package dev.kerneltracer.python;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/// The Python that KernelTracer passes to `python -c`, kept as resources beside this class.
enum PythonScript {
  /// What this interpreter is and has.
  DESCRIBE("describe.py"),
  /// What torch sees of the devices.
  DEVICES("devices.py"),
  /// How many tokens texts have.
  COUNT_TOKENS("count_tokens.py");

  private final String file;

  PythonScript(String file) {
    this.file = file;
  }

  String text() {
    return resource(file);
  }

  /// The text of a resource of this package.
  static String resource(String name) {
    try (InputStream in = PythonScript.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException("no resource " + name);
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
