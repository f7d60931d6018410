package dev.kerneltracer.tracer;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The operators of a `torch_dispatch.json`, the most called first.
public record DispatchCounts(List<Row> rows, long calls) implements Findings {
  public DispatchCounts {
    rows = List.copyOf(rows);
  }

  /// One operator.
  ///
  /// @param operator such as `aten.mm.default`
  /// @param distinctInputs combinations of shapes, dtypes and other arguments
  public record Row(String operator, long calls, long distinctInputs) {}

  /// Reads the file that the probe wrote into `directory`.
  ///
  /// @throws UserException where it is missing or damaged
  static DispatchCounts read(Path directory) {
    Path file = directory.resolve("torch_dispatch.json");
    List<Row> rows = new ArrayList<>();
    long[] calls = {0};
    try {
      new JsonMapper()
          .readTree(Files.readString(file))
          .forEachEntry((operator, inputs) -> {
            long count = 0;
            for (JsonNode input : inputs) {
              count += input.path("count").asLong(0);
            }
            rows.add(new Row(operator, count, inputs.size()));
            calls[0] += count;
          });
    } catch (IOException e) {
      throw unreadable(file, AtomicFile.reason(e));
    } catch (JacksonException e) {
      throw unreadable(file, e.getOriginalMessage());
    }
    rows.sort(Comparator.comparingLong(Row::calls).reversed().thenComparing(Row::operator));
    return new DispatchCounts(rows, calls[0]);
  }

  private static UserException unreadable(Path file, String reason) {
    return new UserException(
        ExitCode.INPUT_UNREADABLE,
        "cannot read " + file + ": " + reason,
        "Run again with --force.");
  }
}
