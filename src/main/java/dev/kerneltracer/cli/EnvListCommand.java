package dev.kerneltracer.cli;

import dev.kerneltracer.python.Candidate;
import dev.kerneltracer.python.Framework;
import dev.kerneltracer.python.Interpreter;
import dev.kerneltracer.python.InterpreterSearch;
import dev.kerneltracer.report.TerminalTable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;

/// `env list`: every Python that could run a trace, and the one that will.
@Command(
    name = "list",
    description = "List the Pythons that were found, and which one a trace would use (*).",
    mixinStandardHelpOptions = true,
    footerHeading = "%nExample:%n",
    footer = "  kerneltracer env list --format json")
final class EnvListCommand implements Runnable {
  @Option(
      names = "--python",
      paramLabel = "PYTHON",
      description = "As for trace: the Python to use.")
  private @Nullable String python;

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      description = "${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
  private OutputFormat format = OutputFormat.TABLE;

  @Override
  public void run() {
    InterpreterSearch.Found found =
        new InterpreterSearch(System.getenv(), python).lookAround(Framework.TRANSFORMERS);
    switch (format) {
      case TABLE -> {
        if (!found.candidates().isEmpty()) {
          System.out.print(text(found, Terminal.stdout().width()));
        }
        if (found.chosen() == null) {
          System.out.println("None of them can run a trace. Next: kerneltracer env doctor");
        }
      }
      case JSON ->
          System.out.println(
              new JsonMapper()
                  .writerWithDefaultPrettyPrinter()
                  .writeValueAsString(Map.of("interpreters", rows(found))));
    }
  }

  /// A table where the window is wide enough for whole paths, else a block for each.
  static String text(InterpreterSearch.Found found, int width) {
    String table = table(found).render(Integer.MAX_VALUE);
    if (table.lines().allMatch(l -> l.length() <= width)) {
      return table;
    }
    StringBuilder out = new StringBuilder();
    for (Candidate candidate : found.candidates()) {
      Interpreter interpreter = candidate.interpreter();
      out.append(isChosen(candidate, found) ? "* " : "  ")
          .append(candidate.executable())
          .append("\n    ")
          .append(candidate.origin().label());
      if (interpreter != null) {
        out.append(", Python ").append(interpreter.version());
        for (String name : List.of("torch", "transformers")) {
          if (interpreter.versionOf(name) != null) {
            out.append(", ").append(name).append(' ').append(interpreter.versionOf(name));
          }
        }
      }
      out.append("\n    ").append(remark(candidate, found)).append('\n');
    }
    return out.toString();
  }

  private static TerminalTable table(InterpreterSearch.Found found) {
    TerminalTable table =
        new TerminalTable(
            TerminalTable.Column.fixed(" "),
            TerminalTable.Column.text("Python"),
            TerminalTable.Column.fixed("from"),
            TerminalTable.Column.fixed("version"),
            TerminalTable.Column.fixed("torch"),
            TerminalTable.Column.fixed("transformers"),
            TerminalTable.Column.text("remark"));
    for (Candidate candidate : found.candidates()) {
      Interpreter interpreter = candidate.interpreter();
      table.row(
          isChosen(candidate, found) ? "*" : " ",
          candidate.executable().toString(),
          candidate.origin().label(),
          interpreter == null ? "-" : interpreter.version(),
          version(interpreter, "torch"),
          version(interpreter, "transformers"),
          remark(candidate, found));
    }
    return table;
  }

  /// The same for a program; keys in this order.
  static List<Map<String, @Nullable Object>> rows(InterpreterSearch.Found found) {
    List<Map<String, @Nullable Object>> rows = new ArrayList<>();
    for (Candidate candidate : found.candidates()) {
      Interpreter interpreter = candidate.interpreter();
      Map<String, @Nullable Object> row = new LinkedHashMap<>();
      row.put("executable", candidate.executable().toString());
      row.put("origin", candidate.origin().label());
      row.put("chosen", isChosen(candidate, found));
      row.put("serves", candidate.serves());
      row.put("reason", candidate.reason());
      row.put("python", interpreter == null ? null : interpreter.version());
      row.put("packages", interpreter == null ? Map.of() : interpreter.packages());
      rows.add(row);
    }
    return rows;
  }

  private static boolean isChosen(Candidate candidate, InterpreterSearch.Found found) {
    return candidate.interpreter() != null && candidate.interpreter().equals(found.chosen());
  }

  private static String remark(Candidate candidate, InterpreterSearch.Found found) {
    if (candidate.reason() != null) {
      return candidate.reason();
    }
    return isChosen(candidate, found) ? "will be used" : "would serve, but comes later";
  }

  private static String version(@Nullable Interpreter interpreter, String name) {
    String version = interpreter == null ? null : interpreter.versionOf(name);
    return version == null ? "-" : version;
  }
}
