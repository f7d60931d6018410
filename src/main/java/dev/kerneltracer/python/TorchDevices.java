package dev.kerneltracer.python;

import dev.kerneltracer.AtomicFile;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What the torch of an interpreter sees of the GPUs.
///
/// @param cuda the CUDA version that torch was built for, null for a build without it
/// @param hip the same for ROCm
/// @param names of the devices, with their memory
/// @param problem why there are none, null where there are
public record TorchDevices(
    @Nullable String cuda, @Nullable String hip, List<String> names, @Nullable String problem) {
  /// Importing torch from a cold network disk takes long.
  private static final Duration LIMIT = Duration.ofMinutes(2);

  private static final String MARK = "kerneltracer:";

  /// Imports torch in a process of its own and asks; never fails, but says what went wrong.
  public static TorchDevices seenBy(Interpreter python, Map<String, String> environment) {
    try {
      TimedCommand.Answer answer =
          TimedCommand.run(
              List.of(python.executable().toString(), "-c", PythonScript.DEVICES.text()),
              environment,
              LIMIT);
      if (answer.timedOut()) {
        return none("import torch did not end within " + LIMIT.toSeconds() + " s");
      }
      for (String line : answer.output().lines().toList().reversed()) {
        if (line.startsWith(MARK)) {
          return of(new JsonMapper().readTree(line.substring(MARK.length())));
        }
      }
      return none("import torch fails: " + answer.lastError());
    } catch (IOException e) {
      return none("cannot run " + python.executable() + ": " + AtomicFile.reason(e));
    } catch (JacksonException e) {
      return none("torch gave no answer that can be read");
    }
  }

  /// Whether `import torch` itself works, with or without devices.
  public boolean torchWorks() {
    return problem == null || !problem.startsWith("import torch");
  }

  private static TorchDevices none(String problem) {
    return new TorchDevices(null, null, List.of(), problem);
  }

  private static TorchDevices of(JsonNode answer) {
    List<String> names = new ArrayList<>();
    for (JsonNode device : answer.path("devices")) {
      long memory = device.path("memory_bytes").asLong(0);
      names.add(device.path("name").asString("") + ", " + (memory >> 30) + " GiB");
    }
    String problem = answer.path("problem").asString("");
    return new TorchDevices(
        text(answer, "cuda"), text(answer, "hip"), names, problem.isEmpty() ? null : problem);
  }

  private static @Nullable String text(JsonNode answer, String key) {
    String value = answer.path(key).asString("");
    return value.isEmpty() ? null : value;
  }
}
