package dev.kerneltracer.tracer;

import dev.kerneltracer.AtomicFile;
import dev.kerneltracer.ExitCode;
import dev.kerneltracer.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Sums up what the tracers of graphs wrote.
final class GraphFindings {
  private static final Pattern ATEN_GRAPH = Pattern.compile("===== Graph \\d+ =====");
  private static final String ATEN_BREAKS = "===== Graph breaks =====";
  private static final Pattern ATEN_OPERATOR = Pattern.compile("torch\\.ops\\.(\\w+\\.\\w+)");

  private GraphFindings() {}

  /// Of `print_fx.json`.
  static Findings ofFx(Path directory) {
    Path file = directory.resolve("print_fx.json");
    JsonNode root = json(file);
    long graphs =
        root.path("type").asString("").equals("fx_graph") ? 1 : root.path("graphs").size();
    long nodes = root.path("nodes").size();
    for (JsonNode graph : root.path("graphs")) {
      nodes += graph.path("nodes").size();
    }
    long breaks = root.path("breaks").size();
    String text =
        count(graphs, "graph")
            + " of "
            + count(nodes, "node")
            + ", "
            + count(breaks, "graph break");
    if (breaks > 0) {
      JsonNode first = root.path("breaks").path(0);
      text += ", the first at " + first.path("location").asString("");
    }
    return summary(text + " (print_fx.json).", "graphs", graphs, "nodes", nodes, "breaks", breaks);
  }

  /// Of `print_aten.txt`.
  static Findings ofAtenText(Path directory) {
    Path file = directory.resolve("print_aten.txt");
    long graphs = 0;
    long backward = 0;
    long calls = 0;
    long breaks = 0;
    boolean graph = true;
    Set<String> operators = new HashSet<>();
    for (String line : lines(file)) {
      if (ATEN_GRAPH.matcher(line).matches()) {
        graphs++;
      } else if (line.equals(ATEN_BREAKS)) {
        graph = false;
      } else if (!graph) {
        breaks++;
      } else if (line.startsWith("# backward")) {
        backward++;
      } else {
        Matcher operator = ATEN_OPERATOR.matcher(line);
        if (operator.find()) {
          calls++;
          operators.add(operator.group(1));
        }
      }
    }
    String text =
        count(graphs, "graph")
            + (backward > 0 ? ", " + backward + " of them backward," : "")
            + " with "
            + count(calls, "call")
            + " of "
            + count(operators.size(), "ATen operator")
            + (breaks > 0 ? ", " + count(breaks, "graph break") : "")
            + " (print_aten.txt).";
    return summary(text, "graphs", graphs, "calls", calls, "operators", operators.size());
  }

  /// Of `torch_inductor_kernels.json`.
  static Findings ofInductor(Path directory) {
    JsonNode kernels = json(directory.resolve("torch_inductor_kernels.json"));
    List<String> files = lines(directory.resolve("torch_inductor.txt"));
    long graphs = files.stream().filter(name -> name.endsWith("/output_code.py")).count();
    long binaries = 0;
    for (JsonNode kernel : kernels) {
      binaries += kernel.path("cubin").isString() ? 1 : 0;
    }
    String text =
        count(kernels.size(), "kernel")
            + " generated for "
            + count(graphs, "graph")
            + (binaries > 0 ? ", " + count(binaries, "cubin") : "")
            + " (torch_inductor_kernels.json, inductor_dump).";
    return summary(text, "graphs", graphs, "kernels", kernels.size(), "files", files.size());
  }

  private static Findings summary(
      String text, String first, long a, String second, long b, String third, long c) {
    Map<String, Long> numbers = new LinkedHashMap<>();
    numbers.put(first, a);
    numbers.put(second, b);
    numbers.put(third, c);
    return new Findings.Summary(text, numbers);
  }

  private static String count(long number, String what) {
    return String.format(Locale.ROOT, "%,d %s%s", number, what, number == 1 ? "" : "s");
  }

  private static JsonNode json(Path file) {
    try {
      return new JsonMapper().readTree(Files.readString(file));
    } catch (IOException e) {
      throw unreadable(file, AtomicFile.reason(e));
    } catch (JacksonException e) {
      throw unreadable(file, e.getOriginalMessage());
    }
  }

  private static List<String> lines(Path file) {
    try {
      return Files.readAllLines(file);
    } catch (IOException e) {
      throw unreadable(file, AtomicFile.reason(e));
    }
  }

  private static UserException unreadable(Path file, String reason) {
    return new UserException(
        ExitCode.INPUT_UNREADABLE,
        "cannot read " + file + ": " + reason,
        "Run again with --force.");
  }
}
