package dev.kerneltracer.python;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;

/// Shell scripts in place of Pythons that no test machine can be asked to have.
final class FakePrograms {
  private FakePrograms() {}

  static Path script(Path file, String body) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, "#!/bin/sh\n" + body + "\n");
    return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  /// A Python that answers as the real one would.
  ///
  /// @param packages as JSON members, such as `"torch": "2.13.0"`
  static Path python(Path file, String version, String packages) throws IOException {
    return script(
        file,
        """
        echo 'a module was loaded'
        echo 'kerneltracer:{"python": "%s", "implementation": "cpython", "executable": "%s", \
        "makes_environments": false, "packages": {%s}}'\
        """
            .formatted(version, file, packages));
  }

  static Path whole(Path file) throws IOException {
    return python(file, "3.12.1", "\"torch\": \"2.13.0\", \"transformers\": \"5.19.0\"");
  }

  static Path withoutTorch(Path file) throws IOException {
    return python(file, "3.12.1", "\"pip\": \"24.0\", \"transformers\": \"5.19.0\"");
  }
}
